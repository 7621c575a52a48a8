"""`devise export`: what a library knows of its photos, for other tools."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from devise.cli.options import LibraryPath
from devise.cli.output import show, targets
from devise.errors import counted
from devise.store.location import location

STDOUT = Path("-")

export = typer.Typer(
    help="Write vectors of photos for other tools.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    callback=lambda: None,
)


class VectorsForm(Enum):
    """Which file is written."""

    NPY = "npy"
    PARQUET = "parquet"
    JSONL = "jsonl"


@export.command("vectors")
def vectors(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            show_default=False,
            readable=False,
            allow_dash=True,
            help="Without it SPACE.npz, .parquet or .jsonl in the working folder; - is stdout, as lines of JSON.",
        ),
    ] = None,
    space: Annotated[str, typer.Option(metavar="SPACE", help="words: meaning; features: looks; any other.")] = "words",
    form: Annotated[
        VectorsForm | None,
        typer.Option("--format", show_default=False, help="Without it what FILE ends in, else npy."),
    ] = None,
    library: LibraryPath = None,
) -> None:
    """Write the vector of each photo with its path, hash, bytes, pixels, format and date into one file.

    npy is NumPy's .npz, in which rows and paths cannot get apart. docs/other-tools.md has recipes for other tools.

    devise export vectors --space words --format npy

    devise export vectors photos.parquet --space features

    devise export vectors - | head -1
    """
    from devise.cli.output.progress import stages
    from devise.library.exchange import export

    folder = location(library)
    if file == STDOUT:
        if form not in (None, VectorsForm.JSONL):
            raise typer.BadParameter("stdout takes lines of JSON alone; name a file, or leave out --format")
        for lines in export.lines(folder, space):
            show.write_bytes(lines)
        return
    ending = {suffix: name for name, suffix in export.SUFFIXES.items()}
    chosen = form.value if form else ending.get(file.suffix.lower() if file else "", "npy")
    out = file or Path(f"{space}{export.SUFFIXES[chosen]}")
    targets.check(out, targets.VECTORS)
    with stages() as shown:
        count = export.export(folder, out, space, chosen, lambda *done: shown.move("writing", "photos", *done))
    show.note(f"{counted(count, 'photo')} in {out}")
