"""What single rows of a library's tables say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Photo:
    """A file and the content it had when it was last read. stamp: of its sidecars then; None if nobody looked."""

    path: str
    content_id: int
    size: int
    mtime_ns: int
    stamp: str | None = None


@dataclass(frozen=True)
class Refused:
    """A file that could not be read as a photo, why, and how it looked then."""

    path: str
    size: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True)
class GraphFile:
    """One derived graph: which file, how to tell that it is whole, and up to which content it reaches.

    count: its nodes; fitted: how many contents there were when its projection (basis) was made.
    """

    space: str
    file: str
    crc32: int
    size: int
    count: int
    max_id: int
    fitted: int
    basis: bytes | None = field(default=None, repr=False)


def stored_path(path: str) -> str | bytes:
    """Names that are no UTF-8 (Python keeps their bytes as lone surrogates) are stored as bytes."""
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return os.fsencode(path)


def path_of(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else os.fsdecode(stored)  # TypeError for what is no path
