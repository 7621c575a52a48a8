"""Text of unknown encoding: UTF-8, UTF-16 with or without byte order mark, else Windows-1252."""

from __future__ import annotations

import codecs
import unicodedata

_MARKS = (
    *((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
    *((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
)
_SAMPLE = 2_000  # bytes that tell a byte order


def plain(data: bytes) -> str:
    """The text of a file or a field. Never raises: what makes no sense becomes question marks or odd letters."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if b"\0" in data.rstrip(b"\0"):
        return wide(data)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.end == len(data) and error.reason == "unexpected end of data":  # cut at a number of bytes
            return data[: error.start].decode()
        return data.decode("cp1252", "replace")


def wide(data: bytes, usual: str = "utf-16-le") -> str:
    """UTF-16 whose byte order is not certain; `usual` decides where both make as much sense."""
    for mark, encoding in _MARKS[3:]:
        if data.startswith(mark):
            return data[2:].decode(encoding, "replace")
    other = {"utf-16-le": "utf-16-be", "utf-16-be": "utf-16-le"}[usual]
    right = min((usual, other), key=lambda encoding: _oddness(data[:_SAMPLE].decode(encoding, "replace")))
    return data.decode(right, "replace")


def _oddness(text: str) -> tuple[int, int]:
    """Characters that no text has, and of how many blocks the others are: in the wrong order they are scattered."""
    text = text.rstrip("\0")
    odd = sum(character == "\ufffd" or unicodedata.category(character) in ("Cn", "Co", "Cs") for character in text)
    return odd, len({ord(character) >> 8 for character in text if character not in "\0 \r\n\t"})
