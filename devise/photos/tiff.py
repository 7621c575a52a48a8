"""TIFFs that Pillow refuses or reads wrongly, as a format of Pillow: more than 8 bits, floating point, planes, Lab,
many bands, WhiteIsZero.
"""

from __future__ import annotations

import io
from collections.abc import Container
from typing import Any, Literal

from PIL import Image, ImageFile

from devise.photos.tiff_layout import ICC, MAGIC, PHOTOMETRIC_TAG, XMP, Layout, directory, header, layout
from devise.photos.tiff_pixels import picture

FORMAT = "ODDTIFF"  # as Pillow is to call it


class OddTiff(ImageFile.ImageFile):
    """A format of Pillow, asked before its own TIFF."""

    format = FORMAT
    format_description = "TIFF that Pillow does not read"
    _is_read = False

    def _open(self) -> None:
        assert self.fp is not None
        self.tag_v2 = directory(self.fp)
        about = layout(self.tag_v2, self.tag_v2._endian)
        is_unknown = self.tag_v2._bigtiff and about.order == ">" and about.is_readable
        if not (about.is_odd or is_unknown):
            raise SyntaxError("Pillow reads it")
        self._about = about
        self._size, self._mode, self.tile = (about.width, about.height), "RGB", []
        for tag, name in ((ICC, "icc_profile"), (XMP, "xmp")):
            if isinstance(self.tag_v2.get(tag), bytes):
                self.info[name] = self.tag_v2[tag]

    def load(self) -> Any:
        if not self._is_read:
            assert self.fp is not None
            self.fp.seek(0)
            self.im, self._is_read = picture(self.fp.read(), self._about).im, True
        return super().load()

    def getexif(self) -> Image.Exif:
        assert self.fp is not None
        exif = Image.Exif()
        self.fp.seek(0)
        exif.fp, exif.head, exif.endian, exif._info = self.fp, header(self.fp), self._about.order, self.tag_v2
        return exif


Image.register_open(FORMAT, OddTiff, lambda prefix: prefix[:4] in MAGIC)


def described(data: bytes, packed_by: Container[int] | None = None) -> str | None:
    """What kind of TIFF it is; None: it is none, too damaged to tell, or its compression is one of those given."""
    about = None if lacks_directory(data) else _layout_of(data)
    is_whole = about is not None and about.tags.get(PHOTOMETRIC_TAG) is not None and not lacking(data)
    return str(about) if about and is_whole and about.compression not in (packed_by or ()) else None


def lacking(data: bytes) -> float:
    """Which share of a TIFF's strips or tiles is not there, from 0 (none, or nobody knows) to 1."""
    about = _layout_of(data)
    try:
        return about.lacking(len(data)) if about else 0.0
    except (KeyError, TypeError, ValueError, ArithmeticError):  # tags that make no sense
        return 0.0


def lacks_directory(data: bytes) -> bool:
    """Whether a file begins as a TIFF does and ends before or within the tags that it points to."""
    if data[:4] not in MAGIC:
        return False
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    is_big = b"+" in data[2:4]
    place = int.from_bytes(data[8:16] if is_big else data[4:8], order)
    count = data[place : place + (8 if is_big else 2)]
    return place + len(count) + int.from_bytes(count, order) * (20 if is_big else 12) > len(data) or not count


def _layout_of(data: bytes) -> Layout | None:
    try:
        ifd = directory(io.BytesIO(data))
        return layout(ifd, ifd._endian)
    except Exception:  # Pillow's readers raise all kinds on damaged files
        return None
