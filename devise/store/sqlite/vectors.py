"""Rows of contents in all spaces, in SQLite: one table, in which each space is a range of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from devise.index.flat import METRICS
from devise.spaces import Space
from devise.store import codec, regions
from devise.store.base import CHUNK, REGIONS_CHUNK
from devise.store.codec import Rows
from devise.store.regions import Regions
from devise.store.sqlite.database import Database
from devise.store.sqlite.schema import ID_BITS
from devise.vectors import Hits, Ids, Vector

_ID: Final = f"v.key & {(1 << ID_BITS) - 1}"


class SqliteVectors:
    """devise.store.base.VectorStore. The key of a row is its space's number << ID_BITS | its content's id.

    So a space is one range of the table, read in the order in which it lies on the disk, and new spaces need no table.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._numbers: dict[str, int] = {}  # of a reader: what it has read was written, and stays

    def put(self, space: Space, ids: Ids, rows: Rows) -> None:
        first = self._number(space, add=True) << ID_BITS
        blobs = codec.encoded(space, rows)
        pairs = zip((first | content_id for content_id in np.asarray(ids).tolist()), blobs, strict=True)
        self._db.execute_many("INSERT OR REPLACE INTO vectors VALUES (?, ?)", pairs)

    def rows(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Rows]]:
        sql = f"SELECT {_ID}, v.data FROM vectors AS v WHERE v.key {{}} ORDER BY v.key"
        first = self._number(space) << ID_BITS
        for batch in self._batches(sql, CHUNK, _keys(first, ids, after)):
            yield codec.decoded(str(self._db.folder), space, batch)

    def lacking(self, space: Space) -> Ids:
        sql = f"SELECT id FROM contents WHERE ? << {ID_BITS} | id NOT IN (SELECT key FROM vectors) ORDER BY id"
        return np.array([content_id for (content_id,) in self._db.rows(sql, (self._number(space),))], np.int64)

    def regions(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Vector, Regions]]:
        first, theirs = (self._number(each) << ID_BITS for each in (space, space.regions()))
        sql = (
            f"SELECT {_ID}, v.data, r.data FROM vectors AS v LEFT JOIN vectors AS r "
            f"ON r.key = v.key + {theirs - first} WHERE v.key {{}} ORDER BY v.key"
        )
        for batch in self._batches(sql, REGIONS_CHUNK, _keys(first, ids, after)):
            found, rows = codec.decoded(str(self._db.folder), space, batch)
            with codec.damage(str(self._db.folder), "a vector of parts"):
                yield found, rows, regions.unpack([row[2] for row in batch], space.dim)

    def stored(self, space: Space) -> Iterator[list[tuple[int, bytes]]]:
        sql = f"SELECT {_ID}, v.data FROM vectors AS v WHERE v.key {{}} ORDER BY v.key"
        yield from self._batches(sql, CHUNK, _keys(self._number(space) << ID_BITS, None, 0))

    def put_stored(self, space: Space, rows: Iterable[tuple[int, bytes]]) -> None:
        first = self._number(space, add=True) << ID_BITS
        pairs = ((first | content_id, data) for content_id, data in rows)
        self._db.execute_many("INSERT OR REPLACE INTO vectors VALUES (?, ?)", pairs)

    def delete(self, ids: Ids) -> None:
        sql = f"DELETE FROM vectors WHERE key IN (SELECT number << {ID_BITS} | ? FROM spaces)"
        self._db.execute_many(sql, ((content_id,) for content_id in np.asarray(ids).tolist()))

    def clear(self, space: Space, ids: Ids | None = None) -> None:
        first = self._number(space) << ID_BITS
        if not first:
            return
        if ids is None:
            self._db.execute("DELETE FROM vectors WHERE key > ? AND key < ?", (first, first + (1 << ID_BITS)))
        else:
            keys = ((first | content_id,) for content_id in np.asarray(ids).tolist())
            self._db.execute_many("DELETE FROM vectors WHERE key = ?", keys)

    def search(self, space: Space, queries: Rows, k: int, among: Ids | None = None) -> list[Hits]:
        score, best = METRICS[space.metric], [Hits.none()] * len(queries)
        for ids, rows in self.rows(space, among):
            for i, query in enumerate(queries):
                some, scores = np.concatenate([best[i].ids, ids]), np.concatenate([best[i].scores, score(rows, query)])
                best[i] = Hits.best(some, scores, k)
        return best

    def _number(self, space: Space, *, add: bool = False) -> int:
        """Of a space that has no rows yet 0, which is no space's; add: its new number."""
        if space.name in self._numbers:
            return self._numbers[space.name]
        number: int | None = self._db.value("SELECT number FROM spaces WHERE name = ?", (space.name,))
        if number and self._db.is_reader:
            self._numbers[space.name] = number
        if number is None and add:
            number = self._db.execute("INSERT INTO spaces (name) VALUES (?)", (space.name,))
        return number or 0

    def _batches(self, sql: str, size: int, keys: list[int] | tuple[int, int]) -> Iterator[list[Any]]:
        """Rows, ascending: between two keys in one read, or of each `size` of the keys by themselves."""
        if isinstance(keys, tuple):
            yield from self._db.batches(sql.format("> ? AND v.key < ?"), keys, size=size)
            return
        for start in range(0, len(keys), size):
            some = keys[start : start + size]
            if batch := self._db.rows(sql.format(f"IN ({','.join('?' * len(some))})"), some):
                yield batch


def _keys(first: int, ids: Ids | None, after: int) -> list[int] | tuple[int, int]:
    """Of those ids, ascending, or between which keys all above `after` stand. first: 0 where a space has no rows."""
    if ids is None and first:
        return first | int(after), first + (1 << ID_BITS)
    return [] if ids is None or not first else (np.sort(np.asarray(ids, np.int64)) | first).tolist()
