"""A reader of a library for each thread that asks: a connection of SQLite is for one thread at a time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from devise.search.searcher import Searcher
from devise.store import opening
from devise.store.base import Store
from devise.store.location import Address, Location


class Reader:
    """The rows of a library, and what searches them. It is closed when nobody has it any more."""

    def __init__(self, store: Store, searcher: Searcher) -> None:
        self.store, self.searcher = store, searcher
        weakref.finalize(self, store.close)


class Readers:
    """Think of it as one reader that every thread has for itself.

    A thread's reader is opened when it first asks, and closed when the thread ends or all are closed: a search that is
    under way then raises LibraryError, and the next one opens another. searcher: what they search with.
    """

    def __init__(self, path: Location, searcher: Callable[[Store], Searcher]) -> None:
        self.path, self._searcher = path, searcher
        self.is_served = isinstance(path, Address)  # whether it is there is then asked once: it takes a connection
        self._own = threading.local()
        self._all: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._lock = threading.Lock()

    def reader(self) -> Reader:
        """The one of this thread. Raises LibraryError where there is no library."""
        found: Reader | None = getattr(self._own, "reader", None)
        if found is None:
            found = self._open()
        return found

    def store_or_none(self) -> Store | None:
        """None while there is no library."""
        is_open = getattr(self._own, "reader", None) is not None and self.is_served
        return self.reader().store if is_open or opening.exists(self.path) else None

    def leave(self) -> None:
        """Close the reader of this thread; it has another when it asks again."""
        found: Reader | None = self._own.__dict__.pop("reader", None)
        if found is not None:
            found.store.close()

    def close(self) -> None:
        """Those of all threads."""
        with self._lock:
            self._own = threading.local()
            for reader in list(self._all):
                reader.store.close()
            self._all.clear()

    def _open(self) -> Reader:
        opening.must_exist(self.path)
        store = opening.reader(self.path)
        reader = Reader(store, self._searcher(store))
        with self._lock:  # beside an end that goes through all of them
            self._all.add(reader)
            self._own.reader = reader
        return reader
