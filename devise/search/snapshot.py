"""What a search needs to know of a library beside the rows that it reads: looked up again only after a write."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from devise.config import IndexConfig, Settings
from devise.errors import LibraryError
from devise.index.base import UnusableIndexError
from devise.index.flat import pieces
from devise.spaces import ModelInfo, Space
from devise.store.base import CHUNK, EmbeddedStore, Store, embedded
from devise.store.regions import Regions
from devise.vectors import Hits, Ids, Vector, distinct

if TYPE_CHECKING:
    from devise.search.posting_lists import PostingLists
    from devise.search.regions_cache import RegionsCache
    from devise.search.space_index import IndexCache, SpaceIndex
    from devise.search.vector_cache import Moment, VectorCache


def no_space(name: str, model: ModelInfo | None) -> LibraryError:
    """What is said of a space that a library does not have, and how to have it."""
    from devise.descriptors.looks import is_known

    has = ", ".join(space.name for space in model.spaces) if model else "none"
    remedy = f"; add it with: devise index --add {name}" if is_known(name) else ""
    return LibraryError(f'the library has no space "{name}"; it has: {has}{remedy}')


class Shared:
    """What searchers of one library have in memory, whichever thread they are in: indices, and vectors of a moment."""

    def __init__(self, settings: IndexConfig) -> None:
        self._settings = settings
        self._lock = Lock()
        self._indices: IndexCache | None = None
        self._vectors: dict[str, tuple[Moment, VectorCache]] = {}
        self._regions: dict[str, tuple[tuple[object, ...], RegionsCache]] = {}
        self._num_reads: Counter[str] = Counter()
        self._lists: dict[str, PostingLists] = {}

    def posting_lists(self, space: str) -> PostingLists:
        """Of a space of sparse rows."""
        from devise.search.posting_lists import PostingLists  # which most libraries need not

        with self._lock:
            return self._lists.setdefault(space, PostingLists(space))

    def index_of(self, store: EmbeddedStore, space: Space) -> SpaceIndex | None:
        """As IndexCache does."""
        from devise.search.space_index import IndexCache  # which small libraries need not

        with self._lock:
            self._indices = self._indices or IndexCache(self._settings)
        return self._indices.index_of(store, space)

    def regions_of(self, store: Store, space: Space, made_by: tuple[str, ...]) -> RegionsCache | None:
        """What has been read of a library that those models filled; None: nobody has asked often enough."""
        with self._lock:
            self._num_reads[space.name] += 1
            if self._num_reads[space.name] <= self._settings.scans:
                return None
            from devise.search.regions_cache import RegionsCache  # which a program that asks once need not

            key = (*store.place(), *made_by)
            known, cached = self._regions.get(space.name, (None, None))
            if cached is None or known != key:
                cached = RegionsCache(self._settings.regions_bytes)
                self._regions[space.name] = key, cached
            return cached

    def has_vectors(self, space: str) -> bool:
        """Of some moment."""
        return space in self._vectors

    def vectors_of(self, store: Store, space: Space, count: int, *, read: bool) -> VectorCache | None:
        """All of the store's snapshot. None where nobody has read them, unless `read`, or where they are damaged."""
        from devise.search.vector_cache import Moment, VectorCache  # which a program that asks once need not

        moment = Moment.of(store, space)
        with self._lock:
            known, cached = self._vectors.get(space.name, (None, None))
            if known == moment or not read:
                return cached if known == moment else None
            try:
                cached = VectorCache.of(store, space, count)
            except LibraryError:  # damage is told by the searches that come near to it
                return None
            self._vectors[space.name] = moment, cached
            return cached


class Snapshot:
    """One moment of a library. Cheap to make: each fact is read when it is asked for.

    unusable: the spaces whose index was wanted, but is "missing" or "damaged", so that all photos were looked at.
    """

    def __init__(self, store: Store, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.unusable: dict[str, str] = {}
        self._store, self._shared = store, shared
        self._indices: dict[str, SpaceIndex | None] = {}
        self._vectors: dict[str, VectorCache | None] = {}
        self._num_reads: Counter[str] = Counter()
        self._num_lacking: dict[str, int] = {}

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
            raise no_space(name, self.model)
        return spaces[name]

    def num_lacking(self, name: str) -> int:
        """How many photos have no row in a space: some of one that was added to them, or made elsewhere."""
        if name not in self._num_lacking:
            space = self.space(name)
            may_lack = space.is_imported or name in self._store.unfinished()
            self._num_lacking[name] = len(self._store.vectors.lacking(space)) if may_lack else 0
        return self._num_lacking[name]

    def near_sparse(self, space: str, row: Vector, k: int, among: Ids | None) -> tuple[Ids, Vector]:
        """By the posting lists of a space of sparse rows: cosines of their numbers by tf-idf."""
        (hits,) = self._shared.posting_lists(space).index(self._store).search(row[None], k, among=among)
        return hits.ids, hits.scores

    def near(self, space: str, vectors: Vector, k: int) -> list[Hits] | None:
        """For each vector (n, dim) up to k contents that may be near; None: there is no good index, look at all."""
        if (served := self._store.served) is not None:
            return served.near(self.space(space), vectors, k)
        index = self._index(space)
        try:
            if index is not None:
                return index.search(vectors, k)
        except UnusableIndexError:
            self._indices[space] = None
        store = embedded(self._store)
        record = store.graph(space)
        is_there = record is not None and os.path.isfile(store.folder / record.file)
        self.unusable[space] = "damaged" if is_there else "missing"
        return None

    def _index(self, space: str) -> SpaceIndex | None:
        if space not in self._indices:
            try:
                self._indices[space] = self._shared.index_of(embedded(self._store), self.space(space))
            except UnusableIndexError:
                self._indices[space] = None
        return self._indices[space]

    def rows(self, space: str, ids: Ids | None) -> Iterator[tuple[Ids, Vector]]:
        """The vectors of those ids that are still there, ascending, in chunks; None: of all."""
        if cached := self._all_of(space):
            ids, rows = cached if ids is None else cached.vectors(ids)
            yield from zip(pieces(ids, CHUNK), pieces(rows, CHUNK), strict=True)
        elif ids is None:
            yield from self._store.vectors.rows(self.space(space))
        else:
            yield from self._store.vectors.rows(self.space(space), ids)

    def regions(self, space: Space, ids: Ids | None) -> Iterator[tuple[Ids, Vector, Regions]]:
        """The same with the rows of each photo's regions, which the words space alone has."""
        if space.name != "words":
            yield from ((some, rows, Regions.none(len(some), space.dim)) for some, rows in self.rows(space.name, ids))
            return
        cache = None if ids is None else self._regions_of(space)
        if ids is None or cache is None:
            yield from self._store.vectors.regions(space, ids)
        else:
            yield from cache.regions(self._store.vectors, space, self._of_the_living(ids), self._living)

    def _regions_of(self, space: Space) -> RegionsCache | None:
        made_by = self.model.fingerprints() if self.model else {}
        names = (space.name, space.regions().name)
        return self._shared.regions_of(self._store, space, tuple(made_by.get(name, "") for name in names))

    def _of_the_living(self, ids: Ids) -> Ids:
        """Those that are in the library, ascending: an index of all threads may be a write ahead or behind."""
        ids, living = distinct(ids), self._living
        return ids[living[np.minimum(np.searchsorted(living, ids), len(living) - 1)] == ids] if len(living) else living

    @cached_property
    def _living(self) -> Ids:
        return self._store.ids()

    def _all_of(self, space: str) -> VectorCache | None:
        """All vectors in memory, where they are not too many, and from when on that would have saved time.

        What a search saves by it takes as long as putting some hundred vectors into memory.
        """
        if space not in self._vectors:
            self._num_reads[space] += 1
            index, known = self.settings.index, self.space(space)
            if known.row_bytes * self.num_contents > index.cache_bytes:
                self._vectors[space] = None
                return None
            is_time = self._num_reads[space] > max(index.scans, self.num_contents // index.cache_after)
            if not is_time and not self._shared.has_vectors(space):
                return None
            found = self._shared.vectors_of(self._store, known, self.num_contents, read=is_time)
            if found is None and not is_time:
                return None
            self._vectors[space] = found
        return self._vectors[space]
