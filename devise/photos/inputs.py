"""A photo as programs have it: a path, the bytes of a file, a picture of Pillow, or an array of pixels."""

from __future__ import annotations

import io
import os
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from devise.config import PhotoConfig
from devise.errors import PhotoError
from devise.photos.colour import to_rgb
from devise.photos.open import read

PhotoInput: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]


def file_bytes(photo: PhotoInput, limits: PhotoConfig = PhotoConfig()) -> bytes:
    """The bytes of a file that shows it, upright and whole: what is no file yet becomes one without any loss.

    photo: an array is (height, width, 3), uint8, RGB. limits: how large a file may be.
    Raises PhotoError for what is none of these.
    """
    if isinstance(photo, str | os.PathLike):
        return read(os.fspath(photo), limits)
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, Image.Image):
        return _as_file(_upright(photo))
    if isinstance(photo, np.ndarray):
        return _as_file(_picture(photo))
    raise PhotoError(
        f"a {type(photo).__name__}",
        "it is no photo; give a path, the bytes of a file, a picture of Pillow or an array (height, width, 3) of uint8",
    )


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return to_rgb(ImageOps.exif_transpose(picture))
    except Exception as error:  # Pillow reads a file only now, and raises all kinds on damaged ones
        raise PhotoError("the picture", f"it cannot be read ({error}); open it again") from error


def _picture(pixels: NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PhotoError(
            "the array", f"it is {pixels.shape} of {pixels.dtype}; give (height, width, 3) of uint8, which is RGB"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def _as_file(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PPM")  # header and pixels: nothing to compute, nothing lost
    return file.getvalue()
