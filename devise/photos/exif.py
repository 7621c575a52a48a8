"""Captions, keywords and dates in EXIF (CIPA DC-008) and Microsoft's XP tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from PIL import Image

from devise.photos import generators
from devise.photos.decode import plain, wide
from devise.photos.statement import Statement

_EXIF, _GPS = 0x8769, 0x8825
_DESCRIPTION, _COMMENT = 0x010E, 0x9286
_GENERATED = (0x010F, 0x0110)  # Make and Model, where ComfyUI puts "prompt:" and its graph into a WebP
_XP = {0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject"}
_DATES = {0x9003: "DateTimeOriginal", 0x9004: "CreateDate"}
MIN_NARROW = 6  # bytes: three letters of UTF-16 could be as many of UTF-8
_MODIFIED, _GPS_DAY, _GPS_TIME = 0x0132, 0x1D, 0x07


def statements(exif: Image.Exif) -> Iterator[Statement]:
    """What is damaged is left out; what stands before it is not."""
    for reader in (_texts, _comment, _dates, _gps):
        with suppress(Exception):  # Pillow's readers raise all kinds on damaged files
            yield from reader(exif)


def _texts(exif: Image.Exif) -> Iterator[Statement]:
    yield Statement("EXIF ImageDescription", text=generators.prompt(text(exif.get(_DESCRIPTION))))
    for tag in _GENERATED:
        made = text(exif.get(tag))
        if made.lower().startswith("prompt:"):
            yield Statement("EXIF prompt", text=generators.prompt(made.partition(":")[2]))
    for tag, name in _XP.items():
        if value := exif.get(tag):
            yield Statement(f"EXIF {name}", text=wide(bytes(value)))


def _comment(exif: Image.Exif) -> Iterator[Statement]:
    comment = exif.get_ifd(_EXIF).get(_COMMENT)
    if comment:
        order = "utf-16-be" if getattr(exif, "endian", "<") == ">" else "utf-16-le"
        yield Statement("EXIF UserComment", text=generators.prompt(_user_comment(comment, order)))


def _user_comment(value: Any, order: str) -> str:
    """Its first eight bytes name its character set. Programs write UTF-16 in either order, whatever EXIF's is."""
    if not isinstance(value, bytes):
        return text(value)
    charset, data = value[:8], value[8:]
    if charset.upper().startswith(b"UNICODE"):
        return _narrow(data) or wide(data, order)
    if charset.startswith(b"JIS"):
        with suppress(UnicodeDecodeError):
            return data.rstrip(b"\0 ").decode("iso2022_jp")
    return plain(data if charset.startswith((b"ASCII", b"JIS", b"\0\0\0\0")) else value)


def _narrow(data: bytes) -> str:
    """Of EXIF 3.0, where UNICODE is UTF-8; empty if it is UTF-16, which seldom is printable UTF-8 for long."""
    data = data.rstrip(b"\0 ")
    with suppress(UnicodeDecodeError):
        text = data.decode()
        if len(data) >= MIN_NARROW and all(character.isprintable() or character.isspace() for character in text):
            return text
    return ""


def _dates(exif: Image.Exif) -> Iterator[Statement]:
    yield Statement("EXIF ModifyDate", date=text(exif.get(_MODIFIED)))
    for tag, name in _DATES.items():
        yield Statement(f"EXIF {name}", date=text(exif.get(tag)))  # some programs write them beside ModifyDate
    inner = exif.get_ifd(_EXIF)
    for tag, name in _DATES.items():
        yield Statement(f"EXIF {name}", date=text(inner.get(tag)))


def _gps(exif: Image.Exif) -> Iterator[Statement]:
    """In UTC."""
    if _GPS not in exif:
        return
    gps = exif.get_ifd(_GPS)
    day, clock = text(gps.get(_GPS_DAY)), ""
    with suppress(Exception):
        clock = ":".join(f"{int(part):02}" for part in gps[_GPS_TIME])
    yield Statement("EXIF GPSDateStamp", date=f"{day} {clock}")


def text(value: Any) -> str:
    """Pillow reads ASCII fields, which hold UTF-8 more often than not, as Latin-1."""
    if isinstance(value, str):
        with suppress(UnicodeEncodeError):
            value = value.encode("latin-1")
    if isinstance(value, bytes):
        return plain(value)
    return value if isinstance(value, str) else ""
