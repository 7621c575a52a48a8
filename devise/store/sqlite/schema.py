"""The tables of a library."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import complete_statement
from typing import Final

FORMAT: Final = 6
APPLICATION_ID: Final = 0x64767365  # "dvse" in the file's header: tells our databases from others

ID_BITS: Final = 40  # of a content's id in the key of a row: a photo a millisecond for 35 years

# Of photos, what is behind mtime_ns is NULL until their files were asked for it: when the photo was taken (ISO 8601,
# local time), its width times height, its format, how its sidecars looked then, and its row of texts. FTS5's rows hold
# the names of a photo and of its folders, and its captions.
# Judgements (marks) hold the hash of a content, for they outlive it; those of one command share a batch.
# Ids only grow (AUTOINCREMENT): a graph that has not heard of a deletion can never answer with another photo.
# Vectors of all spaces are one table: the key of a row is its space's number << ID_BITS | its content's id. The dtype
# of the space says how they are written (devise.store.codec); all that a space is stands once, with the model in meta.
# Triggers keep what a run has to look at, so that no run has to look at all: `orphans`, contents that lost a photo and
# may have none left; `gone`, contents that were deleted since the graphs were saved. Rows go with their content.
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
CREATE TABLE spaces (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE vectors (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
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
    DELETE FROM vectors WHERE key IN (SELECT number << 40 | old.id FROM spaces);
END;
"""


def statements(script: str) -> Iterator[str]:
    """The statements of a script, triggers whole."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if complete_statement(statement):
            if statement.strip(";\n "):
                yield statement
            statement = ""
