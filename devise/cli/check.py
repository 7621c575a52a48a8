"""`devise check`: is the library whole, and what mends it."""

from __future__ import annotations

from typing import Annotated

import typer

from devise.cli.options import Json, LibraryPath
from devise.cli.output import show
from devise.cli.output.form import Form
from devise.store.location import location


def check(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    library: LibraryPath = None,
    json: Json = False,
) -> None:
    """Look whether the library is whole. Its database, every vector, texts and graphs, and the photos, which are read.

    Exit status 1 where something is damaged and was not mended; photos that are gone or have changed are no damage.

    devise check --repair
    """
    from devise.cli.output.progress import BarProgress, stages
    from devise.library.upkeep.check import check

    with stages() as shown:
        found = check(location(library), repair=repair, progress=BarProgress(shown))
    damaged = [finding for finding in found if finding.is_damage]
    if json:
        document = [
            {"text": each.text, "damage": each.is_damage, "mended": each.is_damage and repair} for each in found
        ]
        show.output(show.Output(columns=(), rows=(), document=document), Form.JSON)
    else:
        for finding in found:
            show.note(f"mended: {finding.text}" if repair and finding.is_damage else finding.text)
        show.note(_verdict(bool(damaged), repair))
    if damaged and not repair:
        raise typer.Exit(1)


def _verdict(is_damaged: bool, repair: bool) -> str:
    if not is_damaged:
        return "the library is whole"
    return "run devise index to read again what was lost" if repair else "mend it with: devise check --repair"
