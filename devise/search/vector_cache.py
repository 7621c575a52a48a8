"""The vectors of a space in memory: a program that asks often reads each of them once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from devise.store.sqlite.store import Store
from devise.vectors import Ids, Vector


class Held(NamedTuple):
    """Of one snapshot. ids: (n,), ascending; rows: (n, dim), exactly what the store gives."""

    ids: Ids
    rows: Vector

    @classmethod
    def of(cls, store: Store, space: str, count: int, dim: int) -> Held:
        """All `count` vectors. Raises LibraryError where they are damaged."""
        ids, rows = np.empty(count, np.int64), np.empty((count, dim), np.float32)
        at = 0
        for some, theirs in store.scan(space):
            ids[at : at + len(some)], rows[at : at + len(some)] = some, theirs
            at += len(some)
        return cls(ids[:at], rows[:at])

    def vectors(self, ids: Ids) -> tuple[Ids, Vector]:
        """As the store's: those of the ids that are there, ascending, and their rows: (n,), (n, dim)."""
        wanted = np.sort(ids)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        at = at[self.ids[at] == wanted]
        return self.ids[at], self.rows[at]
