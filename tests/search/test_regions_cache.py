"""Vectors and regions in memory are what the store gives, whatever comes, goes and fits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from devise.config import SearchConfig
from devise.search.regions_cache import START, RegionsCache
from devise.search.scoring import Scoring
from devise.search.showing import Showing
from devise.spaces import Space
from devise.store.regions import Regions, pack, unpack
from devise.vectors import Ids, Vector, unit
from devise.words.queries import Term

DIM, COUNT = 12, 300
SPACE = Space(name="words", dim=DIM)
LIVING = np.arange(COUNT)


class Stored:
    """The vectors of a store, and which ids were asked for."""

    def __init__(self, *, has_regions: bool) -> None:
        random = np.random.default_rng(0)
        self.rows = unit(random.normal(size=(COUNT, DIM)).astype(np.float32))
        self.blobs = [pack(unit(random.normal(size=(9, DIM)).astype(np.float32))) for _ in range(COUNT)]
        self.has_regions, self.gone, self.asked = has_regions, set[int](), list[int]()

    def regions(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Vector, Regions]]:
        assert ids is not None
        self.asked += ids.tolist()
        some = np.array([one for one in ids.tolist() if one not in self.gone], np.int64)
        if len(some):
            blobs = [self.blobs[one] if self.has_regions else None for one in some.tolist()]
            yield some, self.rows[some], unpack(blobs, DIM)


def read(chunks: Iterator[tuple[Ids, Vector, Regions]]) -> list[np.ndarray]:
    """All chunks as one."""
    found = [(ids, whole, *regions) for ids, whole, regions in chunks]
    return [np.concatenate(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("has_regions", [True, False])
@pytest.mark.parametrize("num_bytes", [10**6, 40_000, 100, 0])
def test_what_it_gives_is_what_the_store_gives(num_bytes: int, has_regions: bool) -> None:
    stored, cache = Stored(has_regions=has_regions), RegionsCache(num_bytes)
    random = np.random.default_rng(1)
    for _ in range(30):
        ids = np.sort(random.choice(COUNT, 60, replace=False))
        for mine, theirs in zip(
            read(cache.regions(stored, SPACE, ids, LIVING)),  # type: ignore[arg-type]
            read(stored.regions(SPACE, ids)),
            strict=True,
        ):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)


def test_each_photo_is_read_once() -> None:
    stored, cache = Stored(has_regions=True), RegionsCache(10**6)
    for start in (0, 10, 20, 0):
        read(cache.regions(stored, SPACE, np.arange(start, start + 50), LIVING))  # type: ignore[arg-type]
    assert stored.asked == list(range(70))


def test_a_photo_that_goes_while_it_is_read_is_left_out() -> None:
    stored, cache = Stored(has_regions=True), RegionsCache(10**6)
    stored.gone = {3}
    ids = read(cache.regions(stored, SPACE, np.arange(5), LIVING))[0]  # type: ignore[arg-type]
    assert ids.tolist() == [0, 1, 2, 4]


def test_memory_stays_within_its_bounds() -> None:
    stored, cache = Stored(has_regions=True), RegionsCache(40_000)
    for start in range(0, COUNT, 50):
        read(cache.regions(stored, SPACE, np.arange(start, start + 50), LIVING))  # type: ignore[arg-type]
        assert cache._rows is not None
        assert sum(part.nbytes for part in cache._rows) <= 40_000


def test_photos_that_have_left_make_way() -> None:
    """As much room as the living need, however many come and go."""
    num, stored, cache = 2 * START, Stored(has_regions=True), RegionsCache(10**9)
    stored.rows, stored.blobs = np.resize(stored.rows, (num, DIM)), num * stored.blobs[:1]
    for start in range(0, num, 64):
        living = np.arange(max(0, start - 1_000), start + 64)
        read(cache.regions(stored, SPACE, living[-64:], living))  # type: ignore[arg-type]
    assert cache._rows is not None
    assert len(cache._rows.whole) == START
    for mine, theirs in zip(
        read(cache.regions(stored, SPACE, living, living)),  # type: ignore[arg-type]
        read(stored.regions(SPACE, living)),
        strict=True,
    ):
        assert np.array_equal(mine, theirs)


def test_no_photo_is_looked_at_twice() -> None:
    """Where few of the first candidates are certain, those that come on top of them are scored, and no more."""

    showing = Showing.__new__(Showing)
    showing._scoring = Scoring.of([Term("cat", np.eye(1, DIM, dtype=np.float32)[0], is_learnt=True)])
    showing._among = None
    showing._near = lambda k, least: np.arange(least) if least < 3_000 else None  # type: ignore[method-assign]
    for further, expected in ((2, [1_000, 1_000]), (1, [1_000, 0]), (3, [1_000, None])):
        showing._settings = SearchConfig(further=further)
        steps = list(showing._in_steps(9))
        assert [None if some is None else len(some) for some in steps] == expected
        seen = np.concatenate([some for some in steps if some is not None])
        assert len(np.unique(seen)) == len(seen)
