"""Photos with all that is known of them, to and from another store; and photos that get another path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from devise.store.base import CHUNK
from devise.store.paths import is_below
from devise.store.records import Entry, path_of, stored_path
from devise.store.sqlite.database import Database, understanding
from devise.store.sqlite.texts import forget, rename
from devise.store.texts import names

_ALL = (
    "SELECT photos.path, hash, size, mtime_ns, taken, pixels, kind, stamp, names, captions FROM photos "
    "JOIN contents ON contents.id = content_id LEFT JOIN texts ON texts.rowid = text_id ORDER BY photos.path"
)
_PUT = (
    "INSERT OR REPLACE INTO photos (path, content_id, size, mtime_ns, taken, pixels, kind, stamp, text_id) "
    "VALUES (?, (SELECT id FROM contents WHERE hash = ?), ?, ?, ?, ?, ?, ?, ?)"
)


def all_of(db: Database) -> Iterator[Entry]:
    for batch in db.batches(_ALL, (), size=CHUNK):
        with understanding(db.folder):
            yield from [Entry(path_of(path), *rest) for path, *rest in batch]


def hashes(db: Database) -> Iterator[tuple[int, bytes]]:
    for batch in db.batches("SELECT id, hash FROM contents ORDER BY id", (), size=CHUNK):
        yield from batch


def put(db: Database, entry: Entry) -> None:
    path, text_id = stored_path(entry.path), None
    forget(db, [path])
    if entry.names is not None or entry.captions is not None:
        row = (entry.names or "", entry.captions or "", path)
        text_id = db.execute("INSERT INTO texts (names, captions, path) VALUES (?, ?, ?)", row)
    facts = (entry.size, entry.mtime_ns, entry.taken, entry.pixels, entry.kind, entry.stamp)
    db.execute(_PUT, (path, entry.digest, *facts, text_id))
    db.execute("DELETE FROM skipped WHERE path = ?", (path,))


def rename_photo(db: Database, path: str, target: str, roots: Sequence[str]) -> None:
    stored, wanted = stored_path(path), stored_path(target)
    rename(db, stored, wanted, names(target, roots))
    db.execute("UPDATE photos SET path = ? WHERE path = ?", (wanted, stored))


def rename_others(db: Database, folder: str, renamed: Callable[[str], str]) -> None:
    """What else names paths below a folder: skipped photos, and judgements."""
    for table in ("skipped", "marks"):
        for (stored,) in db.rows(f"SELECT DISTINCT path FROM {table}"):
            if is_below(path_of(stored), folder):
                target = stored_path(renamed(path_of(stored)))
                db.execute(f"UPDATE OR REPLACE {table} SET path = ? WHERE path = ?", (target, stored))
