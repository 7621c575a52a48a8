"""`devise watch`: the library follows its folders."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from devise.cli.options import LibraryPath
from devise.cli.output import show
from devise.errors import needed


def watch(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders to add. Without any, those indexed before.", show_default=False, readable=False),
    ] = None,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look every second: for network disks, of which the system tells nothing.")
    ] = False,
    library: LibraryPath = None,
) -> None:
    """Keep the library up to date while folders change. New, changed, moved and deleted photos are taken at once.

    devise watch ~/Pictures

    Ends with Ctrl-C.
    """
    needed("devise watch", "watchfiles")
    from devise.library import Library

    with Library(library) as opened:
        if folders:
            show.note(str(opened.index(folders)))
        if roots := opened.info().roots:
            show.note(f"watching {', '.join(map(str, roots))}")
        opened.watch(lambda text: show.note(f"{datetime.now():%H:%M:%S} {text}"), polls=poll)
