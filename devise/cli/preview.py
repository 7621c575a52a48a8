"""Photos on the terminal itself: as pictures where it can show them (kitty, iTerm2, sixel), else in half blocks."""

from __future__ import annotations

import io
import os
import sys
from importlib.util import find_spec

from devise.cli import matches
from devise.display import printable
from devise.errors import DeviseError, PhotoError
from devise.results import Answer, Match

SIDE = 480  # pixels of a thumbnail's longer side: more than a cell of any terminal shows
WIDTH, GAP = 26, 2  # columns of the terminal for a photo, and between two


def check() -> None:
    """Raises DeviseError where photos cannot be shown."""
    if find_spec("textual_image") is None:
        raise DeviseError("--preview needs textual-image, which is not installed; run: pip install textual-image")
    if not (sys.stdout and sys.stdout.isatty()):
        raise DeviseError("--preview shows photos on a terminal; for a page write --html FILE or --open")
    if 0 in os.get_terminal_size(sys.stdout.fileno()):  # some pipes that look like terminals
        raise DeviseError("--preview has to know how large the terminal is; set it with: stty rows 40 columns 120")


def show(answer: Answer[Match]) -> None:
    """As many beside each other as fit, each with its figure and its name below."""
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text
    from textual_image.renderable import Image

    from devise.photos import thumbnail_jpeg

    def cell(match: Match) -> tuple[RenderableType, RenderableType]:
        name = match.path.rpartition("/")[2]
        label = Text(f"{matches.figure(match)} {printable(name)}", "dim" if match.is_certain is False else "")
        label.truncate(WIDTH, overflow="ellipsis")
        try:
            return Image(io.BytesIO(thumbnail_jpeg(match.path, SIDE)), width=WIDTH, height="auto"), label
        except PhotoError as error:
            return Text(error.reason, "dim"), label

    console = Console()
    across = max(1, (console.width + GAP) // (WIDTH + GAP))
    for start in range(0, len(answer), across):
        grid = Table.grid(padding=(0, GAP, 0, 0))
        pictures, labels = zip(*map(cell, answer[start : start + across]), strict=True)
        grid.add_row(*pictures)
        grid.add_row(*labels)
        console.print(grid)
