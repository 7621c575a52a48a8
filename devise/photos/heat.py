"""Heat over a photo, where it shows what was asked for, and covers over it, to find that out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from devise.photos.open import SHARP, as_jpeg, picture, seen

COLD, HOT = np.array([20, 24, 60]), np.array([255, 96, 24])  # a photo in the dark, lit where it matters
GREY = (127, 127, 127)
DARKENED = 0.65  # of what is cold
TINTED = 0.35  # of what is hot
MADE_BY = ("Software", "devise")  # a text in our PNG files: they may be replaced


def covered(
    source: str | Path | bytes, grid: int, width: int, *, size: int, resize: str
) -> Iterator[NDArray[np.uint8]]:
    """The pixels that a model looks at, as `load` gives them: of the photo, then with a grey square over each cell.

    The upright photo has grid x grid cells, by rows, whatever of it the model looks at; a cover is `width` cells wide.
    Raises PhotoError.
    """
    photo = picture(source, round(SHARP * size))
    cell = photo.width / grid, photo.height / grid
    yield seen(photo, size, resize)
    for number in range(grid * grid):
        row, column = divmod(number, grid)
        left, top = (column - (width - 1) / 2) * cell[0], (row - (width - 1) / 2) * cell[1]
        hidden = photo.copy()
        hidden.paste(GREY, (round(left), round(top), round(left + width * cell[0]), round(top + width * cell[1])))
        yield seen(hidden, size, resize)


def overlay(source: str | Path | bytes, heat: NDArray[np.float32], size: int) -> Image.Image:
    """The whole photo, upright, its longer side at most `size` pixels, under heat (rows, columns) from 0 to 1.

    Raises PhotoError.
    """
    photo = picture(source, size)
    shades = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8))
    warmth = np.asarray(shades.resize(photo.size, Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    pixels = np.asarray(photo, np.float32)
    cold = pixels * (1 - DARKENED) + COLD * DARKENED
    hot = pixels * (1 - TINTED * warmth) + HOT * TINTED * warmth
    return Image.fromarray((cold * (1 - warmth) + hot * warmth).round().astype(np.uint8))


def overlay_jpeg(source: str | Path | bytes, heat: NDArray[np.float32], size: int) -> bytes:
    """The same as a JPEG. Raises PhotoError."""
    return as_jpeg(overlay(source, heat, size))


def sheet_of(lines: Sequence[NDArray[np.uint8]], border: int = 1, scale: int = 2) -> Image.Image:
    """Small pictures in lines, each (n, size, size, 3), on grey."""
    padded = [np.pad(line, ((0, 0), (border, border), (border, border), (0, 0)), constant_values=128) for line in lines]
    rows = [np.concatenate(list(line), axis=1) for line in padded]
    sheet = Image.fromarray(np.concatenate(rows))
    return sheet.resize((scale * sheet.width, scale * sheet.height), Image.Resampling.NEAREST)


def save_png(image: Image.Image, path: Path) -> None:
    """As a PNG that says who made it."""
    about = PngInfo()
    about.add_text(*MADE_BY)
    image.save(path, "PNG", pnginfo=about)


def is_ours(path: Path) -> bool:
    """Whether a file is a PNG that `save_png` wrote."""
    key, name = MADE_BY
    with suppress(Exception), Image.open(path, formats=("PNG",)) as image:  # Pillow raises all kinds
        return bool(image.info.get(key) == name)
    return False
