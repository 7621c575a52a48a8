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

from devise.errors import LibraryError, writing
from devise.files import beginning, sweep
from devise.library import salvage, spare
from devise.library.store import Store

INCOMING = ".incoming"  # a folder for another library that is to be brought in
HOLDER = "holder"  # the file that says who has the lock; without the lock it says nothing
MAX_BYTES = 1_000  # of it; more was never written


@contextmanager
def locked(folder: Path, *, create: bool = False) -> Iterator[None]:
    """create: the folder, where there is none.

    Raises LibraryError where another program indexes, WriteError where the folder cannot be written.
    """
    with writing(folder):
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0, mode=0o600)
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
        lock.release()


@contextmanager
def writer(folder: Path, *, create: bool) -> Iterator[Store]:
    """The library's rows for writing; create: where there is no library. Raises what `locked` raises."""
    with locked(folder, create=create), closing(Store(folder, write=True)) as store:
        yield store
        spare.keep(store)


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
