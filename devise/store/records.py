"""What single rows of a library's tables say."""

from __future__ import annotations

import os
from typing import Any, NamedTuple


class Photo(NamedTuple):
    """A file and the content it had when it was last read. stamp: of its sidecars then; None if nobody looked."""

    path: str
    content_id: int
    size: int
    mtime_ns: int
    stamp: str | None = None


class Card(NamedTuple):
    """What is known of a file without opening it. pixels: width times height; captions: one a line."""

    path: str
    content_id: int
    size: int
    mtime_ns: int
    taken: str | None
    pixels: int | None
    kind: str | None
    captions: str


class Entry(NamedTuple):
    """All that is known of a file. digest: of its content; texts as they are searched, None where nobody has read any.

    pixels: width times height; stamp: of its sidecars when it was read.
    """

    path: str
    digest: bytes
    size: int
    mtime_ns: int
    taken: str | None
    pixels: int | None
    kind: str | None
    stamp: str | None
    names: str | None
    captions: str | None


class PhotoFacts(NamedTuple):
    """What is known of a file beside its content. pixels: width times height; taken: ISO 8601, local time."""

    path: str
    content_id: int
    size: int
    pixels: int
    kind: str
    taken: str | None


class Refused(NamedTuple):
    """A file that could not be read as a photo, why, and how it looked then."""

    path: str
    size: int
    mtime_ns: int
    reason: str


class Judged(NamedTuple):
    """What somebody said of an answer: query as it was asked; path of the photo when it was judged; when, in UTC.

    hash: of the photo's content, which outlives the photo.
    """

    query: str
    path: str
    is_good: bool
    marked: str
    hash: bytes


class GraphFile(NamedTuple):
    """One derived graph: which file, how to tell that it is whole, and up to which content it reaches.

    nodes: those deleted too; fitted: how many contents there were when its projection (basis) was made.
    """

    space: str
    file: str
    crc32: int
    size: int
    nodes: int
    max_id: int
    fitted: int
    basis: bytes | None = None


def stored_path(path: str) -> str | bytes:
    """Names that are no UTF-8 (Python keeps their bytes as lone surrogates) are stored as bytes."""
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return os.fsencode(path)


def path_of(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else os.fsdecode(stored)  # TypeError for what is no path


def integer(value: Any) -> int:
    """SQLite keeps whatever a column is given. Raises TypeError."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return value
