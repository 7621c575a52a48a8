"""The index in Milvus kept true to the rows in PostgreSQL: what it has not heard of stands in the outbox.

Rows and outbox are written in one transaction, so nothing is forgotten whatever is killed; what waits there is near to
every query, until Milvus has it and shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from devise.spaces import ModelInfo, Space
from devise.store.base import together
from devise.store.server.database import Database
from devise.store.server.milvus import MAX_NEAR, MilvusIndex
from devise.store.server.vectors import OUTBOX, ServerVectors, is_served
from devise.vectors import Hits, Ids, Vector

AT_ONCE = (
    10_000  # contents a transaction: 63 MB of words and features; after each Milvus is waited for, a second or two
)
MANY = 10_000  # contents from which Milvus is asked to index at once what it would index in ten minutes
_TAKEN = "SELECT content_id FROM outbox ORDER BY content_id LIMIT %s FOR UPDATE SKIP LOCKED"


class ServedIndex:
    """devise.store.base.Served."""

    def __init__(self, db: Database, vectors: ServerVectors, milvus: MilvusIndex) -> None:
        self._db, self._vectors, self.milvus = db, vectors, milvus
        self._ready = set[Space]()  # spaces that this program has seen in Milvus

    def near(self, space: Space, vectors: Vector, k: int) -> list[Hits] | None:
        if k > MAX_NEAR:
            return None
        outbox = self._db.rows("SELECT content_id FROM outbox LIMIT %s", (MAX_NEAR,))
        waiting = np.array([content_id for (content_id,) in outbox], np.int64)
        found = self.milvus.near(space, vectors, k)
        ids, rows = together(self._vectors.rows(space, waiting))
        if not len(ids):
            return [Hits(near, np.linspace(1, 0, len(near), dtype=np.float32)) for near in found]
        return [_both(near, ids, rows @ vector, k) for near, vector in zip(found, vectors, strict=True)]

    def settle(self, at_least: int = 1) -> None:
        """Several programs may: each tells of others."""
        some = self._db.value("SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT %s) AS waiting", (at_least,))
        if some < at_least:
            return
        told = 0
        while count := self._settle_some():
            told += count
        if told >= MANY:
            for space in self._spaces():
                self.milvus.flush(space)

    def drop(self, space: Space) -> None:
        """Of a space that the library has no more."""
        self.milvus.drop(space)
        self._ready.discard(space)

    def is_behind(self) -> bool:
        return self._db.value("SELECT 1 FROM outbox LIMIT 1") is not None

    def waiting(self) -> Ids:
        """What it has not heard of yet."""
        return np.array([i for (i,) in self._db.rows("SELECT content_id FROM outbox ORDER BY content_id")], np.int64)

    def tell_again(self, ids: Sequence[int]) -> None:
        """As if it had not heard of these."""
        self._db.execute(OUTBOX.format("SELECT unnest(%s::bigint[])"), (list(ids),))

    def _settle_some(self) -> int:
        spaces = self._spaces()
        with self._db.transaction():
            ids = np.array([i for (i,) in self._db.rows(_TAKEN, (AT_ONCE,))], np.int64)
            if len(ids):
                self._make_ready(spaces)
                for space in spaces:
                    known, rows = together(self._vectors.rows(space, ids))
                    self.milvus.delete(space, np.setdiff1d(ids, known))
                    if len(known):
                        self.milvus.put(space, known, rows)
                for space in spaces:
                    self.milvus.count(space)  # waits until the servers that search have seen it all
                self._db.execute("DELETE FROM outbox WHERE content_id = ANY(%s)", (ids.tolist(),))
        return len(ids)

    def _make_ready(self, spaces: list[Space]) -> None:
        """Of several programs one makes what Milvus lacks, and the others wait."""
        if new := [space for space in spaces if space not in self._ready]:
            self._db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self._db.schema} index",))
            for space in new:
                self.milvus.ensure(space)
            self._ready.update(new)

    def _spaces(self) -> list[Space]:
        model = self.model()
        return [space for space in model.spaces if is_served(space)] if model else []

    def model(self) -> ModelInfo | None:
        import json

        text = self._db.value("SELECT value FROM meta WHERE key = 'model'")
        return ModelInfo.from_json(json.loads(text)) if text else None


def _both(found: Ids, waiting: Ids, scores: Vector, k: int) -> Hits:
    """What Milvus names, and the best of what it may not know yet; each once."""
    best = Hits.best(waiting, scores, k).ids
    ids = np.concatenate([best, found[~np.isin(found, best)]])
    return Hits(ids, np.linspace(1, 0, len(ids), dtype=np.float32))
