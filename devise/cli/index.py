"""`devise index`: bring photos into the library, or the library up to date with its folders."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise.cli.options import Json, LibraryPath, Relative
from devise.cli.output import show
from devise.cli.output.form import Form
from devise.errors import MAX_LISTED, counted

if TYPE_CHECKING:
    from devise.library import Library
    from devise.reports import IndexReport

REASONS = 3  # the commonest, counted in one line


def index(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of photos. Without any, those indexed before.", show_default=False, readable=False
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="Checkpoint by name or path; default: the shipped one."),
    ] = None,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="Go on when a folder has lost all its photos, and forget them."),
    ] = False,
    rehash: Annotated[
        bool,
        typer.Option("--rehash", help="Read all files, also those whose size and time are as they were."),
    ] = False,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOOK",
            show_default=False,
            help="Also compare photos by colour, phash, dhash or ahash (docs/looks.md). Needs no pass of the network.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(metavar="N", help="Processes that share the work, into a library on servers (docs/scale.md)."),
    ] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no list of skipped photos.")] = False,
    library: LibraryPath = None,
    json: Json = False,
    relative: Relative = False,
) -> None:
    """Bring photos into the library.

    New and changed ones are encoded, moved ones keep their vectors, vanished ones go.

    devise index ~/Pictures

    devise index --add colour
    """
    from devise.cli.output.progress import BarProgress, stages
    from devise.library import Library

    with Library(library) as opened, stages() as shown:
        progress = None if quiet else BarProgress(shown)
        how = {"allow_empty": allow_empty, "rehash": rehash}
        report = opened.index(folders or (), model=model, **how, add=add or (), workers=workers, progress=progress)
        report = replace(report, skipped=tuple(replace(s, path=show.path(s.path, relative)) for s in report.skipped))
        if json:
            show.output(show.Output(columns=(), rows=(), document=report.to_json()), Form.JSON)
        elif not quiet:
            _tell(report, opened, relative)


def _tell(report: IndexReport, opened: Library, relative: bool) -> None:
    """What was skipped and why, what was done, where it is, and what to do next."""
    for skipped in report.skipped[:MAX_LISTED]:
        show.note(f"skipped {skipped.path}: {skipped.reason}")
    if len(report.skipped) > MAX_LISTED:
        show.note(f"skipped {len(report.skipped) - MAX_LISTED} more; --json lists all")
    show.note(str(report))
    if len(report.skipped) > 1:
        reasons = Counter(skipped.reason.split(";")[0] for skipped in report.skipped).most_common(REASONS)
        show.note(f"skipped: {', '.join(f'{count:,} as {reason}' for reason, count in reasons)}")
    photos = counted(len(opened), "photo")
    path = show.path(str(opened.path), relative and isinstance(opened.path, Path))
    show.note(f"{photos} in the library {path}; search them with: devise search dog")
