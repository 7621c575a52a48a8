"""Every text a user can see from us, one tree: thing, fact, remedy.

    DeviseError              its text is shown to the user; the command ends with status 1
    ├── PhotoError           one photo cannot be read: path, reason
    ├── FolderError          a folder is missing, empty, unreadable or no folder
    ├── WordError            words without a vector, a query that is none: words, hints
    ├── VectorsError         a word vector file is missing, damaged or foreign
    ├── CheckpointError      a checkpoint is missing, damaged, foreign or does not fit
    ├── LibraryError         a library is missing, empty, damaged, foreign, busy or does not fit
    │   └── FormatError      a sound library of a newer or an older devise: fact
    ├── TrainingError        labels, splits or options that cannot be trained with
    └── WriteError           a file cannot be written: full disk, read-only folder

Anything else that is raised is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

MAX_LISTED = 20  # names in one message: enough to act on, few enough to read
# What the loader of libraries, OpenVINO, threads and Rust say instead of MemoryError
NO_MEMORY = ("cannot allocate memory", "can't alloc", "failed to map segment", "bad alloc", "bad_alloc",
             "can't start new thread", "resource temporarily unavailable", "pyobject pointer is null")  # fmt: skip


class DeviseError(Exception):
    """Base of all errors whose text is meant for the user: what it is about, what is wrong, what to do.

    `devise.errors` has its children: PhotoError, FolderError, WordError, VectorsError, CheckpointError, LibraryError,
    TrainingError, WriteError. Anything else that is raised is a bug of ours.
    """


class PhotoError(DeviseError):
    """One photo cannot be read; a run records it and goes on."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


class FolderError(DeviseError):
    """A folder is missing, empty, unreadable, or is no folder."""


class WordError(DeviseError):
    """Words that have no vector, or a query that is none; `hints` maps each unknown word to near spellings."""

    def __init__(self, message: str, hints: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.hints = dict(hints or {})


class VectorsError(DeviseError):
    """A word vector file is missing, damaged or foreign."""


class CheckpointError(DeviseError):
    """A checkpoint is missing, damaged, foreign, or does not fit what it is asked to do."""


class LibraryError(DeviseError):
    """A library is missing, empty, damaged, foreign, busy, or was built with another model."""


class FormatError(LibraryError):
    """A sound library of a newer or an older devise. fact: which, and what to do."""

    def __init__(self, library: str | Path, fact: str) -> None:
        super().__init__(f"the library {library} {fact}")
        self.fact = fact


class TrainingError(DeviseError):
    """Labels, splits or options that cannot be trained with."""


class WriteError(DeviseError):
    """A file cannot be written: full disk, read-only folder."""


def listed(names: Iterable[str]) -> str:
    """Up to MAX_LISTED names in one line.

    >>> listed(["a", "b"])
    'a, b'
    """
    names = list(names)
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things; many: where that is more than `one` and an s.

    >>> counted(1, "photo"), counted(2_000, "photo is", "photos are")
    ('1 photo', '2,000 photos are')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


PYPI_NAMES = {"yaml": "pyyaml"}  # where it is not that of the module


def needed(what: str, *packages: str) -> None:
    """Raises DeviseError where optional packages are not installed. what: the thing that needs them."""
    if missing := [package for package in packages if find_spec(package) is None]:
        names, are = " and ".join(missing), "is" if len(missing) == 1 else "are"
        sold_as = " ".join(PYPI_NAMES.get(package, package) for package in missing)
        raise DeviseError(f"{what} needs {names}, which {are} not installed; run: pip install {sold_as}")


def lacks_memory(error: BaseException) -> bool:
    """Whether the machine had no memory for something, however the library that met it says so."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    if isinstance(error, MemoryError) or any(sign in said for sign in NO_MEMORY):
        return True
    return error.__cause__ is not None and lacks_memory(error.__cause__)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn an OSError while writing `path` into a WriteError that says what to do."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, None)  # None: what others make of a full disk
        remedy = "free space or choose another place" if is_full else "choose another place"
        raise WriteError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error
