"""What may be near to a vector: the graph tells of most photos, a scan of those that came after it of the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from devise import config
from devise.index.deferred import LazyGraph
from devise.index.hnsw import GraphError
from devise.index.pca import Projection
from devise.store.records import GraphFile
from devise.store.sqlite.store import Store
from devise.vectors import Ids, Vector


class Nearby(NamedTuple):
    """Think of it as all photos of a space, asked for those that are worth an exact look.

    tail, rows: the contents that the graph has not heard of, and their projections (n, d).
    efforts: of the graph, where a query is near to photos, and where it is far from all, as words are.
    """

    graph: LazyGraph
    projection: Projection
    tail: Ids
    rows: Vector
    efforts: tuple[int, int]

    @classmethod
    def of(cls, store: Store, record: GraphFile, graph: LazyGraph, projection: Projection) -> Nearby:
        """graph: as it was saved; what has gone since then is taken out of it here."""
        graph.remove(store.gone())
        late = [(ids, projection.of(rows)) for ids, rows in store.scan(record.space, after=record.max_id)]
        ids = np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in late)])
        rows = np.concatenate([np.empty((0, graph.dim), np.float32), *(rows for _, rows in late)])
        little = int(config.GRAPH_EF * config.larger(record.nodes))
        much = int(config.GRAPH_EF_WORDS * (record.nodes / config.GRAPH_LARGE) ** config.GRAPH_EF_WORDS_GROWTH)
        return cls(graph, projection, ids, rows, (little, max(little, much)))

    def search(self, vectors: Vector, k: int) -> list[Ids] | None:
        """For each vector (n, dim) up to k contents of the graph and up to k of the others, in no order.

        None: the graph is missing or damaged; look at all photos.
        """
        asked = self.projection.of(vectors)
        try:
            found = self.graph.search(asked, k, self.efforts)
        except GraphError:
            return None
        if not len(self.tail):
            return found
        if len(self.tail) <= k:
            return [np.concatenate([ids, self.tail]) for ids in found]
        scores = self.rows @ asked.T  # (tail, n)
        best = np.argpartition(scores, len(self.tail) - k, axis=0)[len(self.tail) - k :]
        return [np.concatenate([ids, self.tail[best[:, i]]]) for i, ids in enumerate(found)]
