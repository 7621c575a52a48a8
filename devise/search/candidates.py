"""The photos that a search looks at exactly: all of a small library, those near to the query of a large one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from devise.index.flat import best_of_each
from devise.search.filtered import FilteredIds
from devise.search.snapshot import Snapshot
from devise.vectors import Ids, Vector, distinct

FURTHER = 4  # times as many are asked for when a filter drops too many


class Candidates(NamedTuple):
    """Of one space. among: the only photos that count; None: all."""

    snapshot: Snapshot
    space: str
    among: FilteredIds | None

    def near(self, vectors: Vector, k: int, least: int) -> Ids | None:
        """Photos near to one of the vectors (n, dim), at least `least` and some times k of them; None: look at all.

        Few photos that count are all candidates; of many, the index is asked for so many more than are wanted that
        enough of them should be among its answers; in between, a scan of whole photos tells.
        """
        among, wanted = self.among, self._wanted(k, least)
        if not len(vectors) or not self._has_index():  # all are scored
            return None if among is None else among.ids
        exact = self.snapshot.settings.search.exact_filtered
        if among is not None and among.count <= max(exact, 2 * wanted * len(vectors)):
            return among.ids
        if self._are_few(2 * wanted * len(vectors)):
            return None
        if among is None:
            found = self.snapshot.near(self.space, vectors, wanted)
            return None if found is None else _joined([hits.ids for hits in found])
        return self._near_among(among, vectors, wanted)

    def of_each(self, vectors: Vector, k: int, least: int) -> list[Ids] | None:
        """Of all photos those near to each of the vectors, apart; None: look at all."""
        wanted = self._wanted(k, least)
        found = (
            None
            if not self._has_index() or self._are_few(2 * wanted)
            else self.snapshot.near(self.space, vectors, wanted)
        )
        return None if found is None else [hits.ids for hits in found]

    def _has_index(self) -> bool:
        return self.snapshot.space(self.space).metric == "cosine"

    def _wanted(self, k: int, least: int) -> int:
        return max(self.snapshot.settings.search.candidates * k, least)

    def _are_few(self, looked_at: int) -> bool:
        """Whether all photos are looked at: where there are so few, or hardly more than would be without."""
        count = self.snapshot.num_contents
        return count < self.snapshot.settings.index.exact_below or looked_at >= count

    def _near_among(self, among: FilteredIds, vectors: Vector, wanted: int) -> Ids:
        oversampling = self.snapshot.settings.search.oversampling
        fetched = int(oversampling * wanted * self.snapshot.num_contents / among.count)
        while 4 * fetched <= among.count:
            found = self.snapshot.near(self.space, vectors, fetched)
            if found is None:
                break
            left = among.of(_joined([hits.ids for hits in found]))
            if all(np.isin(hits.ids, left, assume_unique=True).sum() >= wanted for hits in found):
                return left
            fetched *= FURTHER  # the photos that count are not those that are near
        best = best_of_each(self.snapshot.rows(self.space, among.ids), vectors, wanted)  # as wholes
        return _joined([ids for ids, _ in best])


def _joined(some: list[Ids]) -> Ids:
    return distinct(np.concatenate(some))
