"""The rows of photos that could not be read, so that they are not tried at every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from devise.store.paths import outermost, ranges
from devise.store.records import Refused, path_of, stored_path
from devise.store.sqlite.database import Database, understanding

MAX_DIGITS = 8  # of a version: more was never written


def below(db: Database, library: Path, folders: Iterable[str]) -> Iterator[Refused]:
    """Those below any of the folders, each once."""
    sql = "SELECT path, size, mtime_ns, reason FROM skipped WHERE path >= ? AND path < ? ORDER BY path"
    for bounds in (bounds for folder in outermost(folders) for bounds in ranges(folder)):
        for path, size, mtime_ns, reason in db.rows(sql, bounds):
            with understanding(library):
                refused = Refused(path_of(path), size, mtime_ns, reason)
            yield refused


def put(db: Database, photo: Refused) -> None:
    row = (stored_path(photo.path), photo.size, photo.mtime_ns, photo.reason)
    db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?)", row)


def number(version: str | None) -> int:
    """Of the readers that refused them; 0 where that was not kept, or is damaged."""
    return int(version) if version and version.isdecimal() and len(version) <= MAX_DIGITS else 0
