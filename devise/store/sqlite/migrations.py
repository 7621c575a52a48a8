"""How a library of an older format becomes one of today."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from devise.spaces import ModelInfo, model_crc
from devise.store.sqlite.schema import ID_BITS, statements

# MIGRATIONS[n] turns format n into n + 1, in one transaction: statements, then what STEPS[n] does.
MIGRATIONS: Final[Mapping[int, str]] = {
    1: """
CREATE TABLE parts (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, vector BLOB NOT NULL
)""",
    # No model that ships makes such parts any more: the photos are found as wholes until they are encoded anew.
    2: """
DROP TABLE parts;
CREATE TABLE parts (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, packed BLOB NOT NULL
)""",
    # Filled by the next run over the photos' folders.
    3: """
ALTER TABLE photos ADD COLUMN taken TEXT;
ALTER TABLE photos ADD COLUMN pixels INTEGER;
ALTER TABLE photos ADD COLUMN kind TEXT;
ALTER TABLE photos ADD COLUMN stamp TEXT;
ALTER TABLE photos ADD COLUMN text_id INTEGER;
CREATE VIRTUAL TABLE texts USING fts5(names, captions, path UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE marks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, query TEXT NOT NULL, hash BLOB NOT NULL, path NOT NULL,
    is_good INTEGER NOT NULL, marked TEXT NOT NULL, batch INTEGER NOT NULL
)""",
    # Graphs are derived: the next run builds them anew. `halves` is a function of devise.store.sqlite.database.
    4: """
UPDATE words SET vector = halves(vector);
DROP TABLE IF EXISTS graphs;
CREATE TABLE graphs (
    space TEXT PRIMARY KEY, file TEXT NOT NULL, crc32 INTEGER NOT NULL, size INTEGER NOT NULL,
    count INTEGER NOT NULL, max_id INTEGER NOT NULL, fitted INTEGER NOT NULL, basis BLOB
);
CREATE TABLE IF NOT EXISTS orphans (content_id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS gone (content_id INTEGER PRIMARY KEY);
CREATE TRIGGER IF NOT EXISTS photo_deleted AFTER DELETE ON photos BEGIN
    INSERT OR IGNORE INTO orphans VALUES (old.content_id);
END;
CREATE TRIGGER IF NOT EXISTS photo_changed AFTER UPDATE OF content_id ON photos
WHEN old.content_id != new.content_id BEGIN
    INSERT OR IGNORE INTO orphans VALUES (old.content_id);
END;
CREATE TRIGGER IF NOT EXISTS content_deleted AFTER DELETE ON contents BEGIN
    INSERT OR IGNORE INTO gone VALUES (old.id);
END;
INSERT OR IGNORE INTO orphans SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM photos)""",
    # Rows move in slices: what is freed of the old tables is used again, so that the file does not grow twice as large.
    5: """
CREATE TABLE spaces (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE vectors (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
INSERT INTO spaces VALUES (1, 'words'), (2, 'features'), (3, 'parts');
DROP TRIGGER IF EXISTS content_deleted;
CREATE TRIGGER content_deleted AFTER DELETE ON contents BEGIN
    INSERT OR IGNORE INTO gone VALUES (old.id);
    DELETE FROM vectors WHERE key IN (SELECT number << 40 | old.id FROM spaces);
END""",
}
SLICE = 1_000  # rows that are moved at once: 3 MB of regions


class Writes(Protocol):
    """devise.store.sqlite.database.Database, in a transaction."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int: ...
    def value(self, sql: str, values: Sequence[Any] = ()) -> Any: ...
    def function(self, name: str, function: Callable[[Any], Any]) -> None: ...


def migrate(db: Writes, number: int) -> None:
    """From format `number` to the next. Raises KeyError for one that no devise ever wrote."""
    db.function("halves", halves)
    for statement in statements(MIGRATIONS[number]):
        db.execute(statement)
    for step in STEPS.get(number, ()):
        step(db)


def halves(stored: bytes) -> bytes:
    """A vector of formats before 5, in half precision."""
    import numpy as np

    return np.frombuffer(stored, "<f4").astype("<f2").tobytes()


def _move_rows(db: Writes) -> None:
    for number, table, column in ((1, "words", "vector"), (2, "features", "vector"), (3, "parts", "packed")):
        while (last := db.value(f"SELECT max(content_id) FROM {_first(table)}")) is not None:
            db.execute(  # a number that was never given is damage
                f"INSERT OR IGNORE INTO vectors SELECT {number} << 40 | content_id, {column} FROM {table} "
                f"WHERE content_id <= ? AND content_id BETWEEN 1 AND {(1 << ID_BITS) - 1} ORDER BY content_id",
                (last,),
            )
            db.execute(f"DELETE FROM {table} WHERE content_id <= ?", (last,))
        db.execute(f"DROP TABLE {table}")


def _first(table: str) -> str:
    return f"(SELECT content_id FROM {table} ORDER BY content_id LIMIT {SLICE})"


def _restate_model(db: Writes) -> None:
    """As today's JSON says it, which says more; where it is damaged it stays, for `devise check` to find."""
    meta = {key: db.value("SELECT value FROM meta WHERE key = ?", (key,)) for key in ("model", "labels", "model_crc")}
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said, labels = json.loads(meta["model"]), json.loads(meta["labels"])
        model = ModelInfo.from_json(said).to_json()
        if meta["model_crc"] in (None, model_crc(said, labels)):
            for key, value in (("model", json.dumps(model)), ("model_crc", model_crc(model, labels))):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


STEPS: Final[Mapping[int, Sequence[Callable[[Writes], None]]]] = {5: (_move_rows, _restate_model)}
