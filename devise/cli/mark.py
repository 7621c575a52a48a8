"""`devise mark`: say which photos were good or bad answers to a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli.options import Csv, Json, LibraryPath, form
from devise.cli.output import show
from devise.cli.output.form import Form
from devise.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devise.reports import Judgement


def mark(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(help="Photos of the library, by path or name.", show_default=False, readable=False),
    ] = None,
    good: Annotated[
        str | None, typer.Option(metavar="QUERY", show_default=False, help="They are good answers to this query.")
    ] = None,
    bad: Annotated[
        str | None, typer.Option(metavar="QUERY", show_default=False, help="They are bad answers to this query.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Forget what the last `devise mark` said.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Show all that was said.")] = False,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Say which photos are good or bad answers to a query. Later searches for it, or for nearly it, heed that.

    devise mark tom.jpg ada.jpg --good "sofa cat"

    devise mark dog.jpg --bad "sofa cat"

    devise mark --undo
    """
    from devise.library import Library

    if bool(photos) + undo + listing != 1 or bool(photos) != ((good is None) != (bad is None)):
        raise typer.BadParameter("name photos and --good QUERY or --bad QUERY, or choose --undo or --list")
    chosen = form(json, csv)
    with Library(library) as opened:
        if photos:
            query = good if good is not None else bad
            assert query is not None
            made = opened.marks.add(query, photos, is_good=good is not None)
            show.note(f'{counted(len(made), "photo")} marked {"good" if good is not None else "bad"} '
                      f'for "{query}"; take it back with: devise mark --undo')  # fmt: skip
            if chosen is not Form.AUTO:
                _show(made, chosen)
        elif undo:
            gone = opened.marks.undo()
            show.note(f"{counted(len(gone), 'judgement')} forgotten" if gone else "there is nothing to undo")
            _show(gone, chosen)
        else:
            _show(list(opened.marks), chosen)


def _show(judgements: Sequence[Judgement], chosen: Form) -> None:
    document = [each.to_json() for each in judgements]
    table = [(each.query, each.mark, display.name(each.path), each.marked) for each in judgements]
    found = show.Output(
        columns=("query", "mark", "path", "marked"),
        rows=[tuple(each.values()) for each in document],
        document=document,
        table=table,
        nothing="nothing was marked yet; say what is good with: devise mark PHOTO --good QUERY",
    )
    show.output(found, chosen)
