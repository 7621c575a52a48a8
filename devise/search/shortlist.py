"""The best photos of each kind while all candidates go by: likely ones, less certain ones, those of either side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from devise.index.flat import Scores, top
from devise.vectors import Ids

TURN = 0.5  # least probability of photos that take turns: more likely than not what one side asks for
LIKELY, UNCERTAIN = -1, -2  # kinds; from 0 on: sides of which either will do
T = TypeVar("T")


class Shortlist:
    """Think of it as a page that has room for k photos of each kind."""

    def __init__(self, k: int) -> None:
        self._k, self._best = k, dict[int, tuple[Ids, Scores]]()

    def add(self, ids: Ids, scores: Scores, kinds: NDArray[np.int64]) -> None:
        """ids, scores, kinds: (n,), of some photos more."""
        for kind in sorted({*kinds.tolist()}):  # the first call of np.unique takes 60 ms
            mine = kinds == kind
            before = [self._best[kind]] if kind in self._best else []
            self._best[kind] = top(iter([*before, (ids[mine], scores[mine])]), self._k)

    @property
    def num_certain(self) -> int:
        return sum(len(ids) for kind, (ids, _) in self._best.items() if kind != UNCERTAIN)

    def kinds(self) -> list[tuple[int, Ids, Scores]]:
        """Each kind with its photos, those of sides first, in the order in which these were asked for."""
        return [(kind, *self._best[kind]) for kind in sorted(self._best, key=lambda kind: (kind < 0, abs(kind)))]


def in_turns(lists: Sequence[Iterable[T]]) -> list[T]:
    """The first of each, then the second of each, and so on.

    >>> in_turns(["abc", "x"])
    ['a', 'x', 'b', 'c']
    """
    missing = object()
    return [each for row in zip_longest(*lists, fillvalue=missing) for each in row if each is not missing]  # type: ignore[misc]
