"""Unit rows in fixed point, all of them scanned: half the room of floats, and a file that one search reads through.

Numbers of 16 bits with one step for all, 1/32767: scores are then wrong by some 1e-5, with halves by as much or more,
and a processor makes floats of them 25 times as fast as numpy makes them of halves (0.07 and 1.7 ms for a million
numbers). What a search scores in the end are the stored vectors.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.files import replacing
from devise.index.base import Saved, checked, checked_rows
from devise.index.flat import pieces
from devise.index.saved import PIECE, Layout, damaged, other_dimension, records
from devise.vectors import Hits, Ids, Vector

HEADER = struct.Struct("<8s2IQ")  # what it is, dimension, zero, how many records
MAGIC = b"devflat1"
STEPS = 32_767  # of 1, the highest that a number of a unit vector can be
SLACK = 1e-3  # above 1, from rounding
CHUNK = 8_192  # rows that are made floats at a time: 4 MB of 128 numbers stay in the cache
# Queries whose products one core computes: of 100,000 rows in 3.1 ms, where BLAS takes 2.1 on two idle cores, and 12 to
# 60 on busy ones
FEW = 2
TOGETHER = 16  # queries that share the floats which are made of a piece of rows
ROOM = 4  # times k: so many scores of a query are kept before those below the k best are dropped
Fixed = NDArray[np.int16]


class QuantizedIndex:
    """Think of it as a FlatIndex of inner products of unit rows, whose scores are right to four decimals.

    >>> index = QuantizedIndex(128)
    >>> index.add(ids, rows)
    >>> saved = index.save(folder / "words-7.flat")
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._last = -1
        self._held: list[tuple[Ids, Fixed | Vector]] = []  # a new list at each change: readers keep theirs

    @classmethod
    def of(cls, chunks: Iterable[tuple[Ids, Fixed | Vector]], dim: int) -> Self:
        """Of ids and rows in fixed point, or in floats, which take twice the room and a third of the time."""
        index = cls(dim)
        index._held = [(ids.copy(), rows.copy()) for ids, rows in chunks if len(ids)]
        index._last = max((int(ids.max()) for ids, _ in index._held), default=-1)
        return index

    @classmethod
    def load(cls, path: Path, dim: int, saved: Saved) -> Self:
        return cls.of(stored(path, dim, saved), dim)

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._held)

    def ids(self) -> Ids:
        return np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in self._held)])

    def add(self, ids: ArrayLike, rows: Vector) -> None:
        """Raises ValueError also for numbers above 1, which no unit row has."""
        new, rows = checked(ids, rows, self.dim, self._last)
        if len(new):
            if np.abs(rows).max() > 1 + SLACK:
                raise ValueError("rows must be of length 1")
            self._held = [*self._held, (new, quantize(rows))]
            self._last = int(new[-1])

    def remove(self, ids: ArrayLike) -> None:
        removed = np.asarray(ids, np.int64)
        if len(removed):
            live = [(held, rows, ~np.isin(held, removed)) for held, rows in self._held]
            self._held = [
                (held, rows) if is_live.all() else (held[is_live], rows[is_live]) for held, rows, is_live in live
            ]

    def search(self, queries: Vector, k: int, *, among: Ids | None = None) -> list[Hits]:
        held = self._held
        return nearest(lambda: ((ids, rows) for ids, rows in held if len(ids)), queries, self.dim, k, among)

    def save(self, path: Path) -> Saved:
        held, record = self._held, _record(self.dim)
        head = HEADER.pack(MAGIC, self.dim, 0, sum(len(ids) for ids, _ in held))
        checksum, size = zlib.crc32(head), len(head)
        with replacing(path, mode=0o600) as temporary, temporary.open("wb") as file:
            file.write(head)
            for all_ids, all_rows in held:
                step = max(1, PIECE // record.itemsize)
                for ids, rows in zip(pieces(all_ids, step), pieces(all_rows, step), strict=True):
                    written = np.empty(len(ids), record)
                    written["id"], written["row"] = ids, rows if rows.dtype == np.int16 else quantize(rows)
                    file.write(written.data)
                    checksum, size = zlib.crc32(written.data, checksum), size + written.nbytes
            file.flush()
        return Saved(checksum, size)


def quantize(rows: NDArray[Any]) -> Fixed:
    """Numbers above 1 become 1; what is none becomes 0, for rows may come from a file that turns out to be damaged."""
    fixed: Fixed = np.rint(np.clip(np.nan_to_num(rows), -1, 1) * STEPS).astype(np.int16)
    return fixed


def floats(rows: Fixed | Vector) -> Vector:
    """Rows in fixed point or floats as floats."""
    if rows.dtype != np.int16:
        return rows.astype(np.float32, copy=False)
    wide: Vector = np.divide(rows, STEPS, dtype=np.float32)
    return wide


def stored(path: Path, dim: int, saved: Saved) -> Iterator[tuple[Ids, Fixed]]:
    """Ids and rows of a file, a piece at a time, to be believed when all have come. Raises UnusableIndexError."""
    return ((some["id"], some["row"]) for some in records(path, saved, partial(_layout, path, dim)))


def nearest(chunks: Any, queries: Vector, dim: int, k: int, among: Ids | None = None) -> list[Hits]:
    """Up to k hits for each of (n, dim) queries. chunks(): ids and rows, in fixed point or floats, anew each time."""
    queries = checked_rows(queries, dim)
    return [hits for some in pieces(queries, TOGETHER) for hits in _nearest(chunks(), some, k, among)]


def _nearest(chunks: Iterable[tuple[Ids, NDArray[Any]]], queries: Vector, k: int, among: Ids | None) -> list[Hits]:
    best = [TopK(k) for _ in queries]
    buffer = np.empty((CHUNK, queries.shape[1]), np.float32)
    for some, rows in chunks:  # which may be of a damaged file: that is told when all have come
        if among is not None:
            chosen = np.isin(some, among)
            some, rows = some[chosen], rows[chosen]
        at = 0
        with np.errstate(all="ignore"):
            for scores in _products(queries, rows, buffer):
                for one, row in zip(best, scores, strict=True):
                    one.add(some[at : at + len(row)], row)
                at += scores.shape[1]
    return [one.hits() for one in best]


class TopK:
    """The k best of scores that come a few at a time: all of a million are never in memory, nor put in order."""

    def __init__(self, k: int) -> None:
        self._k, self._least = k, -np.inf  # a score below that is not among the best
        self._ids, self._scores, self._count = list[Ids](), list[Vector](), 0

    def add(self, ids: Ids, scores: Vector) -> None:
        at = np.flatnonzero(scores >= self._least)
        if not len(at):
            return
        self._ids.append(ids[at])
        self._scores.append(scores[at])
        self._count += len(at)
        if self._count > ROOM * self._k + CHUNK:
            self._keep(self.hits())

    def hits(self) -> Hits:
        if not self._ids:
            return Hits.none()
        return Hits.best(np.concatenate(self._ids), np.concatenate(self._scores), self._k)

    def _keep(self, hits: Hits) -> None:
        self._ids, self._scores, self._count = [hits.ids], [hits.scores], len(hits)
        if len(hits) == self._k:
            self._least = float(hits.scores[-1])


def _products(queries: Vector, rows: NDArray[Any], buffer: Vector) -> Iterator[Vector]:
    """Inner products (q, some) of rows in fixed point or floats, a few rows at a time."""
    if rows.dtype != np.int16:
        yield _product(queries, rows)
        return
    scaled: Vector = queries / np.float32(STEPS)
    for part in pieces(rows, CHUNK):
        wide = buffer[: len(part)]
        np.copyto(wide, part)
        yield _product(scaled, wide)


def _product(queries: Vector, rows: Vector) -> Vector:
    """(q, dim), (n, dim) -> (q, n). BLAS wakes all cores for each call, and waits where others are busy on them."""
    if len(queries) > FEW:
        return queries @ rows.T
    return np.stack([np.einsum("ij,j->i", rows, query) for query in queries])


def _record(dim: int) -> np.dtype[Any]:
    return np.dtype([("id", "<i8"), ("row", "<i2", (dim,))])


def _layout(path: Path, dim: int, head: bytes) -> Layout:
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        raise damaged(path)
    _, width, zero, count = HEADER.unpack_from(head)
    if width != dim:
        raise other_dimension(path, width, dim)
    record = _record(dim)
    if zero or path.stat().st_size != HEADER.size + count * record.itemsize:
        raise damaged(path)
    return Layout(HEADER.size, count, record)
