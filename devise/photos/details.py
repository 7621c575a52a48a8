"""What a photo's file says about itself: when it was taken, its size, its format, its captions and keywords.

Captions come from EXIF 2.32 (and Microsoft's XP tags), IPTC-IIM 4.2, XMP and PNG's texts. Whatever is damaged is left
out: none of it decides whether a photo can be read.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image, ImageFile, IptcImagePlugin

from devise.errors import PhotoError
from devise.photos import sidecars
from devise.photos.formats import kind_of, readable
from devise.photos.raw import RawFile
from devise.photos.sidecars import Sidecar

MAX_TEXT = 20_000  # characters of all captions together

_EXIF, _DATE, _ORIGINAL, _COMMENT = 0x8769, 0x0132, 0x9003, 0x9286
_XP = (0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F)  # title, comment, keywords, subject in UTF-16, as Windows writes them
_DESCRIPTION = 0x010E
# Object name, keywords, sublocation, city, state, country, headline, caption
_IPTC = (5, 25, 92, 90, 95, 101, 105, 120)
# dc:title and so on; the names are compared as written, for rdf:Description is around everything
_XMP = frozenset(("title", "description", "subject", "Headline", "City", "State", "Country", "Location"))
_PNG = frozenset(("title", "description", "comment", "caption", "keywords"))
# A day in a name, as cameras and messengers write it: IMG_20200513_101112, 2020-05-13 10.11.12
_IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?:(?:[-_ T]| at )(\d\d)[-_.:]?(\d\d)[-_.:]?(\d\d)|(?!\d))"
)


@dataclass(frozen=True)
class Details:
    """taken: local time as 2020-05-13T10:11:12, or None; pixels: width times height; kind: jpeg, png, ...

    text: captions and keywords, one a line; is_whole: all files beside the photo could be read.
    """

    taken: str | None = None
    pixels: int = 0
    kind: str = ""
    text: str = ""
    is_whole: bool = True


def details(path: str, data: bytes | None = None, beside: Iterable[Sidecar] = ()) -> Details:
    """Of a photo and its sidecars. data: the file's bytes, where they are at hand.

    Raises PhotoError when the file cannot be read, never for what is in it.
    """
    taken, pixels, kind, texts, is_whole = None, 0, "", list[str](), True
    try:
        with Image.open(io.BytesIO(data) if data is not None else path, formats=readable(path)) as image:
            pixels, kind = image.width * image.height, kind_of(image.format or "")
            for reader in (_of_exif, _of_iptc, _of_xmp, _of_png):
                with suppress(Exception):
                    texts += reader(image)
            for dated in (_exif_date, _iptc_date):
                with suppress(Exception):
                    taken = taken or dated(image)
    except OSError as error:
        if error.errno is not None:  # the disk's trouble; Pillow's own has no number
            raise PhotoError(path, f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
    except Exception:  # Pillow's readers raise all kinds on damaged files
        pass
    for sidecar in beside:
        try:
            text, date = sidecars.read(sidecar)
        except OSError:  # only a help; asked again by the next run
            is_whole = False
            continue
        texts.append(text)
        taken = taken or date
    text = "\n".join(dict.fromkeys(filter(None, map(_clean, texts))))[:MAX_TEXT]
    return Details(taken or _date_in(os.path.basename(path)), pixels, kind, text, is_whole)


def _of_exif(image: ImageFile.ImageFile) -> Iterator[str]:
    exif = _exif(image)
    yield _decoded(exif.get(_DESCRIPTION))
    for tag in _XP:
        yield _wide(exif.get(tag))
    yield _user_comment(exif.get_ifd(_EXIF).get(_COMMENT))


def _exif(image: Image.Image) -> Image.Exif:
    """Of what stands before the pixels: a PNG's own getexif decodes all of them to look behind."""
    return image.getexif() if isinstance(image, RawFile) else Image.Image.getexif(image)


def _of_iptc(image: ImageFile.ImageFile) -> Iterator[str]:
    found = IptcImagePlugin.getiptcinfo(image) or {}
    for number in _IPTC:
        values = found.get((2, number), ())
        for value in values if isinstance(values, list) else [values]:
            yield _decoded(value)


def _of_xmp(image: ImageFile.ImageFile) -> Iterator[str]:
    yield from _under(image.getxmp(), _XMP)


def _of_png(image: ImageFile.ImageFile) -> Iterator[str]:
    if image.format == "PNG":
        yield from (value for key, value in image.info.items() if isinstance(value, str) and str(key).lower() in _PNG)


def _under(document: Any, keys: frozenset[str], is_asked: bool = False) -> Iterator[str]:
    """The texts below those keys of nested dicts and lists."""
    if isinstance(document, str):
        if is_asked:
            yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            if key != "lang":
                yield from _under(value, keys, is_asked or key in keys)
    elif isinstance(document, (list, tuple)):
        for value in document:
            yield from _under(value, keys, is_asked)


def _exif_date(image: Image.Image) -> str | None:
    exif = _exif(image)
    for value in (exif.get_ifd(_EXIF).get(_ORIGINAL), exif.get(_DATE)):
        with suppress(ValueError):
            found = datetime.strptime(_decoded(value)[:19], "%Y:%m:%d %H:%M:%S")
            return found.isoformat(timespec="seconds")
    return None


def _iptc_date(image: ImageFile.ImageFile) -> str | None:
    """Date and time created: 20200513, 101112+0200."""
    found = IptcImagePlugin.getiptcinfo(image) or {}
    day, clock = (_decoded(found.get((2, number), b"")) for number in (55, 60))
    return datetime.strptime(day + (clock[:6] or "000000"), "%Y%m%d%H%M%S").isoformat(timespec="seconds")


def _date_in(name: str) -> str | None:
    if found := _IN_NAME.search(name):
        year, _, month, day, *clock = found.groups()
        with suppress(ValueError):
            numbers = map(int, (year, month, day, *(part or 0 for part in clock)))
            return datetime(*numbers).isoformat(timespec="seconds")  # type: ignore[arg-type]  # six numbers
    return None


def _decoded(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _wide(value: Any) -> str:
    data = bytes(value) if isinstance(value, (bytes, tuple)) else b""
    return data.decode("utf-16-le", "replace")


def _user_comment(value: Any) -> str:
    """Its first eight bytes name its character set."""
    if not isinstance(value, bytes):
        return _decoded(value)
    charset, text = value[:8], value[8:]
    return text.decode("utf-16", "replace") if charset.startswith(b"UNICODE") else _decoded(text)


def _clean(text: str) -> str:
    """Printable characters and single spaces."""
    text = text.encode("utf-8", "ignore").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
