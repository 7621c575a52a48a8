"""Files of fixed records, read a piece at a time and believed when their checksum fits."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.index.base import Saved, UnusableIndexError

PIECE = 1 << 22  # bytes of a file that are read at once: verifying an index takes no second copy of it


class Layout(NamedTuple):
    """Where the records of a file begin, how many there are and what one looks like."""

    offset: int
    num_records: int
    record: np.dtype[Any]


def records(
    path: Path, saved: Saved, layout: Callable[[bytes], Layout], beside: bytes = b"", piece_bytes: int = PIECE
) -> Iterator[NDArray[Any]]:
    """The records of a file, a piece at a time, to be believed when all have come: the checksum is told by then.

    layout: reads the head of a file that may be damaged. beside: what the checksum also goes over.
    Raises UnusableIndexError when the file is missing or damaged.
    """
    checksum, rest, at, left = 0, b"", Layout(0, -1, np.dtype("u1")), 0
    try:
        if path.stat().st_size != saved.size:
            raise damaged(path)
        for piece in pieces_of(path, piece_bytes):
            checksum = zlib.crc32(piece, checksum)
            if at.num_records < 0:
                at = layout(piece)
                left, rest = at.num_records, piece[at.offset :]
            else:
                rest += piece
            count = min(left, len(rest) // at.record.itemsize)
            yield np.frombuffer(rest, at.record, count)
            left -= count
            rest = rest[count * at.record.itemsize :] if left else b""
    except OSError as error:
        raise UnusableIndexError(f"{path} cannot be read: {error}; build it again") from error
    if left or at.num_records < 0 or zlib.crc32(beside, checksum) != saved.crc32:
        raise damaged(path)


def pieces_of(path: Path, size: int = PIECE) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(size):
            yield piece


def damaged(path: Path) -> UnusableIndexError:
    return UnusableIndexError(f"{path} is damaged; build it again")


def other_dimension(path: Path, found: int, dim: int) -> UnusableIndexError:
    return UnusableIndexError(f"{path} has vectors of {found} numbers, not {dim}; build it again")
