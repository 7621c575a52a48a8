"""The photos of a library as a page shows them, in PostgreSQL: by the ids of their contents, the latest first."""

from __future__ import annotations

import os
from collections.abc import Iterable

from devise.store.filter import Filter
from devise.store.records import Card
from devise.store.server.database import Database
from devise.store.server.filters import condition


class ServerListing:
    """devise.store.base.Listing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ids_of(self, paths: Iterable[str]) -> dict[str, int]:
        sql = "SELECT path, content_id FROM photos WHERE path = ANY(%s)"
        rows = self._db.rows(sql, ([os.fsencode(path) for path in paths],))
        return {os.fsdecode(path): content_id for path, content_id in rows}

    def cards(self, content_id: int) -> list[Card]:
        sql = (
            "SELECT path, content_id, size, mtime_ns, taken, pixels, kind, coalesce(captions, '') FROM photos "
            "WHERE content_id = %s ORDER BY path"
        )
        return [Card(os.fsdecode(path), *rest) for path, *rest in self._db.rows(sql, (content_id,))]

    def latest(self, where: Filter, k: int, start: int = 0) -> list[tuple[str, int]]:
        chosen, values = condition(where)
        sql = (
            f"SELECT path, content_id FROM photos WHERE {chosen} "
            "ORDER BY taken IS NULL, taken DESC, path LIMIT %s OFFSET %s"
        )
        return [(os.fsdecode(path), content) for path, content in self._db.rows(sql, (*values, k, start))]

    def kinds(self) -> dict[str, int]:
        sql = "SELECT kind, count(*) FROM photos WHERE kind > '' GROUP BY kind ORDER BY count(*) DESC, kind"
        return {str(kind): int(count) for kind, count in self._db.rows(sql)}
