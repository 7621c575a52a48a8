"""The tables of a library and how an older library becomes one of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORMAT: Final = 4
APPLICATION_ID: Final = 0x64767365  # "dvse" in the file's header: tells our databases from others

# Every space we store: the numpy type of its rows. Half precision costs features nothing.
SPACES: Final[Mapping[str, str]] = {"words": "<f4", "features": "<f2"}

# Of photos, what is behind mtime_ns is NULL until their files were asked for it: when the photo was taken (ISO 8601,
# local time), its width times height, its format, how its sidecars looked then, and its row of texts. FTS5's rows hold
# the names of a photo and of its folders, and its captions.
# Judgements (marks) hold the hash of a content, for they outlive it; those of one command share a batch.
# Ids only grow (AUTOINCREMENT): a graph that has not heard of a deletion can never answer with another photo.
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
    count INTEGER NOT NULL, max_id INTEGER NOT NULL
) WITHOUT ROWID;
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
}
