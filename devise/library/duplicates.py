"""Duplicates of a library: which files show the same picture, which one to keep, and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from devise.analysis.duplicates import NEAR, SAME, SIMILAR, Found, Rows, stars
from devise.analysis.similar import similar_cosine
from devise.config import DuplicateConfig
from devise.errors import FolderError, LibraryError, counted, listed
from devise.reports import DuplicateGroup, DuplicatePhoto
from devise.search.snapshot import no_space
from devise.store.base import Rows as StoredRows
from devise.store.base import Store, together
from devise.store.paths import is_below
from devise.store.records import PhotoFacts
from devise.vectors import Ids

KINDS = (SAME, NEAR, SIMILAR)
NEEDED = ("phash", "grey", "colour")


def duplicates(
    store: Store, folders: Sequence[str | Path], up_to: str, settings: DuplicateConfig
) -> list[DuplicateGroup]:
    """As Library.duplicates: groups of one kind after the other, those with most files first."""
    if up_to not in KINDS:
        raise LibraryError(f'"{up_to}" is no kind of duplicates; it is one of {listed(KINDS)}')
    with store.snapshot():
        files = _files(store, folders)
        ids = np.array(sorted(files, key=lambda content_id: _rank(files[content_id][0])), np.int64)
        ids, rows = _rows(store, ids, with_features=up_to == SIMILAR)
    if settings.similar_cosine is None and rows.features is not None:
        settings = replace(settings, similar_cosine=measured_cosine(store))
    found = stars(rows, settings, up_to)
    groups = [_group(SAME, files, ids, keep, others) for keep, others in found[SAME].items()]
    paired = {int(ids[place]) for keep, others in found[SAME].items() for place in (keep, *(o.place for o in others))}
    groups += [
        _group(SAME, {content_id: some}, np.array([content_id]), 0, ())
        for content_id, some in files.items()
        if len(some) > 1 and content_id not in paired
    ]
    for kind in KINDS[1 : KINDS.index(up_to) + 1]:
        best = {content_id: some[:1] for content_id, some in files.items()}  # of equal files the first stands for all
        groups += [_group(kind, best, ids, keep, others) for keep, others in found[kind].items()]
    return sorted(groups, key=lambda group: (KINDS.index(group.kind), -len(group.others), group.keep.path))


def measured_cosine(store: Store) -> float | None:
    """From which cosine on photos of the library's model are similar; None: nobody has measured it."""
    model = store.model()
    return similar_cosine(model.fingerprints().get("features", "")) if model else None


def _files(store: Store, folders: Sequence[str | Path]) -> dict[int, list[PhotoFacts]]:
    """The files of each content, the one to keep first. Raises FolderError for folders that are not in the library."""
    roots = [os.path.abspath(folder) for folder in folders]
    if unknown := [root for root in roots if not store.has_photos(root)]:
        raise FolderError(f"the library has no photos in {listed(unknown)}; run: devise index {' '.join(unknown)}")
    files: dict[int, list[PhotoFacts]] = defaultdict(list)
    for photo in store.facts():
        if not roots or any(is_below(photo.path, root) for root in roots):
            files[photo.content_id].append(photo)
    return {content_id: sorted(some, key=_rank) for content_id, some in files.items()}


def _rank(photo: PhotoFacts) -> tuple[int, bool, int, int, str]:
    """Which of two to keep: more pixels, a date, more bytes, the shorter path."""
    return -photo.pixels, photo.taken is None, -photo.size, len(photo.path), photo.path


def _rows(store: Store, ids: Ids, *, with_features: bool) -> tuple[Ids, Rows]:
    """Of those ids that have all of the rows, in their order. Raises LibraryError for spaces that are missing."""
    model = store.model()
    known = {space.name: space for space in model.spaces} if model else {}
    if lacks := [name for name in NEEDED if name not in known]:
        if len(lacks) > 1:
            adds = " ".join(f"--add {name}" for name in lacks)
            raise LibraryError(f"the library {store.name} has no {listed(lacks)}; add them with: devise index {adds}")
        raise no_space(lacks[0], model)
    if with_features and "features" not in known:
        raise no_space("features", model)
    names = [*NEEDED, *(["features"] if with_features else [])]
    read = {name: together(store.vectors.rows(known[name], ids)) for name in names}
    whole = ids[np.logical_and.reduce([np.isin(ids, found) for found, _ in read.values()])]
    rows = {name: _in_order(whole, *both) for name, both in read.items()}
    if not len(whole):
        raise LibraryError(
            f"{counted(len(ids), 'photo has', 'photos have')} no {listed(NEEDED)} yet; run: devise index"
        )
    return whole, Rows(rows["phash"], rows["grey"], rows["colour"], rows.get("features"))


def _in_order(wanted: Ids, ids: Ids, rows: StoredRows) -> StoredRows:
    """ids: ascending, all that are wanted among them."""
    return rows[np.searchsorted(ids, wanted)]


def _group(
    kind: str, files: dict[int, list[PhotoFacts]], ids: Ids, keep: int, others: Iterable[Found]
) -> DuplicateGroup:
    first, *copies = files[int(ids[keep])]
    made = [_photo(copy, "equal bytes") for copy in copies]
    for other in others:
        made += [_photo(file, other.how, other.distance) for file in files[int(ids[other.place])]]
    seconds = [*copies, *(file for other in others for file in files[int(ids[other.place])])]
    return DuplicateGroup(kind, _photo(first), _why(first, seconds), tuple(made))


def _photo(file: PhotoFacts, how: str = "", distance: float = 0.0) -> DuplicatePhoto:
    return DuplicatePhoto(file.path, file.size, file.pixels, file.taken, how, distance)


def _why(keep: PhotoFacts, others: Sequence[PhotoFacts]) -> str:
    """What it has more of than all others, in the order in which that counts."""
    if all(keep.pixels > other.pixels for other in others):
        return "most pixels"
    rivals = [other for other in others if other.pixels == keep.pixels]
    if keep.taken is not None and all(other.taken is None for other in rivals):
        return "says when it was taken"
    rivals = [other for other in rivals if (other.taken is None) == (keep.taken is None)]
    if all(keep.size > other.size for other in rivals):
        return "most bytes"
    rivals = [other for other in rivals if other.size == keep.size]
    return "shortest path" if all(len(keep.path) < len(other.path) for other in rivals) else "first by its path"
