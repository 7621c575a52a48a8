"""`devise vectors`: import word vectors, list them, choose the ones in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli.options import Csv, Json, form
from devise.cli.output import show

if TYPE_CHECKING:
    from devise.words import VectorsInfo

vectors = typer.Typer(
    help="Import, list and choose word vectors.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@vectors.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="GloVe or word2vec (text, .gz, binary), gensim's KeyedVectors, or a name of its downloader.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="The name to keep them under.")
    ] = None,
) -> None:
    """Import word vectors. They are kept in a form of our own that opens in milliseconds.

    devise vectors import glove.6B.300d.txt --name glove
    """
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
