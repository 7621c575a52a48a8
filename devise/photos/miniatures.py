"""Small pictures of the pixels that a library looks at: grey ones for hashes, one in colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def averaged(pixels: Pixels, factor: int) -> Pixels:
    """(n, side, side, 3) -> (n, side / factor, side / factor, 3), each pixel the mean of factor x factor."""
    count, side = pixels.shape[:2]
    made = np.empty((count, side // factor, side // factor, 3), np.uint8)
    for small, photo in zip(made, pixels, strict=True):
        small[:] = np.asarray(Image.fromarray(photo).reduce(factor))
    return made


def greys(pixels: Pixels, sizes: Sequence[tuple[int, int]]) -> list[Pixels]:
    """(n, side, side, 3) RGB -> for each (width, height) the same pictures in grey, (n, height, width).

    Pillow's "L", which is the luma of ITU-R 601, scaled by Lanczos: what the library `imagehash` looks at.
    """
    made = [np.empty((len(pixels), height, width), np.uint8) for width, height in sizes]
    for i, photo in enumerate(pixels):
        grey = Image.fromarray(photo).convert("L")
        for size, small in zip(sizes, made, strict=True):
            small[i] = np.asarray(grey.resize(size, Image.Resampling.LANCZOS))
    return made
