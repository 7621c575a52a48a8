"""The photos of a library as a page shows them, in SQLite: by the ids of their contents, the latest first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np

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


def paths_of(db: Database, content_ids: Iterable[int], where: Filter | None) -> dict[int, list[str]]:
    """The photos of contents, those that `where` is true of."""
    sql_condition, values = condition(where)
    found: dict[int, list[str]] = {}
    for ids, marks in _chunks(content_ids):
        sql = f"SELECT content_id, path FROM photos WHERE content_id IN ({marks}) AND {sql_condition}"
        rows = db.rows(sql, [*ids, *values])
        with understanding(db.folder):
            for content_id, path in rows:
                found.setdefault(content_id, []).append(path_of(path))
    return found


def _chunks(ids: Iterable[int], size: int = 30_000) -> Iterator[tuple[list[int], str]]:
    """Ascending, with their question marks: SQLite takes at most 32,766 values in one statement."""
    numbers = np.sort(np.fromiter(ids, np.int64)).tolist()
    for start in range(0, len(numbers), size):
        some = numbers[start : start + size]
        yield some, ",".join("?" * len(some))


def paths_ending(db: Database, name: str) -> list[str]:
    """The photos whose path is something, a slash and `name`, sorted."""
    end = os.fsencode("/" + name.lstrip("/"))
    rows = db.rows("SELECT path FROM photos WHERE substr(CAST(path AS BLOB), -length(?1)) = ?1 ORDER BY path", (end,))
    with understanding(db.folder):
        return [path_of(path) for (path,) in rows]
