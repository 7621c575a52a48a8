"""One hnswlib graph: build, save with a checksum, load, search. The only home of hnswlib.

hnswlib (Malkov and Yashunin, 2018) loads a file of another dimension or with a flipped byte without a word, and then
answers nonsense or crashes; it forgets ef, counts what was deleted and raises when k is too large. Here every file is
verified before hnswlib sees it, and a search always answers.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise import config
from devise.errors import DeviseError
from devise.files import replacing
from devise.vectors import Vector

Ids = NDArray[np.int64]

# hnswlib's own header (hnswalg.h, saveIndex): six size_t, then what we need not know
HEADER = struct.Struct("<6Q")
LEVEL0 = HEADER.size + 4 + 4 + 3 * 8 + 8 + 8  # then int, uint32, three size_t, a double, a size_t, and the nodes
DELETED = 1 << 16  # the bit in the first four bytes of a node (hnswalg.h, DELETE_MARK in byte 2)
GROWTH = 1.5  # times the room when it runs out: few copies, little waste
FIRST_ROOM = 1024
PIECE = 1 << 22  # bytes of a file that are read at once: verifying a graph takes no second copy of it


class GraphError(DeviseError):
    """A graph is missing, damaged or of another dimension: callers scan exactly and build it again."""


@cache
def available() -> bool:
    """Whether hnswlib is installed. It has no wheels, so devise must answer without it."""
    try:
        import hnswlib  # noqa: F401
    except ImportError:  # also when it was compiled for another Python or processor
        return False
    return True


class Graph:
    """Think of it as a dict of id to vector, asked for the ids of the highest inner products, nearly all of them right.

    >>> graph = Graph.new(300)
    >>> graph.add(ids, rows)                       # (n,) int64 that only grow, (n, 300), of much the same length
    >>> crc32, size = graph.save(folder / "words.graph")
    >>> Graph.load(folder / "words.graph", dim=300, crc32=crc32, size=size).search(row, 8)
    array([17, 4, ...])

    One thread may add or remove; searching while adding is unsafe. Callers compute scores from their own rows.
    """

    def __init__(self, index: Any, dim: int, ids: Ids, last: int) -> None:
        self._index = index
        self._ids = [ids]  # live, in pieces that are joined when asked for
        self._last = last  # highest id ever used: a re-used one could come back twice
        self.dim = dim

    @classmethod
    def new(cls, dim: int) -> Graph:
        """An empty graph. Raises GraphError where hnswlib is missing."""
        index = _index(dim)
        index.init_index(
            max_elements=FIRST_ROOM,
            M=config.GRAPH_M,
            ef_construction=config.GRAPH_EF_CONSTRUCTION,
            random_seed=config.GRAPH_SEED,
        )
        return cls(index, dim, np.empty(0, np.int64), -1)

    @classmethod
    def load(cls, path: Path, *, dim: int, crc32: int, size: int | None = None) -> Graph:
        """A graph as it was saved. Raises GraphError when the file is missing, damaged or of another dimension."""
        index = _index(dim)
        ids, last = _verified(path, dim, crc32, size)
        try:
            index.load_index(os.fsencode(path))
        except RuntimeError as error:
            raise GraphError(f"{path} cannot be loaded: {error}; build it again") from error
        return cls(index, dim, ids, last)

    def __len__(self) -> int:
        return sum(len(ids) for ids in self._ids)

    def ids(self) -> Ids:
        """All ids that a search can give."""
        self._ids = [np.concatenate(self._ids)]
        return self._ids[0]

    def add(self, ids: ArrayLike, rows: Vector) -> None:
        """Add (n,) ids, ascending and higher than all before, with their (n, dim) vectors. Uses all cores."""
        new = np.asarray(ids, np.int64)
        if not len(new):
            return
        rows = np.asarray(rows, np.float32)
        if rows.shape != (len(new), self.dim) or not np.isfinite(rows).all():
            raise ValueError(f"rows must be finite and of shape {(len(new), self.dim)}, not {rows.shape}")
        if np.any(np.diff(new, prepend=self._last) <= 0):
            raise ValueError("ids must only grow: a used id could come back twice")
        need = self._index.element_count + len(new)
        if need > self._index.get_max_elements():
            self._index.resize_index(max(need, int(GROWTH * self._index.get_max_elements())))
        self._index.add_items(rows, new)
        self._ids.append(new)
        self._last = int(new[-1])

    def remove(self, ids: ArrayLike) -> None:
        """Take ids out of all answers; unknown ones are ignored. Only a graph built anew gives their room back."""
        live = self.ids()
        gone = np.intersect1d(live, np.asarray(ids, np.int64))
        for each in gone:
            self._index.mark_deleted(int(each))
        self._ids = [live[~np.isin(live, gone)]]

    def search(self, vector: Vector, k: int, ef: int = config.GRAPH_EF) -> Ids:
        """Up to k ids, nearest first. vector: (dim,). k above the number of live ids gives what there is.

        ef: how many candidates hnswlib keeps on its way; at least k.
        """
        return self.search_many(vector[None], k, ef)[0][0]

    def search_many(self, vectors: Vector, k: int, ef: int = config.GRAPH_EF) -> list[tuple[Ids, Vector]]:
        """The same for each of (n, dim) vectors, with their inner products, on all cores."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim or not np.isfinite(vectors).all():
            raise ValueError(f"vectors must be finite and of shape {('n', self.dim)}, not {vectors.shape}")
        k = min(k, len(self))
        if k > 0:
            self._index.set_ef(max(ef, k))  # not saved in the file, and lost when set before loading
            with suppress(RuntimeError):
                ids, distances = self._index.knn_query(vectors, k=k)
                return list(zip(ids.astype(np.int64), 1 - distances, strict=True))
        return [self._patiently(vector, k, max(ef, k)) for vector in vectors]

    def _patiently(self, vector: Vector, k: int, ef: int) -> tuple[Ids, Vector]:
        """When hnswlib finds fewer than k (many duplicates or deletions), it raises: then more effort, then fewer."""
        while k > 0:
            self._index.set_ef(ef)
            with suppress(RuntimeError):
                ids, distances = self._index.knn_query(vector[None], k=k)
                return ids[0].astype(np.int64), 1 - distances[0]
            if ef < self._index.element_count:
                ef = min(8 * ef, self._index.element_count)
            else:
                k //= 2
        return np.empty(0, np.int64), np.empty(0, np.float32)

    def save(self, path: Path) -> tuple[int, int]:
        """Write to `path`, whole or not at all -> (crc32, size) that `load` will ask for. Raises WriteError."""
        with replacing(path, mode=0o600) as temporary:
            self._index.save_index(os.fsencode(temporary))
            size = temporary.stat().st_size
            if size != self._index.index_file_size():  # a full disk: hnswlib says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            crc32 = 0
            for piece in _pieces(temporary):
                crc32 = zlib.crc32(piece, crc32)
            return crc32, size


def _index(dim: int) -> Any:
    if not available():
        raise GraphError("hnswlib is not installed, so searches scan exactly; run: pip install hnswlib")
    import hnswlib

    return hnswlib.Index(space="ip", dim=dim)  # inner product: the cosine of unit vectors


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


def _verified(path: Path, dim: int, crc32: int, size: int | None) -> tuple[Ids, int]:
    """The live ids and the highest id of a file that is whole and of this dimension.

    Hnswlib itself tells neither a file's dimension nor what was deleted; both stand in the file. One pass tells all.
    """
    try:
        found, rest, sum_, ids = path.stat().st_size, b"", 0, _Ids(path, dim)
        if found < LEVEL0 or size not in (None, found):
            raise GraphError(f"{path} is damaged; build it again")
        for piece in _pieces(path):
            sum_ = zlib.crc32(piece, sum_)
            rest = ids.take(rest + piece)
    except OSError as error:
        raise GraphError(f"{path} cannot be read: {error}; build it again") from error
    if sum_ != crc32:
        raise GraphError(f"{path} is damaged; build it again")
    return ids.result()


class _Ids:
    """Reads the ids in the nodes of a file that comes in pieces, which may be damaged."""

    def __init__(self, path: Path, dim: int) -> None:
        self._path, self._dim = path, dim
        self._left = -1  # nodes still to come; -1: the header is
        self._labels: list[Ids] = []
        self._live: list[NDArray[np.bool_]] = []

    def take(self, data: bytes) -> bytes:
        """What of `data` has to be given again, with more behind it."""
        if self._left < 0:
            if len(data) < LEVEL0:
                return data
            data = self._header(data)
        count = min(self._left, len(data) // self._stride)
        nodes = np.frombuffer(data, np.uint8, count * self._stride).reshape(count, self._stride)
        marks = nodes[:, :4].copy().view("<u4")[:, 0]
        self._live.append(marks & DELETED == 0)
        self._labels.append(nodes[:, self._label_at : self._label_at + 8].copy().view("<i8")[:, 0])
        self._left -= count
        return data[count * self._stride :] if self._left else b""

    def _header(self, data: bytes) -> bytes:
        base, _, self._left, self._stride, self._label_at, vector_at = HEADER.unpack_from(data)
        if self._label_at - vector_at != 4 * self._dim:
            numbers = (self._label_at - vector_at) // 4
            raise GraphError(f"{self._path} has vectors of {numbers} numbers, not {self._dim}; build it again")
        if base or not 4 <= self._stride <= PIECE or self._label_at + 8 > self._stride:
            raise GraphError(f"{self._path} is damaged; build it again")
        return data[LEVEL0:]

    def result(self) -> tuple[Ids, int]:
        labels = np.concatenate([np.empty(0, np.int64), *self._labels])
        live = np.concatenate([np.empty(0, np.bool_), *self._live])
        return labels[live], int(labels.max(initial=-1))
