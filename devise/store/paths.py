"""What lies below a folder, by names alone: in Python, and as ranges of the paths that a library keeps in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice

from devise.store.records import stored_path

Range = tuple[str | bytes, str | bytes]  # from the first on, up to the second


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or stands anywhere below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def lineage(path: str) -> Iterator[str]:
    """The path itself, then the folders that it stands in, the nearest first."""
    yield path
    while (above := os.path.dirname(path)) != path:
        path = above
        yield path


def outermost(folders: Iterable[str]) -> list[str]:
    """Those that are not below another one, sorted."""
    given = set(folders)
    return sorted(folder for folder in given if not any(above in given for above in islice(lineage(folder), 1, None)))


def ranges(folder: str) -> list[Range]:
    """The stored paths of the folder itself and of all below it: those that are text, then those that are bytes."""
    inside = folder.rstrip(os.sep) + os.sep
    found: list[Range] = []
    for start, end in ((folder, folder + "\0"), (inside, inside[:-1] + chr(ord(os.sep) + 1))):
        if isinstance(low := stored_path(start), str) and isinstance(high := stored_path(end), str):
            found.append((low, high))
        found.append((os.fsencode(start), os.fsencode(end)))
    return found
