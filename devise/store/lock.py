"""One program at a time may write photos into a library; the others are told which one."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from devise.errors import DeviseError, LibraryError, writing
from devise.files import beginning, sweep
from devise.store import backup
from devise.store.sqlite import salvage
from devise.store.sqlite.database import FILE
from devise.store.sqlite.store import Store

INCOMING = ".incoming"  # a folder for another library that is to be brought in
LOCK = "lock"
HOLDER = "holder"  # the file that says who has the lock; without the lock it says nothing
MAX_BYTES = 1_000  # of it; more was never written


@contextmanager
def locked(folder: Path, *, create: bool = False) -> Iterator[None]:
    """create: the folder, where there is none.

    Raises LibraryError where another program indexes, WriteError where the folder cannot be written.
    """
    made: list[Path] = []
    with writing(folder):
        if create:
            made = [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
        try:
            lock.acquire()
        except Timeout as error:
            raise LibraryError(
                f"another devise{_holder(folder)} is writing to {folder}; wait until it has finished"
            ) from error
    try:
        _hold(folder)
        _tidy(folder)
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink()
        if create and not (folder / FILE).exists():  # nothing came of it
            with suppress(OSError):
                (folder / LOCK).unlink()
                for each in made:
                    each.rmdir()
        lock.release()


@contextmanager
def writer(folder: Path, *, create: bool) -> Iterator[Store]:
    """The library's rows for writing; create: where there is no library. Raises what `locked` raises."""
    if not create:
        salvage.must_exist(folder)
    with locked(folder, create=create), _filling(folder), closing(Store(folder, write=True)) as store:
        yield store
        backup.keep(store)


@contextmanager
def _filling(folder: Path) -> Iterator[None]:
    """A new library that stays without folders and photos goes again."""
    is_new = not Store.exists(folder)
    try:
        yield
    except BaseException:
        if is_new and _is_bare(folder):
            for name in ("", "-wal", "-shm"):
                with suppress(OSError):
                    (folder / f"{FILE}{name}").unlink()
        raise


def _is_bare(folder: Path) -> bool:
    with suppress(DeviseError), closing(Store(folder)) as store:
        return store.is_empty() and not store.roots()
    return False


def _tidy(folder: Path) -> None:
    """Finish and sweep what programs left that were killed: nobody else is at work here."""
    with writing(folder):
        salvage.clear(folder)
        sweep(folder)
        shutil.rmtree(folder / INCOMING, ignore_errors=True)


def _hold(folder: Path) -> None:
    """A courtesy: where it cannot be written, work goes on."""
    said = {"process": os.getpid(), "computer": platform.node(), "since": f"{datetime.now():%H:%M}"}
    with suppress(OSError):
        (folder / HOLDER).unlink(missing_ok=True)  # never written to: a named pipe would wait for a reader
        (folder / HOLDER).write_text(json.dumps(said), "utf-8")


def _holder(folder: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        said = json.loads(beginning(folder / HOLDER, MAX_BYTES))
        return f" (process {int(said['process'])} on {said['computer']:.40}, since {said['since']:.5})"
    return ""
