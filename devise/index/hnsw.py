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
from devise.vectors import Ids, Vector

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

    def vectors(self, ids: Ids) -> Vector:
        """Those of (n,) live ids, as they were added: (n, dim)."""
        if not len(ids):
            return np.empty((0, self.dim), np.float32)
        rows: Vector = self._index.get_items(ids, return_type="numpy")
        return rows

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


def scan(path: Path, vectors: Vector, *, crc32: int, size: int | None = None) -> tuple[Ids, Vector]:
    """All live ids of a saved graph, and their inner products with (q, dim) vectors: (n,), (q, n).

    Reads the file once, a piece at a time, and needs no hnswlib: for a single question that is a quarter of the time of
    loading it. Raises GraphError when the file is missing, damaged or of another dimension.
    """
    ids, scores = [np.empty(0, np.int64)], [np.empty((len(vectors), 0), np.float32)]
    for some, rows in nodes(path, vectors.shape[1], crc32=crc32, size=size):
        ids.append(some)
        scores.append(vectors @ rows.T)
    return np.concatenate(ids), np.concatenate(scores, axis=1)


def nodes(path: Path, dim: int, *, crc32: int, size: int | None = None) -> Iterator[tuple[Ids, Vector]]:
    """The live ids of a saved graph and their vectors, a piece at a time, to be believed when all have come.

    Far quicker than hnswlib gives them, which makes lists. Raises GraphError as `scan` does.
    """
    for some in _nodes(path, dim, crc32, size):
        live = some["mark"] & DELETED == 0
        yield some["label"][live], some["vector"][live]


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
    """The live ids and the highest id of a file that is whole and of this dimension."""
    labels, live = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for nodes in _nodes(path, dim, crc32, size):
        labels.append(nodes["label"].copy())
        live.append(nodes["mark"] & DELETED == 0)
    ids = np.concatenate(labels)
    return ids[np.concatenate(live)], int(ids.max(initial=-1))


def _nodes(path: Path, dim: int, crc32: int, size: int | None) -> Iterator[NDArray[Any]]:
    """The nodes of a file, a piece at a time: mark, vector, label. They are to be believed when all have come.

    Hnswlib itself tells neither a file's dimension nor what was deleted; both stand in the file. One pass tells all.
    """
    try:
        if (found := path.stat().st_size) < LEVEL0 or size not in (None, found):
            raise _damaged(path)
        left, kind, rest, checksum = -1, np.dtype("u1"), b"", 0
        for piece in _pieces(path):
            checksum = zlib.crc32(piece, checksum)
            if left < 0:
                left, kind = _layout(path, dim, piece)
                rest = piece[LEVEL0:]
            else:
                rest += piece
            count = min(left, len(rest) // kind.itemsize)
            yield np.frombuffer(rest, kind, count)
            left -= count
            rest = rest[count * kind.itemsize :] if left else b""
    except OSError as error:
        raise GraphError(f"{path} cannot be read: {error}; build it again") from error
    if checksum != crc32:
        raise _damaged(path)


def _layout(path: Path, dim: int, head: bytes) -> tuple[int, np.dtype[Any]]:
    """How many nodes there are and what one looks like, of a file that may be damaged."""
    if len(head) < LEVEL0:
        raise _damaged(path)
    base, _, count, stride, label_at, vector_at = HEADER.unpack_from(head)
    if label_at - vector_at != 4 * dim:
        raise GraphError(f"{path} has vectors of {(label_at - vector_at) // 4} numbers, not {dim}; build it again")
    if base or vector_at < 4 or label_at + 8 > stride or stride > PIECE:
        raise _damaged(path)
    fields = {"mark": ("<u4", 0), "vector": (f"({dim},)<f4", vector_at), "label": ("<i8", label_at)}
    formats, offsets = zip(*fields.values(), strict=True)
    return count, np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": stride})


def _damaged(path: Path) -> GraphError:
    return GraphError(f"{path} is damaged; build it again")
