"""What every index is: ids and rows go in, the nearest to each query come out, best first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.errors import DeviseError
from devise.vectors import Hits, Ids

Rows = NDArray[Any]  # (n, dim): float32, or bits packed in bytes where the metric is Hamming


class UnusableIndexError(DeviseError):
    """An index is missing, damaged, of another dimension, or needs what is not installed: callers scan the store."""


class Saved(NamedTuple):
    """How to tell that the file of an index is whole. crc32: of the file, and of those that stand beside it."""

    crc32: int
    size: int


class Index(Protocol):
    """Think of it as a dict of id to row that is asked for what is nearest.

    >>> index.add(ids, rows)                 # (n,) int64 that only grow, (n, dim), finite
    >>> hits, = index.search(row[None], 8)
    >>> hits.ids, hits.scores
    (array([17, 4, ...]), array([0.93, 0.91, ...], dtype=float32))

    Any number of threads may search at once, while one of them adds or removes.
    """

    dim: int

    def add(self, ids: ArrayLike, rows: Rows) -> None:
        """Raises ValueError for ids not higher than all before, and for rows of another shape or not finite."""

    def remove(self, ids: ArrayLike) -> None:
        """Take ids out of all answers; unknown ones are ignored."""

    def search(self, queries: Rows, k: int, *, among: Ids | None = None) -> list[Hits]:
        """Up to k hits for each of (n, dim) queries; k above the number of ids gives what there is.

        among: the only ids that count. Raises ValueError for queries of another shape or not finite.
        """

    def __len__(self) -> int: ...


class FileIndex(Index, Protocol):
    """One that has a file."""

    def save(self, path: Path) -> Saved:
        """Whole or not at all. Raises WriteError."""

    @classmethod
    def load(cls, path: Path, dim: int, saved: Saved) -> Self:
        """As it was saved. Raises UnusableIndexError where the file is missing, damaged or of another dimension."""


def checked(ids: ArrayLike, rows: Rows, width: int, last: int, dtype: Any = np.float32) -> tuple[Ids, Rows]:
    """What can be added after the id `last`. width: numbers in a row. Raises ValueError."""
    new, rows = np.asarray(ids, np.int64), checked_rows(rows, width, dtype)
    if new.shape != (len(rows),):
        raise ValueError(f"{new.shape} ids for rows of shape {rows.shape}")
    if np.any(np.diff(new, prepend=last) <= 0):
        raise ValueError("ids must only grow: a used id could come back twice")
    return new, rows


def checked_rows(rows: Rows, width: int, dtype: Any = np.float32) -> Rows:
    """Raises ValueError for what are no (n, width) finite numbers."""
    rows = np.asarray(rows, dtype)
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():
        raise ValueError(f"rows must be finite and of shape (n, {width}), not {rows.shape}")
    return rows
