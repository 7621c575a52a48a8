"""What a search needs to know of a library beside the rows that it reads: looked up again only after a write."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from devise.errors import LibraryError
from devise.library.store import Store
from devise.vectors import ModelInfo, Space

if TYPE_CHECKING:
    from devise.library.graphs import Opened
    from devise.library.nearby import Nearby


class Facts:
    """Of one snapshot of a library. Cheap to make: each fact is read when it is asked for.

    before: the facts of an earlier snapshot, whose graphs are taken over where they are the same.
    """

    def __init__(self, store: Store, before: Facts | None = None) -> None:
        self._store = store
        self._opened: Opened | None = before._opened if before else None
        self._nearby: dict[str, Nearby | None] = {}

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
            from devise.library.graphs import Opened  # which small libraries need not

            self._opened = self._opened or Opened(self._store)
            self._nearby[space] = self._opened.nearby(self.space(space))
        return self._nearby[space]
