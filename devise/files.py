"""Whole files or none: written under a temporary name, flushed to the disk, then put in place."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devise.errors import writing

TEMPORARY = ".devise-tmp"  # how our temporary files end, so that none of other programs is taken for one


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well; else nothing is left.

    >>> with replacing(folder / "notes.txt") as temporary:
    ...     _ = temporary.write_text("whole")

    mode: who may read it. Raises WriteError when the disk is full or the folder cannot be written.
    """
    with writing(path):
        if path.exists() and not path.is_file():  # to replace /dev/null or /dev/stdout would break the machine
            raise OSError(errno.EINVAL, "it is a folder" if path.is_dir() else "it is no regular file")
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        handle, temporary = _held(path)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(mode)  # mkstemp's 0600 would hide a shared file from other users
            temporary.replace(path)
        except BaseException:
            _remove(temporary)
            raise
        finally:
            os.close(handle)


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file. Raises OSError, also for what is none: a named pipe would be waited for."""
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        return file.read(size)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def sweep(folder: Path) -> None:
    """Delete the temporary files that killed programs left in a folder: those that no living one holds."""
    for temporary in folder.glob(f".*{TEMPORARY}"):
        with suppress(OSError), open(temporary, "rb", opener=_open_at_once) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(temporary)


def _held(path: Path) -> tuple[int, Path]:
    """A temporary file beside `path`, and the handle that keeps it from being swept while it is open."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)
        with suppress(OSError):  # a disk that knows no locks is never swept
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # swept before it was held


def _remove(temporary: Path) -> None:
    for path in (temporary, Path(f"{temporary}-journal")):  # SQLite's, of an export
        with suppress(OSError):
            path.unlink()
