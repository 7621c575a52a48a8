"""The photos of a library as a page shows them, in SQLite: by the ids of their contents, the latest first."""

from __future__ import annotations

from collections.abc import Iterable

from devise.store.filter import Filter
from devise.store.records import Card, path_of, stored_path
from devise.store.sqlite.database import Database, understanding
from devise.store.sqlite.filters import condition

AT_ONCE = 10_000  # paths a statement: SQLite takes at most 32,766 values


class SqliteListing:
    """devise.store.base.Listing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ids_of(self, paths: Iterable[str]) -> dict[str, int]:
        asked, found = [stored_path(path) for path in paths], dict[str, int]()
        for start in range(0, len(asked), AT_ONCE):
            some = asked[start : start + AT_ONCE]
            sql = f"SELECT path, content_id FROM photos WHERE path IN ({','.join('?' * len(some))})"
            with understanding(self._db.folder):
                found |= {path_of(path): int(content_id) for path, content_id in self._db.rows(sql, some)}
        return found

    def cards(self, content_id: int) -> list[Card]:
        sql = (
            "SELECT photos.path, content_id, size, mtime_ns, taken, pixels, kind, coalesce(captions, '') FROM photos "
            "LEFT JOIN texts ON texts.rowid = text_id WHERE content_id = ? ORDER BY photos.path"
        )
        with understanding(self._db.folder):
            return [Card(path_of(path), *rest) for path, *rest in self._db.rows(sql, (content_id,))]

    def latest(self, where: Filter, k: int, start: int = 0) -> list[tuple[str, int]]:
        chosen, values = condition(where)
        sql = (
            f"SELECT path, content_id FROM photos WHERE {chosen} "
            "ORDER BY taken IS NULL, taken DESC, path LIMIT ? OFFSET ?"
        )
        with understanding(self._db.folder):
            return [(path_of(path), int(content)) for path, content in self._db.rows(sql, (*values, k, start))]

    def kinds(self) -> dict[str, int]:
        sql = "SELECT kind, count(*) FROM photos WHERE kind > '' GROUP BY kind ORDER BY count(*) DESC, kind"
        with understanding(self._db.folder):
            return {str(kind): int(count) for kind, count in self._db.rows(sql)}
