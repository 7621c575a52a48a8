"""Pixels for descriptors that look at fewer of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def shrunk(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The same pictures, smaller: (n, side, side, 3) -> (n, size, size, 3), each pixel the mean of the area it covers.

    Raises ValueError for a size above that of the pictures.
    """
    if size > pixels.shape[1]:
        raise ValueError(f"pictures of {pixels.shape[1]} pixels a side cannot be reduced to {size}")
    if size == pixels.shape[1]:
        return pixels
    small = (Image.fromarray(picture).resize((size, size), Image.Resampling.BOX) for picture in pixels)
    return np.stack([np.asarray(picture) for picture in small]) if len(pixels) else pixels[:, :size, :size]
