"""`devise library`: carry a library elsewhere, keep a copy of it, put two together, follow photos that moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devise.cli.options import LibraryPath
from devise.cli.output import show, targets
from devise.errors import counted
from devise.store.location import location

library = typer.Typer(
    help="Copy, merge and move libraries.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, readable=False, help="One portable file.")]


@library.command("export")
def export(file: File, library: LibraryPath = None) -> None:
    """Write the whole library into one file: a backup, also while photos are indexed. Replaces only an earlier one.

    devise library export photos.devise
    """
    from devise.library.upkeep import portable

    targets.check(file, targets.EXPORT)
    count = portable.export(location(library), file)
    show.note(f"{counted(count, 'photo')} in {file}")


@library.command("import")
def import_(file: File, library: LibraryPath = None) -> None:
    """Make an exported file a library, where there is none yet.

    devise library import photos.devise --library ~/elsewhere
    """
    from devise.cli.output.progress import BarProgress, stages
    from devise.library.upkeep import portable

    with stages() as shown:
        count = portable.import_(file, location(library), BarProgress(shown))
    show.note(f"{counted(count, 'photo')} in {location(library)}")


@library.command("merge")
def merge(
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER", show_default=False, readable=False, help="Another library or exported file."),
    ],
    library: LibraryPath = None,
) -> None:
    """Add the photos of another library, which stays as it is. Both need the same model.

    devise library merge ~/laptop/library
    """
    from devise.cli.output.progress import BarProgress, stages
    from devise.library.upkeep import portable

    with stages() as shown:
        count = portable.merge(location(library), other, BarProgress(shown))
    show.note(f"{counted(count, 'photo')} added")


@library.command("move")
def move(
    old: Annotated[Path, typer.Argument(metavar="OLD", show_default=False, readable=False, help="Where they were.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", show_default=False, readable=False, help="Where they are.")],
    library: LibraryPath = None,
) -> None:
    """Tell the library that photos lie in another folder now. Nothing is read or encoded again.

    devise library move /media/old-disk/photos ~/Pictures
    """
    from devise.library.upkeep import portable

    count = portable.move(location(library), str(old), str(new))
    show.note(f"{counted(count, 'photo')} moved")


@library.command("compact")
def compact(library: LibraryPath = None) -> None:
    """Give back the room of deleted photos. Takes as much room as the library has for a moment.

    devise library compact
    """
    from devise.cli.output.progress import BarProgress, stages
    from devise.library.upkeep.compact import compact

    with stages() as shown:
        before, after = compact(location(library), BarProgress(shown))
    show.note(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now")
