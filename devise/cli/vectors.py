"""`devise vectors`: import vectors of words and of photos, list those of words, choose the ones in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli.options import Csv, Json, LibraryPath, form
from devise.cli.output import show
from devise.errors import counted, listed
from devise.store.location import Location, location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devise.library.exchange.bring import Brought, Mode
    from devise.words import VectorsInfo

vectors = typer.Typer(
    help="Import vectors of words and of photos; list and choose those of words.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@vectors.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="GloVe or word2vec (text, .gz, binary), gensim's KeyedVectors, .npz, or a name of its downloader. "
            "With --space vectors of photos: .npz, .parquet, .jsonl.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="The name to keep them under.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(metavar="SPACE", show_default=False, help="Of photos: as a space of the library, called so."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="Word vectors of that space, to ask it with words."),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="To a space that is there: photos that have no vector.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="In the place of a space that is there.")] = False,
    library: LibraryPath = None,
) -> None:
    """Import word vectors, or with --space vectors of photos that another model made.

    Word vectors are kept in a form of our own that opens in milliseconds. Vectors of photos go to the photos of the
    library that have those paths or hashes: docs/other-tools.md.

    devise vectors import glove.6B.300d.txt --name glove

    devise vectors import clip.npz --space clip --words clip
    """
    if space is not None:
        if name is not None or (add and replace):
            raise typer.BadParameter(
                "vectors of photos go by --space, without --name; choose one of --add and --replace"
            )
        _bring(location(library), Path(source), space, words, "add" if add else "replace" if replace else "new")
        return
    if words is not None or add or replace or library is not None:
        raise typer.BadParameter("--words, --add, --replace and --library are for vectors of photos; name a --space")
    from devise.cli.output.progress import BarProgress, stages
    from devise.words import import_vectors

    with stages() as shown:
        imported = import_vectors(source, name, BarProgress(shown, unit="words"))
    show.note(f"imported {len(imported):,} words of {imported.dim} numbers as {imported.name}")
    if "Windows-1252" in imported.source:
        show.note(
            f"note: {imported.source.split('; ')[-1]}; if those look wrong, save the file as UTF-8 and import again"
        )
    show.note(f"use them with: devise vectors use {imported.name}")


def _bring(folder: Location, file: Path, space: str, words: str | None, mode: Mode) -> None:
    from devise.cli.output.progress import BarProgress, stages
    from devise.library.exchange.bring import bring

    with stages() as shown:
        done = bring(folder, file, space, words=words, mode=mode, progress=BarProgress(shown))
    for line in _lines(done, space, words is not None):
        show.note(line)


def _lines(done: Brought, space: str, has_words: bool) -> Iterator[str]:
    """What came of it, and how to go on."""
    kept = f"; {counted(done.num_kept, 'photo')} had one before" if done.num_kept else ""
    yield f"{counted(done.num_photos, 'photo')} of the library with vectors of {done.dim:,} numbers in {space}{kept}"
    if done.pointless:
        have = counted(len(done.pointless), "vector", "vectors")
        yield f"left out: {have} without direction (zero, NaN or infinite): {listed(done.pointless)}"
    if done.unknown:
        yield f"left out: {counted(len(done.unknown), 'photo')} not in the library: {listed(done.unknown)}"
    if done.num_lacking:
        have = counted(done.num_lacking, "photo has", "photos have")
        yield f"{have} none yet; bring more with: devise vectors import FILE --space {space} --add"
    yield f"ask it with: devise similar PHOTO --space {space}"
    if has_words:
        yield f"or with words: devise search WORDS --space {space}"


@vectors.command("drop")
def drop(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="One that was imported.")], library: LibraryPath = None
) -> None:
    """Forget the vectors of photos that were imported as a space. Photos and word vectors stay.

    devise vectors drop clip
    """
    from devise.library.exchange.bring import drop

    drop(location(library), space)
    show.note(f"the library has no space {space} any more")


@vectors.command("list")
def list_(json: Json = False, csv: Csv = False) -> None:
    """List the word vectors. A star marks the ones in use."""
    from devise.words import list_vectors

    chosen = form(json, csv)
    known = list_vectors()
    document = [
        {
            "name": each.name,
            "words": each.count,
            "dim": each.dim,
            "source": each.source,
            "path": str(each.path),
            "fingerprint": each.fingerprint,
            "in_use": each.in_use,
        }
        for each in known
    ]
    found = show.Output(
        columns=("in_use", "name", "words", "dim", "source", "path"),
        rows=[(_star(each), each.name, each.count, each.dim, each.source, str(each.path)) for each in known],
        document=document,
        table_columns=("", "name", "words", "numbers", "source", "file"),
        table=[
            (_star(each), each.name, each.count, each.dim, each.source, display.name(str(each.path))) for each in known
        ],
        nothing="no word vectors; bring some with: devise vectors import FILE",
    )
    show.output(found, chosen)


def _star(info: VectorsInfo) -> str:
    return "*" if info.in_use else ""


@vectors.command("use")
def use(name: Annotated[str, typer.Argument(help="A name that devise vectors list shows.")]) -> None:
    """Choose the word vectors in use. `devise words` and `devise train` take them when none are named."""
    from devise.words import use_vectors

    use_vectors(name)
    show.note(f"in use: {name}")
