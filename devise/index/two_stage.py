"""All vectors of a graph in memory, compared with queries that a graph leads astray: first by half of their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Ids, Vector

STRONG = 64  # of 128 numbers, the last ones, of the strongest directions: 0.6 of the time of all at once
FURTHER = 15  # times k more of those are scored by all numbers: 640 of 100,000 hold 0.999 of a word's ten nearest
MOST_FURTHER = 100  # of k: who asks for a thousand wants what is near, not the last one of them


class Halves(NamedTuple):
    """Of n vectors (n,) ids, (n, 64) their strongest numbers and (n, rest) the others, in half precision."""

    ids: Ids
    strong: Vector
    weak: NDArray[np.float16]

    @classmethod
    def of(cls, pieces: Iterable[tuple[Ids, Vector]], count: int, dim: int) -> Halves:
        """pieces: ids and their (some, dim) vectors, `count` of them at most."""
        width, at = max(0, dim - STRONG), 0
        ids = np.empty(count, np.int64)
        strong, weak = np.empty((count, dim - width), np.float32), np.empty((count, width), np.float16)
        for some, rows in pieces:
            end = at + len(some)
            ids[at:end], strong[at:end], weak[at:end] = some, rows[:, width:], rows[:, :width]
            at = end
        return cls(ids[:at], strong[:at], weak[:at])

    @staticmethod
    def num_bytes(count: int, dim: int) -> int:
        """How much memory so many vectors take."""
        return count * (4 * min(dim, STRONG) + 2 * max(0, dim - STRONG))

    def without(self, ids: Ids) -> Halves:
        live = ~np.isin(self.ids, ids)
        if live.all():
            return self
        return Halves(self.ids[live], self.strong[live], self.weak[live])

    def nearest(self, vectors: Vector, k: int) -> list[Ids]:
        """For each of (q, dim) vectors the ids of the k highest inner products, in no order."""
        width = self.weak.shape[1]
        more = FURTHER * min(k, MOST_FURTHER) if width else 0
        found = []
        for vector, scores in zip(vectors, vectors[:, width:] @ self.strong.T, strict=True):
            best = highest(scores, k + more)
            if more:
                best = best[highest(scores[best] + self.weak[best].astype(np.float32) @ vector[:width], k)]
            found.append(self.ids[best])
        return found


def highest(scores: Vector, k: int) -> NDArray[np.int64]:
    """The places of the k highest of (n,) scores, in no order; k above n gives all."""
    at = max(0, len(scores) - k)
    return np.argpartition(scores, at)[at:] if at else np.arange(len(scores))
