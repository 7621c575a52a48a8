"""An index that stays in its file until it is asked often: a program that asks once does not load it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from devise.config import IndexConfig
from devise.index import quantized
from devise.index.base import Saved, UnusableIndexError, checked_rows
from devise.index.quantized import TOGETHER, QuantizedIndex, floats
from devise.vectors import Hits, Ids, Vector, distinct

if TYPE_CHECKING:  # what graphs need is imported where one is asked
    from devise.index.hnsw import HnswIndex


class DeferredIndex:
    """Think of it as an index that may be asked at once, and takes what its file does not know yet.

    Of a graph (.graph) queries that are near to something ask the graph, and those that are far from all, or want
    much, are compared with all its vectors; of a .flat file all are. Each is read through by the first searches, and
    loaded when more come; what nobody asks is never loaded. Raises UnusableIndexError when its file is no good.
    """

    def __init__(
        self, path: Path, dim: int, saved: Saved, settings: IndexConfig = IndexConfig(), *, count: int = 0
    ) -> None:
        """count: how many vectors the file holds, from which it follows how much a graph has to be asked."""
        self.dim = dim
        self._path, self._saved, self._settings = path, saved, settings
        self._count = count
        self._removed: Ids = np.empty(0, np.int64)
        self._added = QuantizedIndex(dim)
        self._graph: HnswIndex | None = None
        self._rows: QuantizedIndex | None = None
        self._scans = 0
        self._is_bad = False
        self._lock = RLock()  # of all that changes; what is searched does not

    def __len__(self) -> int:
        """Reads the file through."""
        left = sum(int((~np.isin(ids, self._removed)).sum()) for ids, _ in self._stored())
        return left + len(self._added)

    def add(self, ids: ArrayLike, rows: Vector) -> None:
        """Beside the file: they are scanned."""
        self._added.add(ids, rows)

    def remove(self, ids: ArrayLike) -> None:
        with self._lock:
            removed = np.asarray(ids, np.int64)
            new = distinct(removed[~np.isin(removed, self._removed)])
            if not len(new):
                return
            self._removed = distinct(np.concatenate([self._removed, new]))
            for loaded in (self._added, self._graph, self._rows):
                if loaded is not None:
                    loaded.remove(new)

    def search(self, queries: Vector, k: int, *, among: Ids | None = None) -> list[Hits]:
        queries = checked_rows(queries, self.dim)
        if k < 1 or not len(queries):
            return [Hits.none() for _ in queries]
        if self._is_bad:
            raise UnusableIndexError(f"{self._path} is damaged; build it again")
        try:
            found = self._of_file(queries, k, among)
        except UnusableIndexError:
            self._is_bad = True
            raise
        if not len(self._added):
            return found
        late = self._added.search(queries, k, among=among)
        return [_merged(a, b, k) for a, b in zip(found, late, strict=True)]

    def _of_file(self, queries: Vector, k: int, among: Ids | None) -> list[Hits]:
        if not self._can_ask_graph(k, len(queries)):
            return self._scanned(queries, k, among)
        graph = self._loaded()
        found = graph.search(queries, k, among=among, ef=self._ef(far=k > self._ef()))
        far = [i for i, hits in enumerate(found) if not len(hits) or hits.scores[0] < self._settings.near]
        if far and self._fits():
            again = self._scanned(queries[far], k, among)
        elif far and k <= self._ef():
            again = graph.search(queries[far], k, among=among, ef=self._ef(far=True))
        else:
            return found
        for i, better in zip(far, again, strict=True):
            found[i] = better
        return found

    def _can_ask_graph(self, k: int, num_queries: int) -> bool:
        """Whether it is a graph that answers so many, and whether loading it is worth its while."""
        if self._path.suffix != ".graph" or (k > self._ef() and self._fits()):
            return False
        if self._graph is not None or self._is_worth_a_scan(num_queries):
            return self._graph is not None
        from devise.index.hnsw import available

        return available()

    def _is_worth_a_scan(self, num_queries: int) -> bool:
        """The first few are answered by reading all: loading takes as long as four of them."""
        return self._scans < self._settings.scans and num_queries <= TOGETHER

    def _ef(self, *, far: bool = False) -> int:
        return self._settings.ef_of(self._count, far=far)

    def _fits(self) -> bool:
        return self._count * (4 * self.dim + 8) <= self._settings.scanned_bytes

    def _scanned(self, queries: Vector, k: int, among: Ids | None) -> list[Hits]:
        """By the scores of all."""
        with self._lock:
            if self._rows is None and self._fits() and not self._is_worth_a_scan(len(queries)):
                rows = QuantizedIndex.of(((ids, floats(some)) for ids, some in self._stored()), self.dim)
                rows.remove(self._removed)
                self._rows = rows
            self._scans += 1
            rows_in_memory, removed = self._rows, self._removed
        if rows_in_memory is not None:
            return rows_in_memory.search(queries, k, among=among)
        return quantized.nearest(lambda: _without(removed, self._stored()), queries, self.dim, k, among)

    def _stored(self) -> Iterable[tuple[Ids, Any]]:
        if self._path.suffix != ".graph":
            return quantized.stored(self._path, self.dim, self._saved)
        from devise.index import hnsw_file

        return hnsw_file.stored(self._path, self.dim, self._saved)

    def _loaded(self) -> HnswIndex:
        from devise.index.hnsw import HnswIndex

        with self._lock:
            if self._graph is None:
                graph = HnswIndex.load(self._path, self.dim, self._saved, self._settings)
                graph.remove(self._removed)
                self._graph = graph
            return self._graph


def _without(removed: Ids, chunks: Iterable[tuple[Ids, Any]]) -> Iterable[tuple[Ids, Any]]:
    for ids, rows in chunks:
        live = ~np.isin(ids, removed) if len(removed) else None
        yield (ids, rows) if live is None or live.all() else (ids[live], rows[live])


def _merged(a: Hits, b: Hits, k: int) -> Hits:
    return Hits.best(np.concatenate([a.ids, b.ids]), np.concatenate([a.scores, b.scores]), k)
