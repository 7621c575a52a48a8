"""A graph that stays in its file until it is asked often: a program that asks once does not load it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise import config
from devise.index.flat import pieces
from devise.index.hnsw import Graph, GraphError, available, nodes, scan
from devise.index.two_stage import Halves, highest
from devise.vectors import Ids, Vector

MOST = 16  # vectors that all are scored for at once: the scores of a million photos take 64 MB then
CHUNK = 10_000  # vectors that hnswlib is asked for at once: it makes lists of them


class LazyGraph:
    """Think of it as a Graph that may be asked at once. Raises GraphError when it is asked and its file is no good."""

    def __init__(self, path: Path, dim: int, *, crc32: int, size: int) -> None:
        self.dim = dim
        self._path, self._crc32, self._size = path, crc32, size
        self._gone: Ids = np.empty(0, np.int64)
        self._graph: Graph | None = None
        self._halves: Halves | None = None
        self._scans = 0
        self._is_bad = False

    def remove(self, ids: Ids) -> None:
        """Take ids out of all answers; those that were taken out before stay out."""
        self._gone = np.union1d(self._gone, ids)
        if self._graph is not None:
            self._graph.remove(ids)
        if self._halves is not None:
            self._halves = self._halves.without(ids)

    def search(self, vectors: Vector, k: int, efforts: tuple[int, int]) -> list[Ids]:
        """Up to k ids for each of (n, dim) vectors, in no order.

        efforts: hnswlib's ef, and how much of it a vector gets that seems to be far from all photos where there are too
        many of them to score all.
        """
        if self._is_bad:
            raise GraphError(f"{self._path} is damaged; build it again")
        try:
            if self._graph is None and ((self._scans < config.SCANS and len(vectors) <= MOST) or not available()):
                self._scans += 1
                return [ids for some in pieces(vectors, MOST) for ids in self._read_through(some, k)]
            return self._searched(vectors, k, *efforts)
        except GraphError:
            self._is_bad = True
            raise

    def _read_through(self, vectors: Vector, k: int) -> list[Ids]:
        ids, scores = scan(self._path, vectors, crc32=self._crc32, size=self._size)
        if len(self._gone):
            live = ~np.isin(ids, self._gone)
            ids, scores = ids[live], scores[:, live]
        return [ids[highest(row, k)] for row in scores]

    def _searched(self, vectors: Vector, k: int, little: int, much: int) -> list[Ids]:
        graph = self._loaded()
        all_fit = Halves.num_bytes(len(graph), self.dim) <= config.HALVES_BYTES
        if k > little and all_fit:
            return self._scored(vectors, k)
        first = little if k <= little else much
        found = graph.search_many(vectors, k, first)
        answers = [ids for ids, _ in found]
        doubtful = [i for i, (_, scores) in enumerate(found) if _is_doubtful(scores)]
        if doubtful and all_fit:
            again = self._scored(vectors[doubtful], k)
        elif doubtful and first < much:
            again = [ids for ids, _ in graph.search_many(vectors[doubtful], k, much)]
        else:
            return answers
        for i, better in zip(doubtful, again, strict=True):
            answers[i] = better
        return answers

    def _scored(self, vectors: Vector, k: int) -> list[Ids]:
        """The same by the scores of all."""
        if self._halves is None:
            self._halves = self._in_halves(self._loaded())
        return [ids for some in pieces(vectors, MOST) for ids in self._halves.nearest(some, k)]

    def _in_halves(self, graph: Graph) -> Halves:
        """From the file, or where a run has put another in its place since: from the graph, which takes long."""
        count = len(graph) + len(self._gone)
        try:
            of_file = nodes(self._path, self.dim, crc32=self._crc32, size=self._size)
            return Halves.of(of_file, count, self.dim).without(self._gone)
        except GraphError:
            of_graph = ((ids, graph.vectors(ids)) for ids in pieces(graph.ids(), CHUNK))
            return Halves.of(of_graph, count, self.dim)

    def _loaded(self) -> Graph:
        if self._graph is None:
            self._graph = Graph.load(self._path, dim=self.dim, crc32=self._crc32, size=self._size)
            self._graph.remove(self._gone)
        return self._graph


def _is_doubtful(scores: NDArray[np.float32]) -> bool:
    """A graph was built for photos: it leads a query astray that is far from all, and ends among many equal ones."""
    return not len(scores) or bool(scores[0] < config.GRAPH_NEAR or 8 * np.sum(scores[1:] == scores[:-1]) > len(scores))
