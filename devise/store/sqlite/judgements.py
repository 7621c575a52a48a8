"""Judgements of answers, in SQLite: those of one command share a batch."""

from __future__ import annotations

from collections.abc import Iterable

from devise.store.records import Judged, path_of, stored_path
from devise.store.sqlite.database import Database, understanding

_LAST = "WHERE batch = (SELECT batch FROM marks ORDER BY marked DESC, id DESC LIMIT 1)"


class SqliteJudgements:
    """devise.store.base.Judgements."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, judged: Iterable[Judged]) -> None:
        batch = 1 + (self._db.value("SELECT max(batch) FROM marks") or 0)
        sql = "INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES (?, ?, ?, ?, ?, ?)"
        rows = [(each.query, each.hash, stored_path(each.path), each.is_good, each.marked, batch) for each in judged]
        self._db.execute_many(sql, rows)

    def undo(self) -> list[Judged]:
        gone = self._read(_LAST)
        self._db.execute(f"DELETE FROM marks {_LAST}")
        return gone

    def all(self) -> list[Judged]:
        return self._read("")

    def any(self) -> bool:
        return self._db.value("SELECT 1 FROM marks LIMIT 1") is not None

    def last_time(self) -> str:
        return str(self._db.value("SELECT max(marked) FROM marks") or "")

    def _read(self, condition: str) -> list[Judged]:
        sql = f"SELECT query, path, is_good, marked, hash FROM marks {condition} ORDER BY marked, id"
        with understanding(self._db.folder):
            rows = self._db.rows(sql)
            if not all(isinstance(text, str) for query, _, _, marked, _ in rows for text in (query, marked)):
                raise TypeError("a query that is no text")
            return [
                Judged(query, path_of(path), bool(is_good), marked, digest)
                for query, path, is_good, marked, digest in rows
            ]
