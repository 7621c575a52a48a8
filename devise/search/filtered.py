"""The photos that a filter leaves, asked of the store no further than a search needs."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from devise.store.base import Store
from devise.store.filter import Filter
from devise.vectors import Ids


class FilteredIds:
    """Think of it as the contents that `where` is true of: how many, all of them, or those among some."""

    def __init__(self, store: Store, where: Filter) -> None:
        self._store, self._where = store, where

    @cached_property
    def count(self) -> int:
        """Counting takes a tenth of the time of naming them."""
        return self._store.count(self._where)

    @cached_property
    def ids(self) -> Ids:
        """All, ascending."""
        return self._store.ids(self._where)

    def of(self, ids: Ids) -> Ids:
        """Those among `ids`, ascending."""
        return np.array(sorted(self._store.paths_of(ids, self._where)), dtype=np.int64)

    def after(self, content_id: int) -> Ids:
        """Those younger than a content, ascending."""
        return self._store.ids(self._where, after=content_id)
