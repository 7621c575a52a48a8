"""Open a library wherever it is: in a folder (devise.store.sqlite), or on servers (devise.store.server)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from devise.errors import LibraryError, needed
from devise.store.base import Store
from devise.store.location import Address, Location
from devise.store.sqlite import salvage
from devise.store.sqlite import store as sqlite

if TYPE_CHECKING:
    from devise.store.server.store import ServerStore


def exists(at: Location) -> bool:
    """Raises LibraryError where nobody can tell."""
    return sqlite.Store.exists(at) if isinstance(at, Path) else _server(at).exists(at)


def reader(at: Location) -> Store:
    """For one thread after another. Raises LibraryError where there is none."""
    return sqlite.Store(at, threads=True) if isinstance(at, Path) else served(at)


def writer(at: Location, *, create: bool) -> AbstractContextManager[Store]:
    """The library's rows for writing; create: where there is no library.

    In a folder one program at a time writes; on servers many bring photos in, and share the work.
    """
    if not isinstance(at, Path):
        return _serving(at, create=create)
    from devise.store import lock  # which brings filelock; a search needs none

    return lock.writer(at, create=create)


@contextmanager
def judging(at: Location) -> Iterator[Store]:
    """To write judgements, also beside `devise index`, whose transactions are short; never beside a repair."""
    if isinstance(at, Path):
        with salvage.unswapped(at), closing(sqlite.Store(at, write=True)) as store, store.transaction():
            yield store
    else:
        with closing(served(at)) as opened, opened.transaction():
            yield opened


def must_exist(at: Location) -> None:
    """Raises LibraryError where there is no library."""
    if isinstance(at, Path):
        salvage.must_exist(at)
    elif not exists(at):
        raise LibraryError(f"there is no library at {at}; run: devise index FOLDER")


def served(at: Address, *, create: bool = False) -> ServerStore:
    """The library at an address."""
    return _server(at)(at, create=create)


@contextmanager
def _serving(at: Address, *, create: bool) -> Iterator[Store]:
    with closing(served(at, create=create)) as store, store.shared():
        yield store


def _server(at: Address) -> type[ServerStore]:
    needed(f"the library {at}", "psycopg", "pymilvus")
    from devise.store.server.store import ServerStore  # which no embedded library needs

    return ServerStore
