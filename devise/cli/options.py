"""Options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from devise.cli.output.form import Form
from devise.errors import DeviseError
from devise.store.location import Location, location


def _library(given: str) -> Location:
    if not given:  # as a path it would be the working folder
        raise DeviseError("--library is empty; give a folder, or leave it out for your own library")
    return location(given)


_LIBRARY = typer.Option(
    "--library",
    metavar="PATH",
    show_default=False,
    parser=_library,
    help="Folder of the library, or milvus://HOST/NAME. Without it DEVISE_LIBRARY, or one in your user data folder.",
)
if TYPE_CHECKING:
    LibraryPath: TypeAlias = Location | None
else:  # typer takes no union of two classes, and makes a path of what it thinks is one
    LibraryPath = Annotated[object | None, _LIBRARY]
Top = Annotated[int, typer.Option("-k", metavar="N", help="Results to show.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout and nothing else.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="A line of JSON for each photo, as they come.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV with a header line.")]
Paths = Annotated[bool, typer.Option("--paths", help="Paths alone, one a line.")]
Null = Annotated[bool, typer.Option("-0", "--null", help="Paths alone, a NUL after each, for xargs -0.")]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        show_default=False,
        readable=False,
        help="Also write a contact sheet for a browser. Replaces only HTML pages.",
    ),
]
OpenPage = Annotated[
    bool, typer.Option("--open", help="Show the photos in a browser, on a contact sheet of its own or that of --html.")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Show thumbnails on the terminal (needs the package textual-image).")
]
RELATIVE = "devise.relative"  # what a command's context says for the lines of its errors


def _heed_relative(context: typer.Context, wanted: bool) -> bool:
    context.meta[RELATIVE] = wanted
    return wanted


Relative = Annotated[
    bool,
    typer.Option(
        "--relative",
        callback=_heed_relative,
        help="Paths as seen from the working folder (on a contact sheet from its own), in messages too.",
    ),
]
Inside = Annotated[
    Path | None,
    typer.Option("--in", metavar="FOLDER", show_default=False, readable=False, help="Only photos in a folder."),
]
After = Annotated[
    str | None,
    typer.Option(metavar="DATE", show_default=False, help="Only photos taken since 2020, 2020-05 or 2020-05-13."),
]
Before = Annotated[
    str | None,
    typer.Option(metavar="DATE", show_default=False, help="Only photos taken before 2020, 2020-05 or 2020-05-13."),
]
Kind = Annotated[str | None, typer.Option("--type", metavar="T", show_default=False, help="Only jpg, png, ...")]
Larger = Annotated[
    str | None,
    typer.Option(metavar="SIZE", show_default=False, help="Only photos of at least 10MP of pixels, or 5MB of bytes."),
]
Text = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS", show_default=False, help="Only photos with these words in their names, folders or captions."
    ),
]

Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        show_default=False,
        readable=False,
        help="A CSV of paths and columns of labels, to colour a map by.",
    ),
]


def form(json: bool = False, csv: bool = False, paths: bool = False, null: bool = False) -> Form:
    """The one form that was asked for. `-0` says how `--paths` ends its lines, so the two go together."""
    if json + csv + (paths or null) > 1:
        raise typer.BadParameter("choose one of --json, --csv and --paths")
    if json:
        return Form.JSON
    if csv:
        return Form.CSV
    if null:
        return Form.NULL
    return Form.PATHS if paths else Form.AUTO
