"""Nearest photos: candidates from the graph and a scan of what it lacks, all scored exactly from the store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from devise import config
from devise.errors import LibraryError
from devise.graph import Graph
from devise.library import graphs
from devise.library.store import GraphFile, Ids, Store
from devise.vectors import Match, Vector

Scores = NDArray[np.float32]


class Searcher:
    """Think of it as: sort all photos by cosine to a vector, take the first k. The graph only makes that fast."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graphs: dict[GraphFile, Graph | None] = {}

    def nearest(self, vector: Vector, k: int, *, space: str, without: int | None = None) -> list[Match]:
        """The k photos nearest to `vector`, best first, equal ones by path; copies share a score.

        without: a content to leave out (the photo that was asked with). k larger than the library gives all.
        """
        check_k(k)
        with self._store.transaction(write=False):
            dim = self._dim(space)
            if vector.shape != (dim,) or not np.isfinite(vector).all():
                raise LibraryError(f"a vector of {vector.shape} numbers; the space {space} takes ({dim},)")
            ids, scores = self._best(vector, k + (without is not None), space, dim)
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k)

    def _best(self, vector: Vector, k: int, space: str, dim: int) -> tuple[Ids, Scores]:
        count = self._store.num_contents()
        candidates = max(config.CANDIDATES * k, config.MIN_CANDIDATES)
        if count >= config.EXACT_BELOW and 2 * candidates < count and (record := self._store.graph(space)):
            graph = self._graph(record, dim)
            if graph is not None:
                near = graph.search(vector, min(candidates, record.count))
                found = _top(self._near_and_new(near, space, record.max_id), vector, k)
                if len(found[0]) >= k:
                    return found
        return _top(self._store.scan(space), vector, k)

    def _near_and_new(self, near: Ids, space: str, max_id: int) -> Iterator[tuple[Ids, Vector]]:
        yield self._store.vectors(space, near)
        yield from self._store.scan(space, after=max_id)

    def _graph(self, record: GraphFile, dim: int) -> Graph | None:
        if record not in self._graphs:
            self._graphs = {known: graph for known, graph in self._graphs.items() if known.space != record.space}
            self._graphs[record] = graphs.load(self._store, record, dim)
        return self._graphs[record]

    def _dim(self, space: str) -> int:
        model = self._store.model()
        dims = {known.name: known.dim for known in model.spaces} if model else {}
        if space not in dims:
            raise LibraryError(f'the library has no space "{space}"; it has: {", ".join(dims) or "none"}')
        return dims[space]

    def _matches(self, ids: Ids, scores: Scores, k: int) -> list[Match]:
        paths = self._store.paths_of(ids)
        score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        matches = [Match(path, score_of[i]) for i, some in paths.items() for path in some]
        return sorted(matches, key=lambda match: (-match.score, match.path))[:k]


def check_k(k: int) -> None:
    if k < 1:
        raise LibraryError(f"k must be at least 1, not {k}; leave it out for the usual number")


def _top(chunks: Iterator[tuple[Ids, Vector]], vector: Vector, k: int) -> tuple[Ids, Scores]:
    """The ids and scores of the k best rows and of all that are as good as the k-th, in no order."""
    ids, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, rows in chunks:
        if not len(some):
            continue
        ids, scores = np.concatenate([ids, some]), np.concatenate([scores, cosines(rows, vector)])
        if len(ids) > k:
            keep = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[keep], scores[keep]
    return ids, scores


def cosines(rows: Vector, vector: Vector) -> Scores:
    """(n, dim), (dim,) -> (n,), each row by itself.

    Not a matrix product: there a row's last digit depends on its neighbours, and equal photos would not be equal.
    """
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    return np.clip(scores, -1.0, 1.0)
