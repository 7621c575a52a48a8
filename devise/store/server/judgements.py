"""Judgements of answers, in PostgreSQL: those of one command share a batch."""

from __future__ import annotations

import os
from collections.abc import Iterable

from devise.store.records import Judged
from devise.store.server.database import Database

_LAST = "WHERE batch = (SELECT batch FROM marks ORDER BY marked DESC, id DESC LIMIT 1)"


class ServerJudgements:
    """devise.store.base.Judgements."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, judged: Iterable[Judged]) -> None:
        batch = 1 + (self._db.value("SELECT max(batch) FROM marks") or 0)
        sql = "INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES (%s, %s, %s, %s, %s, %s)"
        rows = [(each.query, each.hash, os.fsencode(each.path), each.is_good, each.marked, batch) for each in judged]
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
        return [
            Judged(query, os.fsdecode(path), is_good, marked, bytes(digest))
            for query, path, is_good, marked, digest in self._db.rows(sql)
        ]
