"""Photos of the same place or thing: visual words name candidates, and those whose corners lie alike come first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from devise.descriptors.local import Corners, corners, num_fitting
from devise.descriptors.looks import LOCAL, RESIZE, SIZE
from devise.errors import PhotoError
from devise.results import Answer, Match, Note
from devise.search.answer import no_photo
from devise.search.filtered import FilteredIds
from devise.search.posting_lists import PostingLists
from devise.store.base import Store
from devise.store.filter import Filter

if TYPE_CHECKING:
    from devise.config import PhotoConfig
    from devise.library.query_photos import QueryPhotos
    from devise.photos.inputs import PhotoInput
    from devise.search.searcher import Searcher

VERIFIED = 20  # candidates whose files are read: SIFT takes 10 to 30 ms a photo


class LocalSearch:
    """Posting lists of a library's visual words, read once for all searches until the library changes."""

    def __init__(self, store: Callable[[], Store], searcher: Callable[[], Searcher], limits: PhotoConfig) -> None:
        """store, searcher: those of the thread that asks."""
        self._store, self._searcher, self._limits = store, searcher, limits
        self._lists = PostingLists(LOCAL, np.sqrt)

    def similar(self, photos: QueryPhotos, photo: PhotoInput, k: int, where: Filter) -> Answer[Match]:
        """The k photos that share most: of each score the whole part is how many corners lie as in `photo`, at least
        eight or none, the rest the cosine of visual words by tf-idf.
        """
        store = self._store()
        content_id, row = photos.row(photo, LOCAL)
        among = FilteredIds(store, where).ids if where else None
        (hits,) = self._lists.index(store).search(np.sqrt(row), max(k, VERIFIED) + 1, among=among)
        found = [
            (i, score) for i, score in zip(hits.ids.tolist(), hits.scores.tolist(), strict=True) if i != content_id
        ]
        paths = store.paths_of(np.array([i for i, _ in found], np.int64), where)
        asked, matches = corners(photos.pixels(photo, SIZE, RESIZE)), list[Match]()
        for place, (i, score) in enumerate(found):
            fits = self._fitting(asked, sorted(paths.get(i, ()))) if place < VERIFIED else 0
            matches += [Match(path, fits + score) for path in paths.get(i, ())]
        matches = sorted(matches, key=lambda match: (-match.score, match.path))[:k]
        notes = [] if matches else [Note("nothing", no_photo(self._searcher(), where) or "no photo besides it", {})]
        return Answer.of(matches, notes)

    def _fitting(self, asked: Corners, paths: list[str]) -> int:
        """Of the first file that can be read."""
        from devise.photos import load, read

        for path in paths:
            try:
                pixels = load(read(path, self._limits), size=SIZE, resize=RESIZE, path=path, limits=self._limits)
            except PhotoError:
                continue
            return num_fitting(asked, corners(pixels))
        return 0
