"""Indices that are read through by the first searches and loaded when more come, and only what is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from devise.config import IndexConfig
from devise.index import hnsw
from devise.index.base import Saved, UnusableIndexError
from devise.index.deferred import DeferredIndex
from devise.index.hnsw import HnswIndex, available
from devise.index.quantized import QuantizedIndex
from devise.vectors import Hits, Vector, unit

pytestmark = pytest.mark.skipif(not available(), reason="hnswlib is not installed, so there are no graphs")
COUNT, DIM = 2_000, 12
USUAL = IndexConfig()
Open = Callable[..., DeferredIndex]


@pytest.fixture
def rows() -> Vector:
    return np.abs(unit(np.random.default_rng(0).standard_normal((COUNT, DIM))))


@pytest.fixture
def opened(rows: Vector, tmp_path: Path) -> Open:
    graph = HnswIndex(DIM)
    graph.add(np.arange(COUNT), rows)
    saved = graph.save(tmp_path / "a.graph")
    return lambda **settings: DeferredIndex(tmp_path / "a.graph", DIM, saved, IndexConfig(**settings), count=COUNT)


@pytest.fixture
def efs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of all searches in a loaded graph."""
    made: list[int] = []
    asked = HnswIndex.search

    def counted(self: HnswIndex, queries: Vector, k: int, **how: int) -> list[Hits]:
        made.append(how["ef"])
        return asked(self, queries, k, **how)

    monkeypatch.setattr(HnswIndex, "search", counted)
    return made


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is put into memory."""
    made: list[str] = []
    graph, rows = HnswIndex.load, QuantizedIndex.of
    monkeypatch.setattr(HnswIndex, "load", lambda *given: made.append("graph") or graph(*given))
    monkeypatch.setattr(QuantizedIndex, "of", lambda *given: made.append("rows") or rows(*given))
    return made


def nearest(rows: Vector, vector: Vector, k: int) -> list[int]:
    return sorted(np.argsort(-rows @ vector)[:k].tolist())


def found(index: DeferredIndex, queries: Vector, k: int) -> list[list[int]]:
    return [sorted(hits.ids.tolist()) for hits in index.search(queries, k)]


def test_the_first_searches_load_nothing(opened: Open, rows: Vector, efs: list[int], loads: list[str]) -> None:
    index = opened()
    for number in range(2 * USUAL.scans):
        assert found(index, rows[number : number + 2], 5)[1] == nearest(rows, rows[number + 1], 5)
        assert bool(efs) == bool(loads) == (number >= USUAL.scans)


def test_what_nobody_asks_is_not_loaded(opened: Open, rows: Vector, loads: list[str]) -> None:
    """Photos ask the graph; who is far from all, or wants much, the vectors."""
    index = opened(scans=0)
    index.search(rows[:1], 5)
    assert loads == ["graph"]
    index = opened(scans=0)
    index.search(rows[:1], USUAL.ef + 1)
    assert loads == ["graph", "rows"]
    index.search(rows[1:2], USUAL.ef + 1)
    assert loads == ["graph", "rows"]
    index.search(-rows[:1], 5)
    assert loads == ["graph", "rows", "graph"]


def test_many_vectors_are_worth_loading_for(opened: Open, rows: Vector, efs: list[int]) -> None:
    assert found(opened(), rows[:40], 3) == [nearest(rows, row, 3) for row in rows[:40]]
    assert efs


def test_what_is_removed_is_in_no_answer(opened: Open, rows: Vector) -> None:
    index = opened()
    index.remove(np.array([5, 6]))
    for number in range(2 * USUAL.scans):
        hits = index.search(rows[5:7], 4)
        assert not {5, 6} & {int(i) for some in hits for i in some.ids}
        if number == USUAL.scans:
            index.remove(hits[0].ids[:1])
            assert hits[0].ids[0] not in index.search(rows[5:6], 4)[0].ids


def test_a_query_far_from_all_photos_is_compared_with_all(opened: Open, rows: Vector, efs: list[int]) -> None:
    """As words are, and a graph that was built for photos leads them astray."""
    index, near, far = opened(scans=0), rows[5], -rows[5]
    both = index.search(np.stack([far, near]), 3)
    assert efs == [USUAL.ef]
    assert (sorted(both[0].ids), 5 in both[1].ids) == (nearest(rows, far, 3), True)
    index.remove(both[0].ids)
    left = np.delete(np.arange(COUNT), both[0].ids)
    assert found(index, far[None], 3) == [[left[i] for i in nearest(rows[left], far, 3)]]
    assert found(index, near[None], 200) == [[left[i] for i in nearest(rows[left], near, 200)]]


def test_a_query_far_from_all_photos_gets_a_higher_ef_where_they_are_too_many(
    opened: Open, rows: Vector, efs: list[int]
) -> None:
    index = opened(scans=0, scanned_bytes=0, ef_far=500, ef_far_growth=0)
    both = index.search(np.stack([-rows[5], rows[5]]), 3)
    assert efs == [USUAL.ef, 500]
    assert sorted(both[0].ids) == nearest(rows, -rows[5], 3)
    assert 5 in both[1].ids


def test_a_loaded_graph_answers_when_another_run_has_replaced_its_file(
    opened: Open, rows: Vector, tmp_path: Path
) -> None:
    index = opened(scans=0)
    index.search(rows[:1], 3)
    (tmp_path / "a.graph").unlink()
    assert found(index, rows[:1], 3) == [nearest(rows, rows[0], 3)]
    with pytest.raises(UnusableIndexError, match="cannot be read"):
        index.search(-rows[:1], 3)


def test_a_damaged_file_is_told_each_time_and_read_once(opened: Open, rows: Vector, tmp_path: Path) -> None:
    path, index = tmp_path / "a.graph", opened()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for _ in range(2):
        with pytest.raises(UnusableIndexError, match="damaged"):
            index.search(rows[:1], 3)
        path.unlink(missing_ok=True)


def test_without_hnswlib_vectors_are_compared_all_the_same(
    opened: Open, rows: Vector, efs: list[int], loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hnsw, "available", lambda: False)
    index = opened()
    for _ in range(2 * USUAL.scans):
        assert found(index, rows[:1], 5) == [nearest(rows, rows[0], 5)]
    assert (efs, loads) == ([], ["rows"])


def test_a_flat_file_never_asks_for_hnswlib(rows: Vector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = QuantizedIndex(DIM)
    index.add(np.arange(COUNT), rows)
    saved: Saved = index.save(tmp_path / "a.flat")
    monkeypatch.setattr(hnsw, "available", lambda: pytest.fail("asked whether hnswlib is there"))
    monkeypatch.setattr(hnsw, "HnswIndex", None)
    opened = DeferredIndex(tmp_path / "a.flat", DIM, saved, count=COUNT)
    for k in (5, 5, 5, 5, 5, 1_000):
        assert found(opened, rows[:1], k)[0][:5] == nearest(rows, rows[0], k)[:5]
