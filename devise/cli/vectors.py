"""`devise vectors`: import word vectors, list them, choose the ones in use."""

from __future__ import annotations

from typing import Annotated

import typer

from devise.cli import show
from devise.cli.options import Csv, Json, form

vectors = typer.Typer(help="Import, list and choose word vectors.", no_args_is_help=True)


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
    from devise.cli.progress import stages
    from devise.words import import_vectors

    with stages() as shown:
        imported = import_vectors(source, name, lambda done, total=None: shown.move("importing", "words", done, total))
    show.note(f"imported {len(imported):,} words of {imported.dim} numbers as {imported.name}")
    show.note(f"use them with: devise vectors use {imported.name}")


@vectors.command("list")
def list_(json: Json = False, csv: Csv = False) -> None:
    """List the word vectors. A star marks the ones in use."""
    from devise.words import list_vectors

    chosen = form(json, csv)
    known = list_vectors()
    rows = [
        ("*" if each.in_use else "", each.name, each.count, each.dim, each.source, str(each.path)) for each in known
    ]
    found = show.Answer(
        columns=("in_use", "name", "words", "dim", "source", "path"),
        rows=rows,
        document=[
            {
                **dict(zip(("name", "words", "dim", "source", "path"), row[1:], strict=True)),
                "in_use": bool(row[0]),
            }
            for row in rows
        ],
        table_columns=("", "name", "words", "numbers", "source", "file"),
        table=[(*row[:5], show.name(str(row[5]))) for row in rows],
        nothing="no word vectors; bring some with: devise vectors import FILE",
    )
    show.answer(found, chosen)


@vectors.command("use")
def use(name: Annotated[str, typer.Argument(help="A name that devise vectors list shows.")]) -> None:
    """Choose the word vectors in use. `devise words` and `devise train` take them when none are named."""
    from devise.words import use_vectors

    use_vectors(name)
    show.note(f"in use: {name}")
