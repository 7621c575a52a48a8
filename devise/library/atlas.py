"""The map of a library: where each photo stands, in which group, and what the groups are called."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from devise.analysis.clusters import groups, nearest, num_groups
from devise.analysis.map2d import METHODS, fitted, placed, usual_method
from devise.config import user_cache
from devise.errors import DeviseError, LibraryError, needed
from devise.files import replacing
from devise.library.resources import Resources
from devise.reports import PhotoMap
from devise.store.base import together
from devise.store.location import Location
from devise.vectors import Ids, Vector, unit

GROWN = 1.5  # times as many photos as were fitted: then the map is made anew
NAMES = 3  # words that are thought of for a group


def photo_map(resources: Resources, space: str, method: str | None, num: int | None, seed: int) -> PhotoMap:
    """As Library.map. What was fitted is kept in the user's cache, so that new photos only find their place."""
    needed("a map", "sklearn")
    method = method or usual_method()
    if method not in METHODS:
        raise LibraryError(f'there is no map by "{method}"; choose from: {", ".join(METHODS)}')
    if method == "tsne":
        needed("a map by tsne", "openTSNE")
    store = resources.store()
    with store.snapshot():
        ids, rows = together(store.vectors.rows(store.space(space)))
    fingerprint = resources.model_info().space(space).fingerprint
    file = _file(resources.path, f"{space} {method} {num} {seed} {fingerprint}")
    kept = _read(file, ids)
    if kept is None:
        places = fitted(rows, method, seed)
        numbers, centres = groups(rows, min(len(rows), num or num_groups(len(rows))), seed)
        _write(file, ids, places, centres)
    else:
        known, places_known, centres = kept
        places, numbers = _grown(ids, rows, known, places_known, centres)
    used, among = np.unique(numbers, return_inverse=True)  # all photos of a group may have gone
    centres, numbers = centres[used], among.astype(np.int32)
    middles = unit(centres) if space == "words" else _in_words(resources, ids, numbers, len(centres))
    return PhotoMap(ids=ids, places=places, groups=numbers, names=_names(resources, middles))


def _grown(ids: Ids, rows: Vector, known: Ids, places: Any, centres: Vector) -> tuple[Any, Any]:
    """The places that are known, and those of new photos between them."""
    at = np.searchsorted(known, ids)
    is_known = (at < len(known)) & (known[np.minimum(at, len(known) - 1)] == ids)
    found = np.empty((len(ids), 2), np.float32)
    found[is_known] = places[at[is_known]]
    found[~is_known] = placed(rows[~is_known], rows[is_known], found[is_known])
    return found, nearest(rows, centres)


def _names(resources: Resources, centres: Vector) -> tuple[str, ...]:
    """Of each group the word that is truest of its middle, as long as no larger group has it."""
    taken: list[str] = []
    try:
        tagger = resources.tagger(False)
        found = [[tag.word for tag in tagger.tags(centre, NAMES)] for centre in centres]
    except DeviseError:  # the word vectors are not at hand
        found = [[] for _ in centres]
    for words in found:
        if not words:
            taken.append(f"group {len(taken) + 1}")
            continue
        numbered = (f"{words[0]} {number}" for number in range(2, len(found) + 2))
        taken.append(next(name for name in (*words, *numbered) if name not in taken))
    return tuple(taken)


def _in_words(resources: Resources, ids: Ids, numbers: Any, count: int) -> Vector:
    """The middles of groups in the words space, (groups, dim); rows of zeros where a library has none."""
    store = resources.store()
    try:
        known, rows = together(store.vectors.rows(store.space("words"), ids))
    except DeviseError:
        return np.zeros((count, 1), np.float32)
    group = numbers[np.searchsorted(ids, known)]
    return unit(np.stack([rows[group == number].sum(0) for number in range(count)]))


def _file(library: Location, what: str) -> Path:
    place = os.path.realpath(library) if isinstance(library, Path) else str(library)
    name = sha256(f"{place} {what}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return user_cache() / "maps" / f"{name}.npz"


def _read(file: Path, ids: Ids) -> tuple[Ids, Any, Vector] | None:
    """None where nothing is kept, or too few of the photos were there when it was made."""
    with suppress(Exception):  # whatever is wrong with a file of the cache: it is made again
        with np.load(file, allow_pickle=False) as kept:
            known, places, centres = kept["ids"], kept["places"], kept["centres"]
        shared = len(np.intersect1d(known, ids))
        if len(places) == len(known) and shared and len(ids) <= GROWN * shared:
            return known, places, centres
    return None


def _write(file: Path, ids: Ids, places: Any, centres: Vector) -> None:
    with suppress(DeviseError), replacing(file, 0o600) as temporary, temporary.open("wb") as out:
        np.savez(out, ids=ids, places=places, centres=centres)
