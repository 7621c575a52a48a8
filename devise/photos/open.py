"""Open one photo: upright, RGB, within limits, or a PhotoError that says why not and what to do."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from devise.config import PhotoConfig
from devise.errors import PhotoError, lacks_memory
from devise.photos import cut, mend, tiff
from devise.photos.colour import to_rgb, to_srgb
from devise.photos.cut import IncompleteError
from devise.photos.formats import RAW, no_reader, readable, unknown
from devise.photos.quiet import hush
from devise.photos.tiff_layout import KNOWN_COMPRESSIONS

hush()

CROP = 256 / 224  # short side of the scaled picture to the side of its centre, as ImageNet models are trained
SHARP = 1.4  # times the wanted size that a JPEG is decoded at, at least: 12 megapixels then take an eighth, 0.7 of the
# time of a quarter, and the features have a cosine of 0.999 to those of a quarter
LARGE_PIXELS = 25e6  # larger pictures are decoded one at a time: 150 megapixels take 600 MB for a moment
JPEG_QUALITY = 82  # of thumbnails: no visible loss at 300 pixels, a third of the bytes of 95

_ORIENTATION = 0x0112  # EXIF 2.3, 4.6.4 A
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_large = threading.Lock()


def read(path: str | Path, limits: PhotoConfig = PhotoConfig()) -> bytes:
    """The whole file. limits: how large it may be.

    Raises PhotoError; its cause is a FileNotFoundError when there is no such file.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError(path, "it is no file; give a photo")
            megabytes = status.st_size / 1e6
            if megabytes > (limit := limits.max_file_megabytes):
                raise PhotoError(path, f"it has {megabytes:.0f} MB, the limit is {limit} MB; make a smaller copy")
            return file.read()
    except FileNotFoundError as error:
        raise PhotoError(path, "there is no such file; check the spelling") from error
    except IsADirectoryError as error:
        raise PhotoError(path, "it is a folder; give a photo") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PhotoError(path, f"it cannot be read: {reason}; check its permissions and its disk") from error


def load(
    source: str | Path | bytes,
    *,
    size: int,
    resize: str,
    path: str | None = None,
    limits: PhotoConfig = PhotoConfig(),
) -> NDArray[np.uint8]:
    """One photo as the pixels a model looks at: (size, size, 3), upright, RGB.

    >>> load("cat.jpg", size=224, resize="squash").shape
    (224, 224, 3)

    source: a path, or the bytes of a file (`path` then names it in errors). resize: "squash" takes the whole photo
    and ignores its aspect ratio; "crop" scales the short side to size * 256 / 224 and takes the centre.
    limits: which photos are read at all.
    The first frame of an animation is taken, transparent pixels become white. Raises PhotoError.
    """
    if resize not in ("squash", "crop"):
        raise ValueError(f'resize must be "squash" or "crop", not {resize!r}')
    data, path = _bytes_of(source, path, limits)
    with _opened(data, path, round(SHARP * size), limits) as (image, orientation):
        return np.array(_turned(to_srgb(_resized(image, size, resize)), orientation), dtype=np.uint8)


def seen(image: Image.Image, size: int, resize: str) -> NDArray[np.uint8]:
    """The pixels of an RGB picture that `load` gives of its file."""
    return np.array(_resized(image, size, resize), dtype=np.uint8)


def _resized(image: Image.Image, size: int, resize: str) -> Image.Image:
    box = _centre(image.size) if resize == "crop" else (0.0, 0.0, *image.size)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def picture(
    source: str | Path | bytes, size: int, *, path: str | None = None, limits: PhotoConfig = PhotoConfig()
) -> Image.Image:
    """The whole photo as an upright RGB picture whose longer side is at most `size` pixels. Raises PhotoError."""
    data, path = _bytes_of(source, path, limits)
    with _opened(data, path, size, limits) as (image, orientation):
        image.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return _turned(to_srgb(image), orientation)


def thumbnail_jpeg(source: str | Path | bytes, size: int) -> bytes:
    """A small upright JPEG of a photo, without its metadata. Raises PhotoError."""
    return as_jpeg(picture(source, size))


def as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for ever


def _bytes_of(source: str | Path | bytes, path: str | None, limits: PhotoConfig) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, path or "the picture"
    return read(source, limits), path or str(source)


@contextmanager
def _opened(data: bytes, path: str, at_least: int, limits: PhotoConfig) -> Iterator[tuple[Image.Image, int]]:
    """An image that `to_srgb` takes, and its EXIF orientation.

    Whatever is raised inside is about this photo, so it is a PhotoError.
    """
    if not data:
        raise PhotoError(path, "the file is empty; copy it again from its source")
    try:
        if (written := mend.zeros_off(data)) is not data:
            data = _mended(written, path) or data
        image = _unpacked(data, path)
        _check_size(image, path, limits.max_megapixels)
        with _large if image.width * image.height > LARGE_PIXELS else nullcontext():
            image = _loaded(image, data, path, at_least)
            yield to_rgb(image), _orientation(image)
    except PhotoError:
        raise
    except Exception as error:  # Pillow's readers raise all kinds on damaged files: TypeError, struct.error, ...
        raise PhotoError(path, _reason(error, data, limits)) from error


def _unpacked(data: bytes, path: str) -> ImageFile.ImageFile:
    """The picture without its pixels."""
    try:
        return Image.open(io.BytesIO(data), formats=readable(path))
    except OSError:  # UnidentifiedImageError, and what WebP's decoder says
        whole = _mended(data, path)
        if whole is None:
            raise
        return Image.open(io.BytesIO(whole), formats=readable(path))


def _loaded(image: ImageFile.ImageFile, data: bytes, path: str, at_least: int) -> ImageFile.ImageFile:
    """The same with its pixels, at least so large on both sides."""
    try:
        return _drafted(image, at_least)
    except (OSError, SyntaxError, EOFError, ValueError):  # EOFError: of GIF
        whole = _mended(data, path)
        if whole is None:
            raise
        return _drafted(_unpacked(whole, path), at_least)


def _drafted(image: ImageFile.ImageFile, at_least: int) -> ImageFile.ImageFile:
    if image.format in ("JPEG", "MPO", RAW):
        image.draft(None, (at_least, at_least))  # None keeps the mode
    image.load()
    return image


def _mended(data: bytes, path: str) -> bytes | None:
    """Raises PhotoError for what lacks pixels."""
    try:
        return mend.mended(data, readable(path))
    except IncompleteError as error:
        raise PhotoError(path, f"it is cut short: {error}; copy it again from its source") from error
    except Exception:  # so damaged that its decoder's own words are better
        return None


def _check_size(image: ImageFile.ImageFile, path: str, max_megapixels: float) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise PhotoError(
            path,
            f"it has {megapixels:.0f} megapixels, the limit is {max_megapixels:.0f}; make a smaller copy",
        )


def _reason(error: Exception, data: bytes, limits: PhotoConfig) -> str:
    if isinstance(error, UnidentifiedImageError) and not cut.reason(data):
        return unknown(data)
    if isinstance(error, Image.DecompressionBombError):
        return f"it claims more than {limits.max_megapixels:.0f} megapixels; make a smaller copy"
    if lacks_memory(error):
        return "it needs more memory than there is; make a smaller copy"
    if said := cut.reason(data):
        return f"it is cut short: {said}; copy it again from its source"
    if kind := tiff.described(data, KNOWN_COMPRESSIONS):
        return no_reader(kind)
    if "truncated" in str(error).lower() or "not enough image data" in str(error):
        return "it is cut short; copy it again from its source"
    said = " ".join(str(error).split()) or type(error).__name__  # libheif's has two lines
    return f"it is damaged ({said}); copy it again from its source"


def _orientation(image: Image.Image) -> int:
    """Read after loading: the readers of TIFF turn the picture themselves and then drop the tag."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the picture, which is good
        return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Turned last, when the picture is small."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _centre(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The square that a centre crop of the scaled picture shows, in the picture's own pixels."""
    side = min(size) / CROP
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    return left, top, left + side, top + side
