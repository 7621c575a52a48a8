"""What a search needs to know of a library beside the rows that it reads: looked up again only after a write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from devise import config
from devise.errors import LibraryError
from devise.index.flat import pieces
from devise.spaces import ModelInfo, Space
from devise.store.sqlite.store import CHUNK, Store
from devise.vectors import Ids, Vector

if TYPE_CHECKING:
    from devise.search.maintain import Opened
    from devise.search.space_index import Nearby
    from devise.search.vector_cache import Held


class Facts:
    """Of one snapshot of a library. Cheap to make: each fact is read when it is asked for.

    before: the facts of an earlier snapshot, whose graphs are taken over where they are the same.
    """

    def __init__(self, store: Store, before: Facts | None = None) -> None:
        self._store = store
        self._opened: Opened | None = before._opened if before else None
        self._nearby: dict[str, Nearby | None] = {}
        self._held: dict[str, Held | None] = {}
        self._asked: Counter[str] = Counter()

    @cached_property
    def model(self) -> ModelInfo | None:
        return self._store.model()

    @cached_property
    def num_contents(self) -> int:
        return self._store.num_contents()

    def space(self, name: str) -> Space:
        """Raises LibraryError for one that the library's model does not know."""
        spaces = {known.name: known for known in self.model.spaces} if self.model else {}
        if name not in spaces:
            raise LibraryError(f'the library has no space "{name}"; it has: {", ".join(spaces) or "none"}')
        return spaces[name]

    def nearby(self, space: str) -> Nearby | None:
        """None: there is no good graph; look at all photos."""
        if space not in self._nearby:
            from devise.search.maintain import Opened  # which small libraries need not

            self._opened = self._opened or Opened(self._store)
            self._nearby[space] = self._opened.nearby(self.space(space))
        return self._nearby[space]

    def rows(self, space: str, ids: Ids | None) -> Iterator[tuple[Ids, Vector]]:
        """The vectors of those ids that are still there, ascending, in chunks; None: of all."""
        if held := self._all_of(space):
            ids, rows = held if ids is None else held.vectors(ids)
            yield from zip(pieces(ids, CHUNK), pieces(rows, CHUNK), strict=True)
        elif ids is None:
            yield from self._store.scan(space)
        else:
            yield from (self._store.vectors(space, some) for some in pieces(np.sort(ids), CHUNK))

    def _all_of(self, space: str) -> Held | None:
        """All vectors in memory, where they are not too many, and from when on that would have saved time.

        What a search saves by it takes as long as putting some hundred vectors into memory.
        """
        if space not in self._held:
            self._asked[space] += 1
            if self._asked[space] <= max(config.SCANS, self.num_contents // config.HELD_AFTER):
                return None
            self._held[space] = self._hold(self.space(space))
        return self._held[space]

    def _hold(self, space: Space) -> Held | None:
        if 4 * space.dim * self.num_contents > config.HELD_BYTES:
            return None
        from devise.search.vector_cache import Held  # which a program that asks once need not

        try:
            return Held.of(self._store, space.name, self.num_contents, space.dim)
        except LibraryError:  # damage is told by the searches that come near to it
            return None
