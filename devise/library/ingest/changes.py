"""What a run has to do about some paths that are said to have changed, without a walk of all folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from devise.library.ingest.plan import Plan, compared
from devise.photos import Found, Trouble, find_below
from devise.photos.ignore import IGNORE_FILE
from devise.reports import Skipped
from devise.store.base import Store
from devise.store.paths import is_below, lineage, outermost
from devise.store.records import Photo, Refused


def plan_changes(store: Store, paths: Iterable[str]) -> Plan:
    """As a walk would find it in the folders that the paths stand in, and in those that they are.

    Paths of no folder of the library are left out. A root that is absent or has become empty, as when its disk was
    taken away, loses no photo.
    """
    roots = outermost(store.roots())
    scopes = _scopes(
        {path: root for path in paths for root in roots if is_below(path, root) and _is_there(store, root)}
    )
    entries: dict[str, Found] = {}
    troubles: list[Trouble] = []
    for folder, (root, deep) in scopes.items():
        for entry in find_below(root, folder, deep=deep):
            if isinstance(entry, Found):
                entries[entry.path] = entry
            else:
                troubles.append(entry)
    hidden = {trouble.path for trouble in troubles if trouble.hides}
    photos: dict[str, Photo] = {}  # a path that is gone may stand in two of the scopes
    skipped: dict[str, Refused] = {}
    for folder, (_, deep) in scopes.items():
        photos |= {one.path: one for one in store.photos([folder]) if _is_meant(one.path, folder, deep)}
        skipped |= {one.path: one for one in store.skipped([folder]) if _is_meant(one.path, folder, deep)}
    result = compared(photos.values(), skipped.values(), entries, hidden, rehash=False)
    result.skipped += [Skipped(trouble.path, trouble.reason) for trouble in troubles]
    return result


def _is_there(store: Store, root: str) -> bool:
    try:
        with os.scandir(root) as entries:
            return any(entries) or not store.has_photos(root)
    except OSError:
        return os.path.isfile(root)


def _scopes(path_to_root: dict[str, str]) -> dict[str, tuple[str, bool]]:
    """Folder -> its root, and whether what is below it counts as well; none is below one that counts so."""
    found: dict[str, tuple[str, bool]] = {}
    for path, root in path_to_root.items():
        for folder, deep in _places(path, root):
            found[folder] = root, deep or found.get(folder, (root, False))[1]
    deep_ones = {folder for folder, (_, deep) in found.items() if deep}
    return {
        folder: scope
        for folder, scope in found.items()
        if not any(above in deep_ones for above in lineage(os.path.dirname(folder)) if above != folder)
    }


def _places(path: str, root: str) -> Iterator[tuple[str, bool]]:
    if os.path.isdir(path):
        yield path, True
    elif os.path.basename(path) == IGNORE_FILE and path != root:
        yield os.path.dirname(path), True
    elif path == root:
        yield os.path.dirname(path), False
    else:
        gone = path
        while not os.path.isdir(os.path.dirname(gone)) and os.path.dirname(gone) != root:
            gone = os.path.dirname(gone)
        if not os.path.lexists(gone):
            yield gone, True  # a photo, or a folder with photos below it
        yield os.path.dirname(gone), False


def _is_meant(path: str, folder: str, deep: bool) -> bool:
    return deep or os.path.dirname(path) == folder
