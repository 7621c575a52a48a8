"""Whole files or none: written under a temporary name, flushed to the disk, then put in place."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devise.errors import writing


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
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(mode)  # mkstemp's 0600 would hide a shared file from other users
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
