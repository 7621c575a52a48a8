"""What a photo's file and the files beside it say: when it was taken, its size, its format, captions and keywords.

Captions come from EXIF (and Microsoft's XP tags), IPTC-IIM, XMP, PNG's texts and sidecars; docs/photos.md has the
table. Whatever is damaged is left out: none of it decides whether a photo can be read.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageFile

from devise.errors import PhotoError
from devise.photos import dates, exif, generators, iptc, png, sidecars, xmp
from devise.photos.decode import plain
from devise.photos.formats import kind_of, readable
from devise.photos.sidecars import Sidecar
from devise.photos.statement import Statement

MAX_TEXT = 20_000  # characters of all captions together
_XMP_TAG = 0x02BC  # of TIFF
_PSD_EXIF, _PSD_XMP = 1058, 1060
_PACKET_START, _PACKET_END = b"<x:xmpmeta", b"</x:xmpmeta>"
# What programs, not people, write as a comment
_PROGRAMS = re.compile(
    r"(created|processed|compressed|generated|optimi[sz]ed|encoded|resized|file \w+) (with|by|using)\b|creator:"
    r"|software:|xr:|lavc|lead tech|intel\(r\)|applemark|handmade software|acd systems|jpeg encoder|gifbuilder|\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Details:
    """taken: local time as 2020-05-13T10:11:12, or None; pixels: width times height; kind: jpeg, png, ...

    text: captions and keywords, one a line; is_whole: all files beside the photo could be read; said: all that was
    read, each with its field; taken_from: that of `taken`.
    """

    taken: str | None = None
    pixels: int = 0
    kind: str = ""
    text: str = ""
    is_whole: bool = True
    taken_from: Statement | None = None
    said: tuple[Statement, ...] = field(default=(), repr=False)


def details(path: str, data: bytes | None = None, beside: Iterable[Sidecar] = ()) -> Details:
    """Of a photo and its sidecars. data: the file's bytes, where they are at hand.

    Raises PhotoError when the file cannot be read, never for what is in it.
    """
    said, is_whole = list[Statement](), True
    pixels, kind = _inside(path, data, said)
    for sidecar in beside:
        try:
            said += sidecars.read(sidecar)
        except OSError:  # only a help; asked again by the next run
            is_whole = False
    if named := dates.in_name(os.path.splitext(os.path.basename(path))[0]):
        said.append(Statement("name", date=named))
    told = tuple(statement for statement in map(_clean, said) if statement)
    taken = dates.first(told)
    return Details(taken.date if taken else None, pixels, kind, _lines(told), is_whole, taken, told)


def _lines(said: Iterable[Statement]) -> str:
    """Each text of the photo is a line, and all of a sidecar together are one."""
    files: dict[str, dict[str, None]] = {}
    for one in said:
        if one.text:
            files.setdefault(one.file, {})[one.text] = None
    lines = dict.fromkeys([*files.pop("", ()), *map(" ".join, files.values())])
    return "\n".join(lines)[:MAX_TEXT]


def _inside(path: str, data: bytes | None, said: list[Statement]) -> tuple[int, str]:
    """Pixels and kind of a file; what it says goes to `said`."""
    pixels, kind = 0, ""
    try:
        with Image.open(io.BytesIO(data) if data is not None else path, formats=readable(path)) as image:
            pixels, kind = image.width * image.height, kind_of(image.format or "")
            for statement in _statements(image):
                said.append(statement)
    except OSError as error:
        if error.errno is not None:  # the disk's trouble; Pillow's own has no number
            raise PhotoError(path, f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
    except Exception:  # Pillow's readers raise all kinds on damaged files
        pass
    return pixels, kind


def _statements(image: ImageFile.ImageFile) -> Iterator[Statement]:
    if image.format == "PNG":  # Pillow's own getexif decodes all pixels to look behind them
        assert image.fp is not None
        yield from png.statements(image.fp)
        return
    tags = Image.Exif()
    with suppress(Exception):
        tags = image.getexif()
    yield from exif.statements(tags)
    resources = _resources(image)
    with suppress(Exception):
        yield from iptc.statements(resources.get(iptc.RESOURCE) or _of_tiff(image, iptc.TIFF_TAG))
    with suppress(Exception):
        packet = image.info.get("xmp") or resources.get(_PSD_XMP) or tags.get(_XMP_TAG) or _xmp_within(image)
        yield from xmp.statements(_bytes(packet))
    with suppress(Exception):
        for packet in xmp.extended(segment for _, segment in getattr(image, "applist", ())):
            yield from xmp.statements(packet)
    comment = generators.prompt(plain(_bytes(image.info.get("comment"))))  # of a JPEG or GIF
    if not _PROGRAMS.match(comment.strip()):
        yield Statement(f"{image.format} comment", text=comment)


def _resources(image: ImageFile.ImageFile) -> dict[int, bytes]:
    """Photoshop's, by number."""
    found = image.info.get("photoshop")  # of a JPEG
    if isinstance(found, dict):
        return {number: data for number, data in found.items() if isinstance(data, bytes)}
    if data := _of_tiff(image, iptc.RESOURCES_TAG):
        return iptc.resources(data)
    return {number: data for number, _, data in getattr(image, "resources", ())}  # of a PSD


def _xmp_within(image: ImageFile.ImageFile) -> bytes:
    """Of formats whose packets Pillow leaves alone, and which do not pack them."""
    if image.format not in ("GIF", "JPEG2000") or image.fp is None:
        return b""
    image.fp.seek(0)
    _, start, rest = image.fp.read().partition(_PACKET_START)
    inner, end, _ = rest.partition(_PACKET_END)
    return start + inner + end if end else b""


def _of_tiff(image: ImageFile.ImageFile, tag: int) -> bytes:
    """As it stands in the file: its type may be numbers of 32 bits, of which Pillow gives the first."""
    return bytes(getattr(getattr(image, "tag_v2", None), "_tagdata", {}).get(tag, b""))


def _bytes(value: Any) -> bytes:
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 and isinstance(value[0], bytes) else bytes(value)
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else b""


def _clean(said: Statement) -> Statement | None:
    """A date in one spelling, or a text of printable characters and single spaces; None if nothing is left."""
    if said.date:
        date = dates.parse(said.date)
        return Statement(said.field, date=date, file=said.file) if date else None
    text = said.text[:MAX_TEXT].encode("utf-8", "ignore").decode()
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return Statement(said.field, text=text, file=said.file) if text else None
