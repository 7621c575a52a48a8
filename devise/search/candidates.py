"""The photos that a search looks at exactly: all of a small library, those near to the query of a large one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from devise import config
from devise.index.flat import best_of_each
from devise.search.filtered import Among
from devise.search.snapshot import Facts
from devise.vectors import Ids, Vector

FURTHER = 4  # times as many are asked for when a filter drops too many


class Candidates(NamedTuple):
    """Of one space. among: the only photos that count; None: all."""

    facts: Facts
    space: str
    among: Among | None

    def near(self, vectors: Vector, k: int, least: int) -> Ids | None:
        """Photos near to one of the vectors (n, dim), at least `least` and some times k of them; None: look at all.

        Few photos that count are all candidates; of many, the graph is asked for so many more than are wanted that
        enough of them should be among its answers; in between, a scan of whole photos tells.
        """
        among, count, wanted = self.among, self.facts.num_contents, max(config.CANDIDATES * k, least)
        if not len(vectors):  # all is pushed away
            return None if among is None else among.ids
        if among is not None and among.count <= max(config.EXACT_AMONG, 2 * wanted * len(vectors)):
            return among.ids
        if count < config.EXACT_BELOW or 2 * wanted * len(vectors) >= count:
            return None
        nearby = self.facts.nearby(self.space)
        if among is None:
            found = None if nearby is None else nearby.search(vectors, wanted)
            return None if found is None else np.unique(np.concatenate(found))
        fetched = int(config.OVER_FETCH * wanted * count / among.count)
        while nearby is not None and 4 * fetched <= among.count:
            found = nearby.search(vectors, fetched)
            if found is None:
                break
            left = among.of(np.unique(np.concatenate(found)))
            if all(np.isin(ids, left).sum() >= wanted for ids in found):
                return left
            fetched *= FURTHER  # the photos that count are not those that are near
        return self._nearest_of(among.ids, vectors, wanted)

    def of_each(self, vectors: Vector, k: int, least: int) -> list[Ids] | None:
        """Of all photos those near to each of the vectors, apart; None: look at all."""
        count, wanted = self.facts.num_contents, max(config.CANDIDATES * k, least)
        if count < config.EXACT_BELOW or 2 * wanted >= count:
            return None
        nearby = self.facts.nearby(self.space)
        return None if nearby is None else nearby.search(vectors, wanted)

    def _nearest_of(self, ids: Ids, vectors: Vector, wanted: int) -> Ids:
        """Of some photos the `wanted` nearest ones to each vector, as wholes."""
        best = best_of_each(self.facts.rows(self.space, ids), vectors, wanted)
        return np.unique(np.concatenate([some for some, _ in best]))
