"""The tables of a library and how an older library becomes one of today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sqlite3 import complete_statement
from typing import Final

FORMAT: Final = 5
APPLICATION_ID: Final = 0x64767365  # "dvse" in the file's header: tells our databases from others

# Every space we store: the numpy type of its rows. Half precision costs nothing (recall@10 of VOC's photos 1.000, asked
# with words 0.9997); bytes, with a scale a row, would cost 0.006 of photos and 0.026 of words.
SPACES: Final[Mapping[str, str]] = {"words": "<f2", "features": "<f2"}

# Of photos, what is behind mtime_ns is NULL until their files were asked for it: when the photo was taken (ISO 8601,
# local time), its width times height, its format, how its sidecars looked then, and its row of texts. FTS5's rows hold
# the names of a photo and of its folders, and its captions.
# Judgements (marks) hold the hash of a content, for they outlive it; those of one command share a batch.
# Ids only grow (AUTOINCREMENT): a graph that has not heard of a deletion can never answer with another photo.
# Triggers keep what a run has to look at, so that no run has to look at all: `orphans`, contents that lost a photo and
# may have none left; `gone`, contents that were deleted since the graphs were saved.
TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (path PRIMARY KEY NOT NULL) WITHOUT ROWID;
CREATE TABLE contents (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE);
CREATE TABLE photos (
    path PRIMARY KEY NOT NULL,
    content_id INTEGER NOT NULL REFERENCES contents (id),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    taken TEXT,
    pixels INTEGER,
    kind TEXT,
    stamp TEXT,
    text_id INTEGER
) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5(names, captions, path UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
CREATE INDEX photos_content ON photos (content_id);
CREATE TABLE skipped (
    path PRIMARY KEY NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE words (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, vector BLOB NOT NULL
);
CREATE TABLE features (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, vector BLOB NOT NULL
);
CREATE TABLE parts (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, packed BLOB NOT NULL
);
CREATE TABLE marks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, query TEXT NOT NULL, hash BLOB NOT NULL, path NOT NULL,
    is_good INTEGER NOT NULL, marked TEXT NOT NULL, batch INTEGER NOT NULL
);
CREATE TABLE graphs (
    space TEXT PRIMARY KEY, file TEXT NOT NULL, crc32 INTEGER NOT NULL, size INTEGER NOT NULL,
    count INTEGER NOT NULL, max_id INTEGER NOT NULL, fitted INTEGER NOT NULL, basis BLOB
);
CREATE TABLE orphans (content_id INTEGER PRIMARY KEY);
CREATE TABLE gone (content_id INTEGER PRIMARY KEY);
CREATE TRIGGER photo_deleted AFTER DELETE ON photos BEGIN
    INSERT OR IGNORE INTO orphans VALUES (old.content_id);
END;
CREATE TRIGGER photo_changed AFTER UPDATE OF content_id ON photos WHEN old.content_id != new.content_id BEGIN
    INSERT OR IGNORE INTO orphans VALUES (old.content_id);
END;
CREATE TRIGGER content_deleted AFTER DELETE ON contents BEGIN
    INSERT OR IGNORE INTO gone VALUES (old.id);
END;
"""

# MIGRATIONS[n] turns format n into n + 1, in one transaction.
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
}


def statements(script: str) -> Iterator[str]:
    """The statements of a script, triggers whole."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if complete_statement(statement):
            if statement.strip(";\n "):
                yield statement
            statement = ""
