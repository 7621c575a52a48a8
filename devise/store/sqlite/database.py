"""One SQLite file: opened for reading or writing, its errors told as thing, fact and remedy. The home of sqlite3."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devise.errors import DeviseError, FormatError, LibraryError, WriteError
from devise.store.sqlite.migrations import MIGRATIONS, migrate
from devise.store.sqlite.schema import APPLICATION_ID, FORMAT, TABLES, statements

FILE = "library.db"
BUSY_SECONDS = 10.0  # a writer's transaction takes milliseconds; ten seconds mean a stuck disk
PAGE_BYTES = 16_384  # 13 rows of words vectors with little left over; of SQLite's 4,096 bytes a tenth is wasted
CACHE_KIB = 16_384  # pages kept in memory

MAX_PATH_BYTES = 504  # as SQLite counts: its MAX_PATHNAME is 512 (os_unix.c), with "-journal" behind ours

_EXPORT = "devise library export FILE"
_DAMAGED = "is damaged; {remedy}"
# SQLite's error names begin with these; the first that fits tells what happened and what to do.
_ERRORS: tuple[tuple[str, type[DeviseError], str], ...] = (
    (
        "SQLITE_FULL",
        WriteError,
        "cannot be written: the disk is full; free space and run again, nothing is lost",
    ),
    (
        "SQLITE_IOERR_WRITE",
        WriteError,
        "cannot be written: {error}; free space and run again, nothing is lost",
    ),
    ("SQLITE_IOERR_SHM", WriteError, "cannot be reached: its disk may be full ({error}); free space and run again"),
    ("SQLITE_IOERR", WriteError, "cannot be reached: {error}; check its disk and run again"),
    ("SQLITE_READONLY_ROLLBACK", LibraryError, "was cut off while it was being made; run: devise index FOLDER"),
    ("SQLITE_READONLY", WriteError, "is read-only; choose another with --library PATH"),
    ("SQLITE_PERM", WriteError, "may not be written; choose another with --library PATH"),
    ("SQLITE_CANTOPEN", WriteError, "cannot be opened; check its folder's permissions and the room on its disk"),
    ("SQLITE_BUSY", LibraryError, "is in use by another program; wait until it has finished"),
    ("SQLITE_LOCKED", LibraryError, "is in use by another program; wait until it has finished"),
    # What is left of a run that was cut off cannot be taken up: there is no room for it, or others are at it
    (
        "SQLITE_PROTOCOL",
        WriteError,
        "cannot be reached: its disk may be full or read-only ({error}); free space and run again",
    ),
    ("SQLITE_NOTADB", LibraryError, "is no devise library or is damaged; choose another with --library PATH"),
    ("SQLITE_CORRUPT", LibraryError, _DAMAGED),
    ("SQLITE_MISMATCH", LibraryError, _DAMAGED),  # a number that is none
    ("SQLITE_ERROR", LibraryError, "is damaged ({error}); {remedy}"),  # "no such table"
)


@contextmanager
def telling(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours. A bug of ours (SQLITE_MISUSE, a constraint) keeps its traceback."""
    try:
        yield
    except UnicodeDecodeError as error:  # of SQLite's own message about a damaged table's name
        raise damaged(folder) from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if not name and isinstance(error, sqlite3.OperationalError):  # text that is no UTF-8
            raise damaged(folder) from error
        for prefix, kind, text in _ERRORS:
            if name.startswith(prefix):
                raise kind(f"the library {folder} {text.format(error=error, remedy=remedy(folder))}") from error
        raise


def damaged(library: Path) -> LibraryError:
    return LibraryError(f"the library {library} {_DAMAGED.format(remedy=remedy(library))}")


def remedy(library: Path) -> str:
    """What to do about damage. library: its folder, or a file that was exported."""
    return f"export it again with: {_EXPORT}" if os.path.isfile(library) else "mend it with: devise check --repair"


@contextmanager
def understanding(folder: Path) -> Iterator[None]:
    """Around the reading of stored values: what cannot be made sense of was damaged on the disk."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(folder) from error


class Database:
    """Think of it as a file of rows that says what is wrong with it. For one thread at a time; any may close it."""

    def __init__(self, folder: Path, *, write: bool, threads: bool = False) -> None:
        """Opens; with `write` also creates and migrates. threads: for one thread after another, not just this one.

        Raises LibraryError or WriteError.
        """
        self.folder, self.is_reader = folder, not write
        self._lock, self._is_closed = threading.RLock(), False  # a connection that is closed while it works crashes
        if len(os.fsencode(os.path.realpath(folder / FILE))) > MAX_PATH_BYTES:
            raise LibraryError(f"the path {folder} is too long for a library; choose a shorter one")
        with telling(folder):
            self._connection = _writable(folder) if write else _readable(folder / FILE, threads)
        try:
            self._check(write)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Whoever goes on asking gets a LibraryError."""
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def version(self) -> int:
        """Another number whenever another connection has written."""
        return int(self.value("PRAGMA data_version"))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._open() as connection:
            return connection.execute(sql, values).fetchall()

    def batches(self, sql: str, values: Sequence[Any] = (), *, size: int) -> Iterator[list[Any]]:
        with self._open() as connection:
            cursor = connection.execute(sql, values)
            batch = cursor.fetchmany(size)
        while batch:
            yield batch
            with self._open():
                batch = cursor.fetchmany(size)

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(sql, values)
        return found[0][0] if found else None

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """The id of the inserted row, or whatever SQLite says it is."""
        with self._open() as connection:
            return connection.execute(sql, values).lastrowid or 0

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._open() as connection:
            connection.executemany(sql, rows)

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows a statement changed, its triggers and cascades not counted."""
        with self._open() as connection:
            return connection.execute(sql, values).rowcount

    def function(self, name: str, function: Callable[[Any], Any]) -> None:
        """Make a function of one value known to SQL."""
        self._connection.create_function(name, 1, function, deterministic=True)

    def attach(self, file: Path, name: str) -> None:
        """Another database beside ours."""
        self.execute(f"ATTACH ? AS {name}", (_address(file, "mode=rw"),))

    def copy_to(self, file: Path) -> None:
        """All of it, as it is now, in a new or empty file without gaps."""
        self.execute("VACUUM INTO ?", (_address(file, "mode=rwc"),))

    def seal(self) -> None:
        """Let the file hold everything by itself, without a log beside it. Raises WriteError."""
        if self.rows("PRAGMA wal_checkpoint(TRUNCATE)") != [(0, 0, 0)]:  # whether it was busy, and what is left
            raise WriteError(f"the library {self.folder} cannot be made one file; free space and run again")

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[None]:
        """All or nothing; without `write` a snapshot that a writer cannot change under us."""
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with self._lock:
                # SQLite itself rolls back when the disk is full
                if not self._is_closed and self._connection.in_transaction:
                    self._connection.rollback()
            raise

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, which nobody closes meanwhile. Raises LibraryError when it was closed."""
        with self._lock, telling(self.folder):
            if self._is_closed:
                raise LibraryError(f"the library {self.folder} was closed while it was asked; ask again")
            yield self._connection

    def _check(self, write: bool) -> None:
        ours = self.value("PRAGMA application_id") == APPLICATION_ID
        if not ours and self.value("SELECT count(*) FROM sqlite_master"):
            raise LibraryError(
                f"{self.folder / FILE} is a database of another program; choose another place with --library PATH"
            )
        if ours:
            self._migrate(write)
        elif write:
            self._create()
        else:
            raise LibraryError(f"the library {self.folder} was never filled; run: devise index FOLDER")

    def _create(self) -> None:
        with self.transaction():
            if self.value("PRAGMA application_id") == APPLICATION_ID:
                return  # another process was quicker
            for statement in statements(TABLES):
                self.execute(statement)
            self._set_format(FORMAT)
            self.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _migrate(self, write: bool) -> None:
        with understanding(self.folder):
            found = int(self.value("SELECT value FROM meta WHERE key = 'format'"))
        if found > FORMAT:
            needs = self.value("SELECT value FROM meta WHERE key = 'needs'")
            newer = f"devise {needs} or newer" if needs else "a newer devise"
            raise FormatError(self.folder, f"has format {found}, this devise reads up to {FORMAT}; install {newer}")
        if found < FORMAT and not write:
            raise FormatError(self.folder, "was made by an older devise; run: devise index")
        for number in range(found, FORMAT):
            if number not in MIGRATIONS:  # no devise ever wrote it
                raise damaged(self.folder)
            with self.transaction():
                if self.value("SELECT value FROM meta WHERE key = 'format'") == str(number):  # nobody was quicker
                    migrate(self, number)
                    self._set_format(number + 1)

    def _set_format(self, number: int) -> None:
        """And which devise reads it, for those that are too old for it."""
        from devise.version import version

        rows = (("format", str(number)), ("needs", version()))
        self.execute_many("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def _connect(address: str, threads: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not threads
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")  # reads the file: what is wrong with it shows here
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def copy(source: Path, name: Path, target: Path) -> None:
    """A database of any format as a new file that only the user may read. name: of the library that it is."""
    with telling(name), closing(_readable(source)) as opened:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        opened.execute("VACUUM INTO ?", (_address(target, "mode=rwc"),))


def _address(file: Path, options: str) -> str:
    """Unlike a plain path, one that may hold bytes that are no UTF-8."""
    return f"file:{quote(os.fsencode(file.absolute()))}?{options}"


def _writable(folder: Path) -> sqlite3.Connection:
    # What people photograph is their own business. An existing file is never opened beside SQLite: closing it would
    # drop the locks of all connections of this process (sqlite.org/howtocorrupt.html, 2.2)
    with suppress(OSError):  # SQLite says it better
        os.close(os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(_address(folder / FILE, "mode=rwc"))
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # heeded only while the file is empty
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a power cut costs the last batch, never the file
    return connection


def _readable(file: Path, threads: bool = False) -> sqlite3.Connection:
    """A reader of a folder that may not be written has no place for SQLite's -wal and -shm files.

    After a clean end there is no -wal, the file holds everything, and "immutable" reads it without them.
    """
    try:
        return _connect(_address(file, "mode=ro"), threads)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _NO_PLACE:
            raise
        wal = Path(f"{file}-wal")
        if wal.exists() and wal.stat().st_size:
            raise LibraryError(
                f"the last run into the library {file.parent} was cut off, and its folder is read-only; "
                "make the folder writable and search once"
            ) from error
    return _connect(_address(file, "mode=ro&immutable=1"), threads)


_NO_PLACE = (
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY_DIRECTORY",
    "SQLITE_READONLY_CANTINIT",
    "SQLITE_READONLY_CANTLOCK",
)
