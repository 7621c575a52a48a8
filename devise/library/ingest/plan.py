"""What an indexing run has to do: compare the walk of the folders with what the library knows, by stat alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devise.errors import FolderError
from devise.photos import Found, Trouble, find, has_reader, is_photo, stamp
from devise.progress import Progress
from devise.results import Skipped
from devise.store.paths import is_below
from devise.store.sqlite.store import Store

WALK_STEP = 100  # photos between two calls of Progress.walked

_UNMOUNTED = (
    "is its disk mounted? Nothing was removed. Mount it again, or index the other folders by name; "
    "to remove its photos from the library add --allow-empty"
)


@dataclass
class Plan:
    """`before`: content of a changed photo; `vanished`: content -> paths that are gone.

    `told`: unchanged photos beside which texts have changed, or whose texts nobody has read yet.
    """

    work: list[Found]
    told: list[Found] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    vanished: dict[int, list[str]] = field(default_factory=dict)
    unskipped: list[str] = field(default_factory=list)
    lost_roots: list[str] = field(default_factory=list)


def plan(store: Store, folders: Sequence[str | Path], *, allow_empty: bool, progress: Progress) -> Plan:
    """Walk `folders` and say what has changed. Raises FolderError before anything is written."""
    roots = [os.path.abspath(folder) for folder in folders]
    present = _check(roots, store, allow_empty)
    entries: dict[str, Found] = {}
    troubles: list[Trouble] = []
    for entry in find(present):
        if isinstance(entry, Trouble):
            troubles.append(entry)
            continue
        entries[entry.path] = entry
        if len(entries) % WALK_STEP == 0:
            progress.walked(len(entries))
    progress.walked(len(entries))
    _refuse_empty(roots, entries, troubles, store, allow_empty)
    result = _compared(store, entries, roots, [trouble.path for trouble in troubles if trouble.hides])
    result.skipped += [Skipped(trouble.path, trouble.reason) for trouble in troubles]
    result.lost_roots = [root for root in roots if root not in present]
    return result


def _check(roots: Sequence[str], store: Store, allow_empty: bool) -> list[str]:
    """The roots that are there. Raises FolderError naming all that cannot be walked."""
    known, problems, present = set(store.roots()), [], []
    for root in roots:
        if not os.path.lexists(root):
            if allow_empty and (root in known or store.has_photos(root)):
                continue
            hint = _UNMOUNTED if root in known else "check the spelling, or whether its disk is mounted"
            problems.append(f"no such folder: {root}; {hint}")
        elif problem := _problem(root):
            problems.append(problem)
        else:
            present.append(root)
    if problems:
        raise FolderError("; ".join(problems))
    return present


def _problem(root: str) -> str | None:
    if not os.path.isdir(root):
        return None if is_photo(root) else f"{root} is neither a folder nor a photo; name a folder of photos"
    try:
        os.scandir(root).close()
    except OSError as error:
        return f"the folder {root} cannot be read: {(error.strerror or str(error)).lower()}; check its permissions"
    return None


def _refuse_empty(
    roots: Sequence[str], entries: dict[str, Found], troubles: list[Trouble], store: Store, allow_empty: bool
) -> None:
    """An unmounted disk leaves an empty folder behind: never take that for a thousand deleted photos."""
    paths = [*entries, *(trouble.path for trouble in troubles)]
    for root in roots:
        if allow_empty or any(is_below(path, root) for path in paths):
            continue
        if store.has_photos(root):
            raise FolderError(f"{root} has become empty, but the library has photos below it; {_UNMOUNTED}")
        raise FolderError(f"no photos in {root}; name a folder that holds JPEG, PNG, WebP, TIFF or other pictures")


def _compared(store: Store, entries: dict[str, Found], roots: Sequence[str], hidden: Sequence[str]) -> Plan:
    """`entries` without what is unchanged is the work; known paths that were not found have vanished."""
    result = Plan(work=[])

    def has_vanished(path: str) -> bool:
        return not any(is_below(path, where) for where in hidden)

    for photo in store.photos(roots):
        found = entries.get(photo.path)
        if found is None:
            if has_vanished(photo.path):
                result.vanished.setdefault(photo.content_id, []).append(photo.path)
        elif (found.size, found.mtime_ns) == (photo.size, photo.mtime_ns):
            result.unchanged += 1
            result.told += [found] if stamp(found.beside) != photo.stamp else []
            del entries[photo.path]
        else:
            result.before[photo.path] = photo.content_id
    for refused in store.skipped(roots):
        found = entries.get(refused.path)
        if found is None:
            if has_vanished(refused.path):
                result.unskipped.append(refused.path)
        elif (found.size, found.mtime_ns) == (refused.size, refused.mtime_ns) and not has_reader(refused.reason):
            result.skipped.append(Skipped(refused.path, refused.reason))
            del entries[refused.path]
    result.work = list(entries.values())
    return result
