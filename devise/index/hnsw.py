"""One hnswlib graph: build, save with a checksum, load, search. The only home of hnswlib.

hnswlib (Malkov and Yashunin, 2018) loads a file of another dimension or with a flipped byte without a word, and then
answers nonsense or crashes; it forgets ef, counts what was deleted and raises when k is too large. Here every file is
verified before hnswlib sees it, and a search always answers.
"""

from __future__ import annotations

import errno
import os
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.config import IndexConfig
from devise.errors import writing
from devise.files import replacing
from devise.index import hnsw_file
from devise.index.base import Saved, UnusableIndexError, checked, checked_rows
from devise.index.duplicates import Duplicates, keys
from devise.index.flat import pieces
from devise.index.saved import pieces_of
from devise.vectors import Hits, Ids, Vector

GROWTH = 1.5  # times the room when it runs out: few copies, little waste
FIRST_ROOM = 1024
READ = 4_096  # vectors that are read of a graph at once
OVERSAMPLING = 2  # times as many as should do are asked for where only some ids count


@cache
def available() -> bool:
    """Whether hnswlib is installed. It has no wheels, so devise must answer without it."""
    try:
        import hnswlib  # noqa: F401
    except ImportError:  # also when it was compiled for another Python or processor
        return False
    return True


class HnswIndex:
    """Think of it as a FlatIndex of inner products that looks at few rows and finds nearly all of the right ones.

    >>> index = HnswIndex(300)
    >>> index.add(ids, rows)                       # (n,) int64 that only grow, (n, 300), of much the same length
    >>> saved = index.save(folder / "words.graph")
    >>> [hits] = HnswIndex.load(folder / "words.graph", 300, saved).search(row[None], 8)

    Equal rows are one node with many ids. Raises UnusableIndexError where hnswlib is missing.
    """

    def __init__(self, dim: int, settings: IndexConfig = IndexConfig()) -> None:
        self.dim, self.ef = dim, settings.ef
        self._index = _index(dim)
        self._index.init_index(FIRST_ROOM, settings.M, settings.ef_construction, settings.seed)
        self._lock = Lock()  # ef is the index's: two threads that ask with different ones would get each other's
        self._start(np.empty(0, np.int64), Duplicates.none(), -1)

    def _start(self, nodes: Ids, duplicates: Duplicates, last: int) -> None:
        self._nodes, self._duplicates = [nodes], duplicates  # live nodes in pieces, that are joined when asked for
        self._last = last  # highest id ever used: a re-used one could come back twice
        self._known: dict[int, int] | None = None  # key -> node
        self._dead: set[int] = set()

    @classmethod
    def load(cls, path: Path, dim: int, saved: Saved, settings: IndexConfig = IndexConfig()) -> Self:
        graph = _index(dim)
        nodes, duplicates, last = hnsw_file.verified(path, dim, saved)
        try:
            graph.load_index(os.fsencode(path))
        except RuntimeError as error:
            raise UnusableIndexError(f"{path} cannot be loaded: {error}; build it again") from error
        index = cls.__new__(cls)
        index.dim, index.ef, index._index, index._lock = dim, settings.ef, graph, Lock()
        index._start(nodes, duplicates, max(last, int(duplicates.ids.max(initial=-1))))
        return index

    def __len__(self) -> int:
        return self.num_nodes + self._duplicates.num_more

    @property
    def num_nodes(self) -> int:
        """How many different vectors there are."""
        return sum(len(nodes) for nodes in self._nodes)

    def ids(self) -> Ids:
        """All ids that a search can give, ascending."""
        return np.sort(self._duplicates.expand(self._live())[0])

    def _live(self) -> Ids:
        self._nodes = [np.concatenate(self._nodes)]
        return self._nodes[0]

    def vectors(self, ids: Ids) -> Vector:
        """Those of (n,) live ids, as the first of equal ones was added: (n, dim)."""
        if not len(ids):
            return np.empty((0, self.dim), np.float32)
        rows: Vector = self._index.get_items(self._duplicates.node_of(ids), return_type="numpy")
        return rows

    def add(self, ids: ArrayLike, rows: Vector) -> None:
        """Uses all cores."""
        new, rows = checked(ids, rows, self.dim, self._last)
        if not len(new):
            return
        nodes = self._nodes_of(new, rows)
        is_first = nodes == new
        need = self._index.element_count + int(is_first.sum())
        if need > self._index.get_max_elements():
            self._index.resize_index(max(need, int(GROWTH * self._index.get_max_elements())))
        if is_first.any():
            self._index.add_items(rows[is_first], new[is_first])
            self._nodes.append(new[is_first])
        if not is_first.all():
            self._duplicates = self._duplicates.joined(nodes[~is_first], new[~is_first])
        self._last = int(new[-1])

    def _nodes_of(self, ids: Ids, rows: Vector) -> Ids:
        """For each new id that of the first one with an equal vector."""
        if self._known is None:
            self._known = {}
            for nodes in pieces(self._live(), READ):
                self._known.update(zip(keys(self._vectors_of(nodes)).tolist(), nodes.tolist(), strict=True))
        found = []
        for key, content_id in zip(keys(rows).tolist(), ids.tolist(), strict=True):
            node = self._known.setdefault(key, content_id)
            if node in self._dead:
                self._known[key] = node = content_id
            found.append(node)
        return np.array(found, np.int64)

    def _vectors_of(self, nodes: Ids) -> Vector:
        rows: Vector = self._index.get_items(nodes, return_type="numpy")
        return rows

    def remove(self, ids: ArrayLike) -> None:
        """Only an index built anew gives the room of nodes back."""
        live = self._live()
        removed = np.unique(np.asarray(ids, np.int64))
        removed = removed[np.isin(removed, live) | np.isin(removed, self._duplicates.ids)]
        removed = removed[~self._is_replaced(removed)]
        self._duplicates, dead = self._duplicates.without(removed)
        for each in dead.tolist():
            self._index.mark_deleted(each)
        self._dead.update(dead.tolist())
        self._nodes = [live[~np.isin(live, dead)]]

    def _is_replaced(self, nodes: Ids) -> NDArray[np.bool_]:
        """Whether an id is only the name of a node, for it was removed while others stayed there."""
        shared = self._duplicates
        return np.isin(nodes, shared.nodes) & ~np.isin(nodes, shared.ids)

    def search(self, queries: Vector, k: int, *, among: Ids | None = None, ef: int | None = None) -> list[Hits]:
        """ef: how many candidates hnswlib keeps on its way, at least k; None: that of the settings."""
        queries = checked_rows(queries, self.dim)
        k, ef = min(k, len(self)), ef or self.ef
        if k < 1:
            return [Hits.none() for _ in queries]
        if among is not None:
            return [self._among(query[None], k, np.intersect1d(among, self.ids()), ef) for query in queries]
        return [self._hits(nodes, scores, k) for nodes, scores in self._asked(queries, min(k, self.num_nodes), ef)]

    def _hits(self, nodes: Ids, scores: Vector, k: int) -> Hits:
        ids, at = self._duplicates.expand(nodes)
        return Hits.best(ids, scores[at], k)

    def _among(self, query: Vector, k: int, among: Ids, ef: int) -> Hits:
        """More are asked for until enough of them count, and where that is most of them all that count are compared."""
        fetched = OVERSAMPLING * k * len(self) // max(1, len(among))
        while fetched < len(among):
            (hits,) = self.search(query, fetched, ef=ef)
            counts = np.isin(hits.ids, among)
            if counts.sum() >= k:
                return Hits.best(hits.ids[counts], hits.scores[counts], k)
            fetched *= 4
        return Hits.best(among, self.vectors(among) @ query[0], k)

    def _asked(self, queries: Vector, k: int, ef: int) -> list[tuple[Ids, Vector]]:
        """The nodes of each query and their inner products, on all cores."""
        with self._lock:
            self._index.set_ef(max(ef, k))  # not saved in the file, and lost when set before loading
            with suppress(RuntimeError):
                nodes, distances = self._index.knn_query(queries, k=k)
                return list(zip(nodes.astype(np.int64), 1 - distances, strict=True))
            return [self._patiently(query, k, max(ef, k)) for query in queries]

    def _patiently(self, query: Vector, k: int, ef: int) -> tuple[Ids, Vector]:
        """When hnswlib finds fewer than k (many deletions), it raises: then a higher ef, then fewer."""
        while k > 0:
            self._index.set_ef(ef)
            with suppress(RuntimeError):
                nodes, distances = self._index.knn_query(query[None], k=k)
                return nodes[0].astype(np.int64), 1 - distances[0]
            if ef < self._index.element_count:
                ef = min(8 * ef, self._index.element_count)
            else:
                k //= 2
        return np.empty(0, np.int64), np.empty(0, np.float32)

    def save(self, path: Path) -> Saved:
        told = self._duplicates.to_bytes() if len(self._duplicates.ids) else b""
        if told:
            with replacing(hnsw_file.beside(path), mode=0o600) as temporary:
                temporary.write_bytes(told)
        else:
            with writing(path):
                hnsw_file.beside(path).unlink(missing_ok=True)
        with replacing(path, mode=0o600) as temporary:
            self._index.save_index(os.fsencode(temporary))
            size = temporary.stat().st_size
            if size != self._index.index_file_size():  # a full disk: hnswlib says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            crc32 = 0
            for piece in pieces_of(temporary):
                crc32 = zlib.crc32(piece, crc32)
            return Saved(zlib.crc32(told, crc32), size)


def _index(dim: int) -> Any:
    if not available():
        raise UnusableIndexError("hnswlib is not installed, so searches scan exactly; run: pip install hnswlib")
    import hnswlib

    return hnswlib.Index(space="ip", dim=dim)  # inner product: the cosine of unit vectors
