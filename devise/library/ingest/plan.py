"""What an indexing run has to do: compare the walk of the folders with what the library knows, by stat alone."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devise.errors import FolderError, listed
from devise.photos import DECODING, Found, Trouble, find, has_reader, is_photo, stamp
from devise.progress import Progress
from devise.reports import Skipped
from devise.store.base import Store
from devise.store.paths import is_below, lineage
from devise.store.records import Photo, Refused

WALK_STEP = 100  # photos between two calls of Progress.walked

_UNMOUNTED = (
    "is its disk mounted? Nothing was removed. Mount it again, or index the other folders by name; "
    "to remove its photos from the library add --allow-empty"
)
_ABSENT = "is its disk mounted? Its photos stay in the library; to remove them add --allow-empty"


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
    retries: bool = False  # what older readers refused is tried again


def plan(store: Store, folders: Sequence[str | Path], *, allow_empty: bool, rehash: bool, progress: Progress) -> Plan:
    """Walk `folders` and say what has changed. Raises FolderError before anything is written.

    rehash: size and time of a file do not tell whether it has changed, so that all are read.
    A folder that was indexed before and is absent, as its disk may be, is reported, and the others are read.
    """
    roots = [os.path.abspath(folder) for folder in folders]
    found = _check(roots, store, allow_empty)
    entries: dict[str, Found] = {}
    troubles: list[Trouble] = list(found.absent)
    for entry in find(found.present):
        if isinstance(entry, Trouble):
            troubles.append(entry)
            continue
        entries[entry.path] = entry
        if len(entries) % WALK_STEP == 0:
            progress.walked(len(entries))
    progress.walked(len(entries))
    if not allow_empty:
        troubles += _emptied(found, [*entries, *(trouble.path for trouble in troubles)], store)
    hidden = {trouble.path for trouble in troubles if trouble.hides}
    retries = store.refused_by() != DECODING
    result = compared(store.photos(roots), () if retries else store.skipped(roots), entries, hidden, rehash)
    result.retries = retries
    result.skipped += [Skipped(trouble.path, trouble.reason) for trouble in troubles]
    result.lost_roots = found.lost
    return result


@dataclass(frozen=True)
class _Roots:
    """present: can be walked; lost: gone for good; absent: known, and perhaps on a disk that is not there."""

    present: list[str]
    lost: list[str]
    absent: list[Trouble]
    known: frozenset[str]


def _check(roots: Sequence[str], store: Store, allow_empty: bool) -> _Roots:
    """Raises FolderError naming all that cannot be walked, unless some can and the others were walked before."""
    known, problems = frozenset(store.roots()), []
    found = _Roots([], [], [], known)
    for root in roots:
        if not os.path.lexists(root):
            is_known = root in known or store.has_photos(root)
            if is_known and (allow_empty or _is_deleted_photo(root, store)):
                found.lost.append(root)
            elif root in known:
                found.absent.append(Trouble(root, f"there is no such folder; {_ABSENT}", hides=True))
            else:
                problems.append(f"no such folder: {root}; check the spelling, or whether its disk is mounted")
        elif problem := _problem(root):
            problems.append(problem)
        else:
            found.present.append(root)
    if problems or (found.absent and not found.present):
        absent = [f"no such folder: {trouble.path}; {_UNMOUNTED}" for trouble in found.absent]
        raise FolderError("; ".join([*absent, *problems]))
    return found


def _is_deleted_photo(root: str, store: Store) -> bool:
    """Whether a photo that was indexed by its name is gone from a folder that is there."""
    is_file = is_photo(root) and all(photo.path == root for photo in store.photos([root]))
    return is_file and os.path.isdir(os.path.dirname(root))


def _problem(root: str) -> str | None:
    if not os.path.isdir(root):
        return None if is_photo(root) else f"{root} is neither a folder nor a photo; name a folder of photos"
    try:
        os.scandir(root).close()
    except OSError as error:
        return f"the folder {root} cannot be read: {(error.strerror or str(error)).lower()}; check its permissions"
    return None


def _emptied(found: _Roots, paths: list[str], store: Store) -> list[Trouble]:
    """The roots without a photo: an unmounted disk leaves an empty folder behind, never a thousand deleted photos.

    Raises FolderError where all that could be read is such a folder, and for one without photos that is new.
    """
    paths.sort()
    empty = [root for root in found.present if not _holds(paths, root)]
    emptied = [root for root in empty if store.has_photos(root)]
    if emptied and len(empty) == len(found.present):
        raise FolderError(f"{listed(emptied)} has become empty, but the library has photos below it; {_UNMOUNTED}")
    for root in empty:
        if root not in emptied and (root not in found.known or len(empty) == len(found.present)):
            raise FolderError(f"no photos in {root}; name a folder that holds JPEG, PNG, WebP, TIFF or other pictures")
    return [Trouble(root, f"the folder has become empty; {_ABSENT}", hides=True) for root in emptied]


def _holds(paths: Sequence[str], root: str) -> bool:
    """Whether one of the sorted paths is the root or stands below it."""
    for start in (root, root.rstrip(os.sep) + os.sep):
        place = bisect_left(paths, start)
        if place < len(paths) and is_below(paths[place], root):
            return True
    return False


def compared(
    photos: Iterable[Photo], skipped: Iterable[Refused], entries: dict[str, Found], hidden: Container[str], rehash: bool
) -> Plan:
    """`entries` without what is unchanged is the work; known paths that were not found have vanished."""
    result = Plan(work=[])

    def has_vanished(path: str) -> bool:
        return not any(folder in hidden for folder in lineage(path))

    for photo in photos:
        found = entries.get(photo.path)
        if found is None:
            if has_vanished(photo.path):
                result.vanished.setdefault(photo.content_id, []).append(photo.path)
        elif not rehash and (found.size, found.mtime_ns) == (photo.size, photo.mtime_ns):
            result.unchanged += 1
            result.told += [found] if stamp(found.beside) != photo.stamp else []
            del entries[photo.path]
        else:
            result.before[photo.path] = photo.content_id
    for refused in skipped:
        found = entries.get(refused.path)
        if found is None:
            if has_vanished(refused.path):
                result.unskipped.append(refused.path)
        elif not rehash and _is_as_refused(found, refused):
            result.skipped.append(Skipped(refused.path, refused.reason))
            del entries[refused.path]
    result.work = list(entries.values())
    return result


def _is_as_refused(found: Found, refused: Refused) -> bool:
    return (found.size, found.mtime_ns) == (refused.size, refused.mtime_ns) and not has_reader(refused.reason)
