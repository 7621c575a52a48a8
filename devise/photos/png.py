"""The chunks of a PNG that hold texts, EXIF and XMP, also those behind the pixels, which Pillow would decode first."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from PIL import Image

from devise.photos import exif, generators, iptc, xmp
from devise.photos.decode import plain
from devise.photos.statement import Statement

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK = 4_000_000  # bytes, also unpacked: more is no caption
_TEXTS = ("title", "description", "comment", "caption", "keywords")
_GENERATED = ("parameters", "prompt", "invokeai_metadata", "sd-metadata", "dream", "fooocus_scheme", "generation_data")
_CAPTIONS = {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}


def statements(file: IO[bytes]) -> Iterator[Statement]:
    """Texts first that people wrote, then EXIF, IPTC and XMP."""
    embedded: dict[str, bytes] = {}
    for kind, data in chunks(file, _CAPTIONS):
        if kind == b"eXIf":
            embedded.setdefault("exif", data)
            continue
        key, text = "", b""
        with suppress(ValueError, zlib.error, IndexError):
            key, text = _TEXT_CHUNKS[kind](data)
        if key == "XML:com.adobe.xmp":
            embedded["xmp"] = text
        elif key.startswith("Raw profile type "):
            with suppress(ValueError, IndexError):
                embedded.setdefault(*_profile(key, text))
        else:
            yield from _said(key, text, kind)
    yield from _embedded(embedded)


def chunks(file: IO[bytes], wanted: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the wanted chunks, without reading the others. Checksums are not looked at."""
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4]), head[4:]
        if kind == b"IEND":
            return
        if kind in wanted and size <= MAX_CHUNK:
            yield kind, file.read(size)
            size = 0
        file.seek(size + 4, 1)


def _plain(data: bytes) -> tuple[str, bytes]:
    key, _, text = data.partition(b"\0")
    return key.decode("latin-1"), text


def _packed(data: bytes) -> tuple[str, bytes]:
    key, _, text = data.partition(b"\0")
    return key.decode("latin-1"), _unpacked(text[1:])


def _international(data: bytes) -> tuple[str, bytes]:
    key, _, rest = data.partition(b"\0")
    is_packed = rest[0]
    _, _, text = rest[2:].split(b"\0", 2)
    return key.decode("latin-1"), _unpacked(text) if is_packed else text


_TEXT_CHUNKS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}


def _unpacked(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_CHUNK)


def _profile(key: str, text: bytes) -> tuple[str, bytes]:
    """ImageMagick's "Raw profile type exif": a line with its name, its length and its bytes as hexadecimal digits."""
    _, rest = text.lstrip().split(b"\n", 1)
    size, digits = rest.split(maxsplit=1)
    data = bytes.fromhex(digits.decode("ascii"))[: int(size)]
    kind = key.removeprefix("Raw profile type ").lower()
    if kind != "app1":
        return kind, data.removeprefix(b"Exif\0\0")
    is_exif = data.startswith(b"Exif\0\0")
    return ("exif", data[6:]) if is_exif else ("xmp", data.partition(b"\0")[2])


def _said(key: str, text: bytes, kind: bytes) -> Iterator[Statement]:
    """Keys are compared without regard to case; programs write UTF-8 where the standard has Latin-1."""
    name = key.lower()
    if name == "creation time":
        yield Statement("PNG Creation Time", date=plain(text))
    elif name in _GENERATED or name in _TEXTS:
        yield Statement(f"PNG {key}", text=generators.prompt(plain(text)))


def _embedded(found: dict[str, bytes]) -> Iterator[Statement]:
    if "exif" in found:
        with suppress(Exception):
            tags = Image.Exif()
            tags.load(b"Exif\0\0" + found["exif"])
            yield from exif.statements(tags)
    for name in ("iptc", "8bim"):
        if name in found:
            yield from iptc.statements(found[name])
    if "xmp" in found:
        yield from xmp.statements(found["xmp"])
