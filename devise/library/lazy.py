"""A graph that stays in its file until it is asked often: a program that asks once does not load it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from devise import config
from devise.graph import Graph, GraphError, available, scan
from devise.library.blobs import Ids
from devise.vectors import Vector

MOST = 16  # vectors that a file is read through for: the scores of a million photos take 64 MB then


class LazyGraph:
    """Think of it as a Graph that may be asked at once. Raises GraphError when it is asked and its file is no good."""

    def __init__(self, path: Path, dim: int, *, crc32: int, size: int) -> None:
        self.dim = dim
        self._path, self._crc32, self._size = path, crc32, size
        self._gone: Ids = np.empty(0, np.int64)
        self._graph: Graph | None = None
        self._scans = 0
        self._is_bad = False

    def remove(self, ids: Ids) -> None:
        """Take ids out of all answers; those that were taken out before stay out."""
        self._gone = np.union1d(self._gone, ids)
        if self._graph is not None:
            self._graph.remove(ids)

    def search(self, vectors: Vector, k: int, efforts: tuple[int, int]) -> list[Ids]:
        """Up to k ids for each of (n, dim) vectors, in no order.

        efforts: hnswlib's ef, and how much of it a vector gets that seems to be far from all photos.
        """
        if self._is_bad:
            raise GraphError(f"{self._path} is damaged; build it again")
        try:
            if self._graph is None and ((self._scans < config.SCANS and len(vectors) <= MOST) or not available()):
                self._scans += 1
                return self._scanned(vectors, k)
            return self._searched(vectors, k, *efforts)
        except GraphError:
            self._is_bad = True
            raise

    def _scanned(self, vectors: Vector, k: int) -> list[Ids]:
        ids, scores = scan(self._path, vectors, crc32=self._crc32, size=self._size)
        if len(self._gone):
            live = ~np.isin(ids, self._gone)
            ids, scores = ids[live], scores[:, live]
        best = np.argpartition(scores, len(ids) - k, axis=1)[:, len(ids) - k :] if k < len(ids) else None
        return [ids] * len(vectors) if best is None else [ids[row] for row in best]

    def _searched(self, vectors: Vector, k: int, little: int, much: int) -> list[Ids]:
        graph = self._loaded()
        first = little if k <= little else much
        found = graph.search_many(vectors, k, first)
        far = [i for i, (_, scores) in enumerate(found) if scores.max(initial=0.0) < config.GRAPH_NEAR]
        if first < much and far:
            for i, better in zip(far, graph.search_many(vectors[far], k, much), strict=True):
                found[i] = better
        return [ids for ids, _ in found]

    def _loaded(self) -> Graph:
        if self._graph is None:
            self._graph = Graph.load(self._path, dim=self.dim, crc32=self._crc32, size=self._size)
            self._graph.remove(self._gone)
        return self._graph
