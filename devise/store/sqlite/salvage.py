"""Save what can be read of a library's damaged database into a new one; the old one is kept beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from devise.errors import LibraryError, writing
from devise.files import beginning
from devise.store import backup
from devise.store.sqlite.database import BUSY_SECONDS, FILE, PAGE_BYTES, telling
from devise.store.sqlite.schema import APPLICATION_ID, FORMAT, ID_BITS
from devise.store.sqlite.store import Store

DAMAGED = f"{FILE}.damaged"  # the old file
PLACE = f".{FILE}.salvage"  # where a new one is made
DONE = f".{FILE}.salvaged"  # the same, when it holds all that could be read
LOCK = "lock.marks"  # held by who writes judgements, which needs no other lock, and by who replaces the database
_NO_DAMAGE = tuple(
    f"SQLITE_{name}" for name in ("FULL", "CANTOPEN", "READONLY", "BUSY", "PROTOCOL", "IOERR_SHM", "IOERR_WRITE")
)
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)  # the second where SQLite's message holds what was damaged
HEAD = 100  # bytes of SQLite's header (sqlite.org/fileformat.html, 1.3)
PAGES_AT = 28  # where in it the number of pages stands
MAX_SPACES = 64  # that are looked for where nothing says which there are
# table -> its columns, those that rows are told apart by first. Vectors go space by space; the rest is derived.
NUMBERED = {
    "contents": "id, hash",
    "spaces": "number, name",
    "marks": "id, query, hash, path, is_good, marked, batch",
}
NAMED = {
    "meta": "key, value",
    "roots": "path",
    "photos": "path, content_id, size, mtime_ns",
    "skipped": "path, size, mtime_ns, reason",
}


def is_ours(file: Path) -> bool:
    """Whether a file begins as our databases do, whatever comes behind."""
    try:
        head = beginning(file, HEAD)
    except OSError:
        return False
    return head[:16] == b"SQLite format 3\0" and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def must_exist(folder: Path) -> None:
    """Raises LibraryError where there is no library."""
    if not Store.exists(folder) and not is_cut_off(folder):
        raise LibraryError(f"there is no library at {folder}; run: devise index FOLDER")


def is_library(folder: Path) -> bool:
    """Whether a folder's database is ours, by its first bytes or, where those are damaged, by what lies beside it."""
    return is_ours(folder / FILE) or ((folder / FILE).is_file() and (folder / backup.FILE).is_file())


def salvage(folder: Path) -> None:
    """Raises LibraryError where not even what the library is can be read; then nothing has changed."""
    new = folder / PLACE
    with unswapped(folder), writing(folder):
        _sweep(folder)
        new.mkdir(mode=0o700)
        try:
            with closing(Store(new, write=True)) as store:
                with telling(folder):
                    _copy(_with_head(folder, new), store, folder)
                store.db.seal()
            new.rename(folder / DONE)
        finally:
            _swap(folder)
            _sweep(folder)


@contextmanager
def unswapped(folder: Path) -> Iterator[None]:
    """Nobody puts another database in the place of this one: what is written beside would be lost with the old one.

    Raises LibraryError, WriteError.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=BUSY_SECONDS, mode=0o600)
    with writing(folder):
        try:
            lock.acquire()
        except Timeout as error:
            raise LibraryError(f"the library {folder} is being mended; wait until that has finished") from error
    try:
        with writing(folder):
            _swap(folder)
        yield
    finally:
        lock.release()


def clear(folder: Path) -> None:
    """Put what was saved in its place, and sweep what was begun: also where that was cut off at any moment."""
    if is_cut_off(folder):
        with unswapped(folder):
            pass
    _sweep(folder)


def _swap(folder: Path) -> None:
    if is_cut_off(folder):
        for name in ("", "-wal", "-shm"):  # the old log must never stand beside the new file
            with suppress(FileNotFoundError):
                os.replace(folder / f"{FILE}{name}", folder / f"{DAMAGED}{name}")
        os.replace(folder / DONE / FILE, folder / FILE)


def _sweep(folder: Path) -> None:
    for place in (PLACE, DONE):
        shutil.rmtree(folder / place, ignore_errors=True)


def is_cut_off(folder: Path) -> bool:
    """Whether the library lies beside its place."""
    return (folder / DONE / FILE).is_file()


def _copy(source: Path, store: Store, folder: Path) -> None:
    with closing(sqlite3.connect(source, isolation_level=None)) as old, store.transaction():
        _opens(old)
        old.text_factory = lambda text: text.decode(errors="surrogateescape")
        for table, columns in NAMED.items():
            _put(store, table, columns, _by_name(old, table, columns))
        end = _end(old, "contents")
        for table, columns in NUMBERED.items():
            _put(store, table, columns, _by_number(old, table, columns, 0, _end(old, table)))
        backup.restore(store, folder)
        for number in store.space_numbers().values() or range(1, MAX_SPACES):
            first = number << ID_BITS
            _put(store, "vectors", "key, data", _by_number(old, "vectors", "key, data", first, first + end))
        if store.db.value("SELECT value FROM meta WHERE key = 'format'") != str(FORMAT) or store.model() is None:
            raise LibraryError(f"the library {folder} is damaged beyond repair; delete it and run: devise index FOLDER")
        store.db.execute("DELETE FROM photos WHERE content_id NOT IN (SELECT id FROM contents)")
        # Contents whose photos were lost wait for the next run: it finds them by their hash and encodes nothing
        store.db.execute("INSERT OR IGNORE INTO orphans SELECT id FROM contents")


def _put(store: Store, table: str, columns: str, rows: Iterator[Any]) -> None:
    marks = ", ".join("?" * len(columns.split(",")))
    for row in rows:
        with suppress(sqlite3.IntegrityError, UnicodeEncodeError):
            store.db.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", row)


def _with_head(folder: Path, new: Path) -> Path:
    """The damaged database; where even its first bytes are, a copy whose first bytes are those of a new one."""
    if is_ours(folder / FILE):
        return folder / FILE
    copy = new / "headless.db"
    for name in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(folder / f"{FILE}{name}", f"{copy}{name}")
    with (new / FILE).open("rb") as healthy, copy.open("r+b") as file:
        pages = copy.stat().st_size // PAGE_BYTES
        head = bytearray(healthy.read(HEAD))
        head[PAGES_AT : PAGES_AT + 4] = pages.to_bytes(4, "big")
        file.write(head)
    return copy


def _opens(old: sqlite3.Connection) -> None:
    """Damage is what we are here for. A full disk, or no permission, must not be taken for that."""
    try:
        old.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except BROKEN as error:
        if getattr(error, "sqlite_errorname", "").startswith(_NO_DAMAGE):
            raise


def _by_number(old: sqlite3.Connection, table: str, columns: str, last: int, end: int) -> Iterator[Any]:
    """All rows above `last`, up to `end`, that can be read, leaping over damage in ever longer leaps."""
    leap, sql = 1, f"SELECT {columns} FROM {table} WHERE rowid > ? AND rowid <= ? ORDER BY rowid"
    while last < end:
        try:
            for row in old.execute(sql, (last, end)):
                yield row
                last, leap = row[0], 1
            return
        except BROKEN:
            last, leap = last + leap, 2 * leap


def _end(old: sqlite3.Connection, table: str) -> int:
    for sql in (f"SELECT max(rowid) FROM {table}", "SELECT max(seq) FROM sqlite_sequence"):
        with suppress(*BROKEN):
            return int(old.execute(sql).fetchone()[0] or 0)
    return 1 << 32


def _by_name(old: sqlite3.Connection, table: str, columns: str) -> Iterator[Any]:
    """From both ends up to the damage. What lies between is found again by its content when it is indexed."""
    key = columns.split(",")[0]
    for order in ("ASC", "DESC"):
        try:
            yield from old.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}")
            return
        except BROKEN:
            continue
