"""One program at a time may write photos into a library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from devise.errors import LibraryError, writing
from devise.library.store import Store


@contextmanager
def writer(folder: Path, *, create: bool) -> Iterator[Store]:
    """The library's rows for writing; create: where there is no library.

    Raises LibraryError where another program indexes, WriteError where the folder cannot be written.
    """
    with writing(folder):
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise LibraryError(f"another devise is indexing into {folder}; wait until it has finished") from error
    try:
        with closing(Store(folder, write=True)) as store:
            yield store
    finally:
        lock.release()
