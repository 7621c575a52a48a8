"""Whole vectors and regions that searches have looked at, in memory: a program that asks often reads each once.

Of a search among 100,000 photos the store takes most of the time to find a thousand candidates on the disk, and other
words have other candidates, of which the next queries have many in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.index.flat import pieces
from devise.spaces import Space
from devise.store.base import REGIONS_CHUNK, VectorStore
from devise.store.regions import Regions
from devise.vectors import Ids, Vector

Chunks = Iterator[tuple[Ids, Vector, Regions]]
START = 4_096  # photos that there is room for at first; then twice as many, and so on


class _Rows(NamedTuple):
    """Of as many photos as there is room for. basis and mix are the whole numbers that the store keeps."""

    whole: Vector  # (n, dim)
    basis: NDArray[np.int8]  # (n, rank, dim)
    scale: NDArray[np.float32]  # (n, rank)
    mix: NDArray[np.int8]  # (n, regions, rank)


class RegionsCache:
    """Think of it as a table of photos, which is emptied when it is full. Any thread may ask.

    num_bytes: room for rows. What it gives is exactly what the store gives; the rows of an id never change. Photos that
    have left the library make way for others before the table grows.
    """

    def __init__(self, num_bytes: int) -> None:
        self._num_bytes = num_bytes
        self._lock = Lock()
        self._slots = np.empty(0, np.int32)  # of each id, -1 where it is not here
        self._rows: _Rows | None = None
        self._count = 0

    def regions(self, vectors: VectorStore, space: Space, ids: Ids, living: Ids) -> Chunks:
        """As `vectors.regions` does. living: all photos that are in the library; ids: some of them. Both ascending."""
        for some in pieces(ids, REGIONS_CHUNK):
            with self._lock:
                slots, rows = self._found(some)
            if (slots < 0).any():
                new = list(vectors.regions(space, some[slots < 0]))
                with self._lock:
                    self._add(new, living)
                    slots, rows = self._found(some)
            if rows is None or (slots < 0).any():  # gone meanwhile, or more than there is room for
                yield from vectors.regions(space, some)
            else:
                yield (
                    some,
                    rows.whole[slots],
                    Regions(
                        rows.basis[slots].astype(np.float32), rows.scale[slots], rows.mix[slots].astype(np.float32)
                    ),
                )

    def _found(self, ids: Ids) -> tuple[NDArray[np.int32], _Rows | None]:
        slots = np.full(len(ids), -1, np.int32)
        known = ids < len(self._slots)
        slots[known] = self._slots[ids[known]]
        return slots, self._rows

    def _add(self, chunks: list[tuple[Ids, Vector, Regions]], living: Ids) -> None:
        for ids, whole, regions in chunks:
            new = self._found(ids)[0] < 0  # another thread may have been first
            count = int(new.sum())
            if self._rows and self._count + count > len(self._rows.whole):
                self._forget_dead(living)
            if not count or not self._make_room(count, whole, regions):
                continue
            assert self._rows is not None
            place = slice(self._count, self._count + count)
            both: Iterator[tuple[Any, Any]] = zip(self._rows, (whole, *regions), strict=True)
            for mine, given in both:
                mine[place] = given[new]
            if len(self._slots) <= ids[-1]:
                grown = np.full(max(2 * len(self._slots), int(ids[-1]) + 1), -1, np.int32)
                grown[: len(self._slots)] = self._slots
                self._slots = grown
            self._slots[ids[new]] = np.arange(place.start, place.stop, dtype=np.int32)
            self._count += count

    def _forget_dead(self, living: Ids) -> None:
        """Where they are a quarter or more: else all would be moved again and again for a few."""
        assert self._rows is not None
        ids = np.flatnonzero(self._slots >= 0)
        kept = ids[np.isin(ids, living, assume_unique=True)]
        if len(kept) > 0.75 * self._count:
            return
        parts: Iterator[Any] = (np.empty_like(part) for part in self._rows)
        moved = _Rows(*parts)  # others read from those that were there
        both: Iterator[tuple[Any, Any]] = zip(self._rows, moved, strict=True)
        for old, new in both:
            new[: len(kept)] = old[self._slots[kept]]
        self._slots = np.full(len(self._slots), -1, np.int32)
        self._slots[kept] = np.arange(len(kept), dtype=np.int32)
        self._rows, self._count = moved, len(kept)

    def _make_room(self, count: int, whole: Vector, regions: Regions) -> bool:
        """For so many photos more, if it can. Arrays that other threads read from stay: there are new ones."""
        each = whole[0].nbytes + regions.scale[0].nbytes + (regions.basis[0].nbytes + regions.mix[0].nbytes) // 4
        most = self._num_bytes // each
        have = len(self._rows.whole) if self._rows else 0
        if self._count + count <= have:
            return True
        if count > most:
            return False
        if self._count + count > most:  # begin anew
            self._slots, self._rows, self._count = np.empty(0, np.int32), None, 0
        size = min(most, max(START, 2 * have, self._count + count))
        kinds: tuple[Any, ...] = (np.float32, np.int8, np.float32, np.int8)
        shapes = [given.shape[1:] for given in (whole, *regions)]
        grown = _Rows(*(np.empty((size, *shape), kind) for shape, kind in zip(shapes, kinds, strict=True)))
        if self._rows:
            both: Iterator[tuple[Any, Any]] = zip(self._rows, grown, strict=True)
            for old, larger in both:
                larger[: self._count] = old[: self._count]
        self._rows = grown
        return True
