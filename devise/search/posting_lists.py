"""Posting lists of a library's sparse rows: made at the first search, kept till the library changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from devise.index.inverted import InvertedIndex
from devise.search.vector_cache import Moment
from devise.store.base import Store
from devise.vectors import Vector


class PostingLists:
    """Of one space, for all threads. weighed: what the numbers of rows count, before how rare their dimension is."""

    def __init__(self, space: str, weighed: Callable[[Vector], Vector] = lambda rows: rows) -> None:
        self.space, self._weighed, self._turn = space, weighed, threading.Lock()
        self._known: tuple[Moment, InvertedIndex] | None = None

    def index(self, store: Store) -> InvertedIndex:
        """As of the store's snapshot. Rows count by tf-idf: scores are cosines."""
        space = store.space(self.space)
        moment = Moment.of(store, space)
        with self._turn:
            if self._known is None or self._known[0] != moment:
                index = InvertedIndex(space.dim, is_tfidf=True)
                for ids, rows in store.vectors.rows(space):
                    index.add(ids, self._weighed(rows))
                self._known = moment, index
            return self._known[1]
