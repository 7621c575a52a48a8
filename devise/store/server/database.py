"""One connection to PostgreSQL, its errors told as thing, fact and remedy. The home of psycopg."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import errors

from devise.errors import DeviseError, FormatError, LibraryError, WriteError
from devise.store.location import Address
from devise.store.server.schema import FORMAT, TABLES

CONNECT_SECONDS = 10
# A server that is gone without a word is found out after so many milliseconds, not after TCP's two hours
ALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000
}  # fmt: skip
_AGAIN = "run the same command again, nothing is lost"
_REFUSED = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification)
# The first that fits tells what happened and what to do
_ERRORS: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], type[DeviseError], str], ...] = (
    (errors.DiskFull, WriteError, "cannot be written: the disk of its PostgreSQL is full; free space there and "
                                  f"{_AGAIN}"),
    (_REFUSED, LibraryError,
     "cannot be opened: PostgreSQL refuses the user; set PGPASSWORD, or write ~/.pgpass"),
    (errors.InvalidCatalogName, LibraryError, "cannot be opened: {fact}; make it with: createdb"),
    (errors.InsufficientPrivilege, LibraryError, "may not be used: {fact}; ask who runs its PostgreSQL for the right"),
    ((errors.ReadOnlySqlTransaction,), WriteError, "is read-only; give the address of the PostgreSQL that is written"),
    ((errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName), LibraryError,
     "is damaged ({fact}); restore its PostgreSQL from a backup, or index into another name"),
    (errors.DataCorrupted, LibraryError, "is damaged ({fact}); restore its PostgreSQL from a backup"),
    ((errors.DeadlockDetected, errors.LockNotAvailable), LibraryError, f"is in use by others at this moment; {_AGAIN}"),
    (psycopg.OperationalError, LibraryError,
     f"cannot be reached: PostgreSQL says: {{fact}}; see that it runs, and {_AGAIN}"),
)  # fmt: skip


@contextmanager
def telling(name: object) -> Iterator[None]:
    """Turn PostgreSQL's errors into ours. A bug of ours (a constraint, bad SQL) keeps its traceback."""
    try:
        yield
    except psycopg.Error as error:
        for kinds, kind, text in _ERRORS:
            if isinstance(error, kinds) or _says(error, kinds):
                fact = next(iter(str(error).strip().splitlines()), type(error).__name__).strip()
                raise kind(f"the library {name} {text.format(fact=fact.removesuffix('.'))}") from error
        raise


def _says(error: psycopg.Error, kinds: Any) -> bool:
    """Whether a connection was refused for one of these reasons: such errors have no class of their own."""
    said = str(error)
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate:
        return False
    if errors.InvalidCatalogName is kinds:
        return 'database "' in said and "does not exist" in said
    return kinds == _REFUSED and any(text in said for text in ("authentication failed", "no password", 'role "'))


class Database:
    """Think of it as a schema that says what is wrong with it. For one thread at a time; any may close it.

    A connection that was lost is made anew, but never inside a transaction.
    """

    def __init__(self, address: Address) -> None:
        self.address, self.schema = address, f"devise_{address.name}"
        self._lock, self._is_closed, self._is_inside = threading.RLock(), False, False
        self._connection: Any = None

    def close(self) -> None:
        """Whoever goes on asking gets a LibraryError."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._open() as connection:
            found: list[Any] = connection.execute(sql, values).fetchall()
            return found

    def raw(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The same as bytes of PostgreSQL's own form, which large rows need not be turned from."""
        with self._open() as connection:
            found: list[Any] = connection.cursor(binary=True).execute(sql, values).fetchall()
            return found

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(sql, values)
        return found[0][0] if found else None

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        with self._open() as connection:
            return int(connection.execute(sql, values).rowcount)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._open() as connection, connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[None]:
        """All or nothing; without `write` a snapshot that nobody changes under us."""
        self.execute("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._is_inside = True
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with self._lock, suppress(psycopg.Error):
                if self._connection is not None and not self._connection.closed:
                    self._connection.rollback()
            raise
        finally:
            self._is_inside = False

    def exists(self) -> bool:
        sql = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'meta'"  # to_regclass() may be out of date
        return self.value(sql, (self.schema,)) is not None

    def create(self) -> None:
        """Where nobody else was quicker."""
        if self.exists():
            return
        with self.transaction():
            self.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self.schema} creation",))
            if not self.exists():
                self.execute(f'CREATE SCHEMA "{self.schema}"')
                self.execute(TABLES)
                self.execute("INSERT INTO meta VALUES ('format', %s)", (str(FORMAT),))

    def check_format(self) -> None:
        found = self.value("SELECT value FROM meta WHERE key = 'format'")
        if found != str(FORMAT):
            raise FormatError(str(self.address), f"has format {found}, this devise reads {FORMAT}; install a newer one")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self._lock, telling(self.address):
            if self._is_closed:
                raise LibraryError(f"the library {self.address} was closed while it was asked; ask again")
            if self._connection is None or (self._connection.closed and not self._is_inside):
                self._connection = self._connected()
            yield self._connection

    def _connected(self) -> Any:
        made = psycopg.connect(self.address.catalog, autocommit=True, connect_timeout=CONNECT_SECONDS,
                               application_name="devise", **ALIVE)  # fmt: skip
        made.execute(f'SET search_path = "{self.schema}"')
        return made
