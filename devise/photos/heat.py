"""Heat over a photo: where it shows what was asked for."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from devise.photos.open import JPEG_QUALITY, picture

COLD, HOT = np.array([20, 24, 60]), np.array([255, 96, 24])  # a photo in the dark, lit where it matters
DARKENED = 0.65  # of what is cold
TINTED = 0.35  # of what is hot


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
    buffer = io.BytesIO()
    overlay(source, heat, size).save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()
