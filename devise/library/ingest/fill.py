"""A space for photos that are in the library already: their files are read again, and no network is opened.

The library says which spaces are not yet complete. Whatever stops a pass, what it has stored stays good, and the next
run goes on with the photos that still lack a row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from devise.config import PhotoConfig, Settings
from devise.descriptors.looks import RESIZE, SIZE, Looks, looks_of, space_of
from devise.errors import LibraryError, PhotoError, counted, listed
from devise.library.ingest.prefetch import Pixels
from devise.photos import load, read
from devise.progress import Progress
from devise.store import backup
from devise.store.base import Store
from devise.store.digest import digest_of
from devise.vectors import Ids


def add(store: Store, names: Sequence[str]) -> None:
    """Looks by their names to a library that has a model. Raises LibraryError where another space is called so."""
    model = store.model()
    if model is None or not names:
        return
    known, wanted = {space.name: space for space in model.spaces}, Looks(names).spaces
    if taken := [space.name for space in wanted if known.get(space.name, space) != space]:
        raise LibraryError(
            f'the library {store.name} has a space {listed(taken)} of the model "{model.name}"; it can have no other'
        )
    new = tuple(space for space in wanted if space.name not in known)
    if new:
        with store.transaction():
            store.set_model(replace(model, spaces=(*model.spaces, *new)), store.labels())
            store.set_unfinished([*store.unfinished(), *(space.name for space in new)])
            store.next_revision()
        backup.keep(store)


def fill(store: Store, progress: Progress, settings: Settings) -> int:
    """Rows in the spaces that are not yet complete, for photos whose files are at hand. How many got some."""
    if not store.unfinished():
        return 0
    names = store.unfinished()
    lacking = np.unique(np.concatenate([store.vectors.lacking(space_of(name)) for name in names]))
    filled, looks, size = 0, looks_of(map(space_of, names)), settings.ingest.batch
    progress.worked(0, len(lacking))
    with ThreadPoolExecutor(min(settings.ingest.max_threads, (os.cpu_count() or 1) + 1)) as threads:
        for done, some in _each_batch(lacking, size):
            read_again = threads.map(lambda asked: _pixels(asked, settings.photos), _asked(store, some))
            pixels = {content_id: photo for content_id, photo in read_again if photo is not None}
            if looks and pixels:
                _put(store, looks, pixels)
            filled += len(pixels)
            progress.worked(done, len(lacking))
    if filled == len(lacking):
        with store.transaction():
            store.set_unfinished(())
    else:
        left = counted(len(lacking) - filled, "photo could", "photos could")
        progress.note(f"{left} not be read and so have no {listed(names)} yet; the next devise index tries again")
    return filled


def _each_batch(ids: Ids, size: int) -> Iterator[tuple[int, Ids]]:
    """How many are done after it, and those of it."""
    return ((min(start + size, len(ids)), ids[start : start + size]) for start in range(0, len(ids), size))


class _Asked(NamedTuple):
    """A content, and where it may lie."""

    content_id: int
    digest: bytes
    paths: list[str]


def _asked(store: Store, ids: Ids) -> list[_Asked]:
    paths = store.paths_of(ids)
    return [_Asked(i, store.hash_of_content(i), paths.get(i, [])) for i in ids.tolist()]


def _pixels(asked: _Asked, limits: PhotoConfig) -> tuple[int, Pixels | None]:
    """Of the first of its files that is as it was; None: there is none."""
    for path in asked.paths:
        try:
            data = read(path, limits)
            if digest_of(data) == asked.digest:
                return asked.content_id, load(data, size=SIZE, resize=RESIZE, path=path, limits=limits)
        except PhotoError:
            continue
    return asked.content_id, None


def _put(store: Store, looks: Looks, pixels: dict[int, Pixels]) -> None:
    """All rows of a batch, or none of them."""
    rows, ids = looks.encode(np.stack([*pixels.values()])), np.array([*pixels])
    with store.transaction():
        for space in looks.spaces:
            store.vectors.put(space, ids, rows[space.name])
        store.next_revision()
