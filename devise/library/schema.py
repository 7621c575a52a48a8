"""The tables of a library and how an older library becomes one of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORMAT: Final = 3
APPLICATION_ID: Final = 0x64767365  # "dvse" in the file's header: tells our databases from others

# Every space we store: the numpy type of its rows. Half precision costs features nothing.
SPACES: Final[Mapping[str, str]] = {"words": "<f4", "features": "<f2"}

# Ids only grow (AUTOINCREMENT): a graph that has not heard of a deletion can never answer with another photo.
TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (path PRIMARY KEY NOT NULL) WITHOUT ROWID;
CREATE TABLE contents (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE);
CREATE TABLE photos (
    path PRIMARY KEY NOT NULL,
    content_id INTEGER NOT NULL REFERENCES contents (id),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL
) WITHOUT ROWID;
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
}
