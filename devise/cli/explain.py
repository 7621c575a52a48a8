"""`devise explain`: why a photo answers a query, and where in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise.cli.options import Csv, Json, LibraryPath, form
from devise.cli.output import show, targets
from devise.cli.search import photo_or_text
from devise.files import replacing

if TYPE_CHECKING:
    from devise.results import TermHeat

SIDE = 1024  # of the picture, in pixels
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


def explain(
    photo: Annotated[Path, typer.Argument(help="A photo in the library or anywhere else.", readable=False)],
    query: Annotated[list[str], typer.Argument(help="What it was found with.", show_default=False)],
    png: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            readable=False,
            help="Also write the photo, lit where it is. Replaces only a picture of its own.",
        ),
    ] = None,
    cover: Annotated[
        bool, typer.Option("--cover", help="Tell where by covering piece after piece: slower, and truer.")
    ] = False,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what each term of a query gives a photo, and where in the photo it is.

    devise explain tom.jpg sofa cat --png why.png
    """
    from devise.library import Library
    from devise.search.explain import hottest

    chosen = form(json, csv)
    pieces = [photo_or_text(piece) for piece in query]
    targets.check(png, targets.PICTURE, [photo, *pieces])
    with Library(library) as opened:
        heats = opened.explain(photo, pieces, cover=cover)
    if png:
        from devise.photos import overlay, save_png

        picture = overlay(str(photo), hottest(heats), SIDE)
        with replacing(png) as temporary:
            save_png(picture, temporary)
        show.note(f"picture: {png}")
    rows = [(one.term.text, one.term.score, one.term.probability, _place(one)) for one in heats]
    found = show.Output(
        columns=("term", "score", "probability", "where"),
        rows=[tuple("" if cell is None else cell for cell in row) for row in rows],
        document=[one.to_json() for one in heats],
    )
    show.output(found, chosen)


def _place(found: TermHeat) -> str:
    """Where the middle of the warm parts is, in words such as "top left"."""
    heat = found.heat
    warm = [(i, j) for i in range(heat.shape[0]) for j in range(heat.shape[1]) if heat[i, j] >= heat.max() / 2]
    row, column = (sum(at[axis] + 0.5 for at in warm) / len(warm) / heat.shape[axis] for axis in (0, 1))
    at = ROWS[min(2, int(3 * row))], COLUMNS[min(2, int(3 * column))]
    return "middle" if at == ("middle", "centre") else " ".join(at)
