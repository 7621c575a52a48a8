"""One hnswlib graph: build, save with a checksum, load, search. The only home of hnswlib.

hnswlib (Malkov and Yashunin, 2018) loads a file of another dimension or with a flipped byte without a word, and then
answers nonsense or crashes; it forgets ef, counts what was deleted and raises when k is too large. Here every file is
verified before hnswlib sees it, and a search always answers.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import zlib
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
    """Think of it as a dict of id to unit vector, asked for the ids nearest to a vector, nearly all of them right.

    >>> graph = Graph.new(300)
    >>> graph.add(ids, rows)                       # (n,) int64 that only grow, (n, 300) of length 1
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
        """Add (n,) ids, ascending and higher than all before, with their (n, dim) unit vectors. Uses all cores."""
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

    def search(self, vector: Vector, k: int) -> Ids:
        """Up to k ids, nearest first. vector: (dim,), of length 1. k above the number of live ids gives what there is.

        When hnswlib finds fewer than k (many duplicates or deletions), it raises: then more effort, then fewer.
        """
        if vector.shape != (self.dim,) or not np.isfinite(vector).all():
            raise ValueError(f"the vector must be finite and of shape {(self.dim,)}, not {vector.shape}")
        k = min(k, len(self))
        ef = max(config.GRAPH_EF, k)
        while k > 0:
            self._index.set_ef(ef)  # not saved in the file, and lost when set before loading
            with suppress(RuntimeError):
                ids, _ = self._index.knn_query(vector[None], k=k)
                return np.asarray(ids[0], np.int64)
            if ef < self._index.element_count:
                ef = min(8 * ef, self._index.element_count)
            else:
                k //= 2
        return np.empty(0, np.int64)

    def save(self, path: Path) -> tuple[int, int]:
        """Write to `path`, whole or not at all -> (crc32, size) that `load` will ask for. Raises WriteError."""
        with replacing(path) as temporary:
            self._index.save_index(os.fsencode(temporary))
            size = temporary.stat().st_size
            if size != self._index.index_file_size():  # a full disk: hnswlib says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with temporary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return zlib.crc32(data), size


def _index(dim: int) -> Any:
    if not available():
        raise GraphError("hnswlib is not installed, so searches scan exactly; run: pip install hnswlib")
    import hnswlib

    return hnswlib.Index(space="ip", dim=dim)  # inner product: the cosine of unit vectors


def _verified(path: Path, dim: int, crc32: int, size: int | None) -> tuple[Ids, int]:
    """The live ids and the highest id of a file that is whole and of this dimension."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if len(data) < HEADER.size or size not in (None, len(data)) or zlib.crc32(data) != crc32:
                raise GraphError(f"{path} is damaged; build it again")
            return _read_ids(path, data, dim)
    except (OSError, ValueError) as error:  # mmap's ValueError: an empty file
        raise GraphError(f"{path} cannot be read: {error}; build it again") from error


def _read_ids(path: Path, data: mmap.mmap, dim: int) -> tuple[Ids, int]:
    """Hnswlib itself tells neither a file's dimension nor what was deleted; both stand in the file."""
    base, _, count, stride, label_at, vector_at = HEADER.unpack_from(data)
    if label_at - vector_at != 4 * dim:
        raise GraphError(f"{path} has vectors of {(label_at - vector_at) // 4} numbers, not {dim}; build it again")
    nodes = np.ndarray((count, stride), np.uint8, data, LEVEL0 + base)
    marks = nodes[:, :4].copy().view("<u4")[:, 0]
    labels = nodes[:, label_at : label_at + 8].copy().view("<i8")[:, 0]
    del nodes  # the map cannot be closed while an array looks into it
    return labels[marks & DELETED == 0], int(labels.max(initial=-1))
