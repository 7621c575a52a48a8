"""Rows of contents in all spaces, in PostgreSQL: written as the embedded library writes them, so that scores are equal.

Those of spaces that are compared by cosine Milvus has as well, and names the near ones; exact scores come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from devise.index.flat import METRICS
from devise.spaces import Space
from devise.store import codec, regions
from devise.store.base import CHUNK, REGIONS_CHUNK
from devise.store.codec import Rows
from devise.store.regions import Regions
from devise.store.server.database import Database
from devise.vectors import Hits, Ids, Vector

_PUT = (
    "INSERT INTO vectors SELECT %s, * FROM unnest(%b::bigint[], %b::bytea[]) "
    "ON CONFLICT (space, content_id) DO UPDATE SET data = excluded.data"
)
# What Milvus is to hear of. An id that somebody tells it of at this moment is waited for, and told of once more
OUTBOX = "INSERT INTO outbox {} ON CONFLICT (content_id) DO UPDATE SET content_id = excluded.content_id"


def is_served(space: Space) -> bool:
    """Whether Milvus has its rows: all others are looked up by id, or scanned whole, as in embedded libraries."""
    return space.metric == "cosine" and space.dtype in ("float16", "float32")


class ServerVectors:
    """devise.store.base.VectorStore."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._numbers: dict[str, int] = {}  # of spaces, which keep them

    def put(self, space: Space, ids: Ids, rows: Rows) -> None:
        self.put_stored(space, zip(np.asarray(ids).tolist(), codec.encoded(space, rows), strict=True))

    def rows(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Rows]]:
        sql = "SELECT content_id, data FROM vectors WHERE space = %s AND {} ORDER BY content_id LIMIT %s"
        for batch in self._batches(sql, CHUNK, space, ids, after):
            yield codec.decoded(str(self._db.address), space, batch)

    def lacking(self, space: Space) -> Ids:
        sql = (
            "SELECT id FROM contents WHERE NOT EXISTS "
            "(SELECT 1 FROM vectors WHERE space = %s AND content_id = id) ORDER BY id"
        )
        return np.array([i for (i,) in self._db.rows(sql, (self._number(space),))], np.int64)

    def regions(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Vector, Regions]]:
        sql = (
            "SELECT content_id, v.data, r.data FROM vectors AS v LEFT JOIN "
            f"(SELECT content_id, data FROM vectors WHERE space = {self._number(space.regions())}) AS r "
            "USING (content_id) WHERE space = %s AND {} ORDER BY content_id LIMIT %s"
        )
        for batch in self._batches(sql, REGIONS_CHUNK, space, ids, after):
            found, rows = codec.decoded(str(self._db.address), space, batch)
            with codec.damage(str(self._db.address), "a vector of parts"):
                yield found, rows, regions.unpack([row[2] for row in batch], space.dim)

    def stored(self, space: Space) -> Iterator[list[tuple[int, bytes]]]:
        sql = "SELECT content_id, data FROM vectors WHERE space = %s AND {} ORDER BY content_id LIMIT %s"
        yield from self._batches(sql, CHUNK, space, None, 0)

    def put_stored(self, space: Space, rows: Iterable[tuple[int, bytes]]) -> None:
        number, several = self._number(space, add=True), dict(rows)  # of two rows of a content the last
        self._db.execute(_PUT, (number, [*several], [*several.values()]))
        if is_served(space):
            self._db.execute(OUTBOX.format("SELECT unnest(%b::bigint[])"), ([*several],))

    def delete(self, ids: Ids) -> None:
        gone = np.asarray(ids).tolist()
        self._db.execute("DELETE FROM vectors WHERE content_id = ANY(%s)", (gone,))
        self._db.execute(OUTBOX.format("SELECT unnest(%s::bigint[])"), (gone,))

    def clear(self, space: Space, ids: Ids | None = None) -> None:
        sql, values = "DELETE FROM vectors WHERE space = %s", [self._number(space)]
        if ids is not None:
            sql, values = f"{sql} AND content_id = ANY(%s)", [*values, np.asarray(ids).tolist()]
        gone = [content_id for (content_id,) in self._db.rows(f"{sql} RETURNING content_id", values)]
        if is_served(space):
            self._db.execute(OUTBOX.format("SELECT unnest(%s::bigint[])"), (gone,))

    def search(self, space: Space, queries: Rows, k: int, among: Ids | None = None) -> list[Hits]:
        score, best = METRICS[space.metric], [Hits.none()] * len(queries)
        for ids, rows in self.rows(space, among):
            for i, query in enumerate(queries):
                some, scores = np.concatenate([best[i].ids, ids]), np.concatenate([best[i].scores, score(rows, query)])
                best[i] = Hits.best(some, scores, k)
        return best

    def numbers(self) -> dict[str, int]:
        """Of each space that has rows."""
        return {str(name): int(number) for name, number in self._db.rows("SELECT name, number FROM spaces")}

    def _number(self, space: Space, *, add: bool = False) -> int:
        """Of a space that has no rows yet 0, which is no space's; add: its new number."""
        if space.name not in self._numbers:
            sql, name = "SELECT number FROM spaces WHERE name = %s", (space.name,)
            number = self._db.value(sql, name)
            if number is None and add:  # others may be adding it: one waits for the other
                self._db.execute("INSERT INTO spaces (name) VALUES (%s) ON CONFLICT DO NOTHING", name)
                return int(self._db.value(sql, name))
            if number is None or add:  # what is written now may yet be taken back
                return number or 0
            self._numbers[space.name] = number
        return self._numbers[space.name]

    def _batches(self, sql: str, size: int, space: Space, ids: Ids | None, after: int) -> Iterator[list[Any]]:
        """Rows, ascending: all above `after`, or those of the ids, `size` at once."""
        number = self._number(space)
        if ids is None:
            while batch := self._db.raw(sql.format("content_id > %s"), (number, int(after), size)):
                yield batch
                after = batch[-1][0]
            return
        wanted = np.sort(np.asarray(ids, np.int64)).tolist()
        for start in range(0, len(wanted), size):
            some = wanted[start : start + size]
            if batch := self._db.raw(sql.format("content_id = ANY(%s)"), (number, some, size)):
                yield batch
