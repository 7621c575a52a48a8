"""Graphs that are read through by the first searches and loaded when more come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devise import config
from devise.index import deferred
from devise.index.deferred import LazyGraph
from devise.index.duplicates import DISTANCE, Apart
from devise.index.hnsw import Graph, GraphError, available
from devise.vectors import Ids, Vector, unit

pytestmark = pytest.mark.skipif(not available(), reason="hnswlib is not installed, so there are no graphs")
COUNT, DIM = 2_000, 12
EFFORTS = (128, 128)


@pytest.fixture
def rows() -> Vector:
    return np.abs(unit(np.random.default_rng(0).standard_normal((COUNT, DIM))))


@pytest.fixture
def graph(rows: Vector, tmp_path: Path) -> LazyGraph:
    graph = Graph.new(DIM)
    graph.add(np.arange(COUNT), rows)
    crc32, size = graph.save(tmp_path / "graph")
    return LazyGraph(tmp_path / "graph", DIM, crc32=crc32, size=size)


@pytest.fixture
def efforts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of all searches in a loaded graph."""
    made: list[int] = []
    asked = Graph.search_many

    def counted(self: Graph, vectors: Vector, k: int, ef: int = config.GRAPH_EF) -> list[tuple[Ids, Vector]]:
        made.append(ef)
        return asked(self, vectors, k, ef)

    monkeypatch.setattr(Graph, "search_many", counted)
    return made


def nearest(rows: Vector, vector: Vector, k: int) -> list[int]:
    return sorted(np.argsort(-rows @ vector)[:k].tolist())


def test_the_first_searches_load_nothing(graph: LazyGraph, rows: Vector, efforts: list[int]) -> None:
    for number in range(2 * config.SCANS):
        assert sorted(graph.search(rows[number : number + 2], 5, EFFORTS)[1]) == nearest(rows, rows[number + 1], 5)
        assert bool(efforts) == (number >= config.SCANS)


def test_many_vectors_are_worth_loading_for(graph: LazyGraph, rows: Vector, efforts: list[int]) -> None:
    assert [sorted(ids) for ids in graph.search(rows[:40], 3, EFFORTS)] == [nearest(rows, row, 3) for row in rows[:40]]
    assert efforts


def test_what_is_gone_is_in_no_answer(graph: LazyGraph, rows: Vector) -> None:
    graph.remove(np.array([5, 6]))
    for number in range(2 * config.SCANS):
        found = graph.search(rows[5:7], 4, EFFORTS)
        assert not {5, 6} & {int(i) for ids in found for i in ids}
        if number == config.SCANS:
            graph.remove(found[0][:1])
            assert found[0][0] not in graph.search(rows[5:6], 4, EFFORTS)[0]


def test_a_large_k_gives_all_there_is(graph: LazyGraph, rows: Vector) -> None:
    assert [len(graph.search(rows[:1], k, EFFORTS)[0]) for k in (COUNT - 1, COUNT, COUNT + 1)] == [
        COUNT - 1,
        COUNT,
        COUNT,
    ]


def test_a_query_far_from_all_photos_is_compared_with_all(
    graph: LazyGraph, rows: Vector, efforts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As words are, and a graph that was built for photos leads them astray."""
    monkeypatch.setattr(config, "SCANS", 0)
    near, far = rows[5], -rows[5]
    found = graph.search(np.stack([far, near]), 3, (config.GRAPH_EF, 500))
    assert efforts == [config.GRAPH_EF]
    assert (sorted(found[0]), 5 in found[1]) == (nearest(rows, far, 3), True)
    graph.remove(found[0])
    left = np.delete(np.arange(COUNT), found[0])
    assert sorted(graph.search(far[None], 3, EFFORTS)[0]) == [left[i] for i in nearest(rows[left], far, 3)]
    assert sorted(graph.search(near[None], 200, EFFORTS)[0]) == [left[i] for i in nearest(rows[left], near, 200)]


def test_a_query_far_from_all_photos_gets_more_effort_where_they_are_too_many(
    graph: LazyGraph, rows: Vector, efforts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SCANS", 0)
    monkeypatch.setattr(config, "HALVES_BYTES", 0)
    near, far = rows[5], -rows[5]
    found = graph.search(np.stack([far, near]), 3, (config.GRAPH_EF, 500))
    assert efforts == [config.GRAPH_EF, 500]
    assert sorted(found[0]) == nearest(rows, far, 3)
    assert 5 in found[1]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_half_of_the_numbers_choose_whom_all_numbers_rank(
    tmp_path: Path, is_replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last directions are the strongest, as in a projection."""
    monkeypatch.setattr(config, "SCANS", 0)
    chance, count = np.random.default_rng(4), 5_000
    rows = unit(chance.standard_normal((count, 128)) * np.linspace(0.05, 1, 128) ** 2)
    saved = Graph.new(128)
    saved.add(np.arange(count), rows)
    crc32, size = saved.save(tmp_path / "wide.graph")
    wide = LazyGraph(tmp_path / "wide.graph", 128, crc32=crc32, size=size)
    monkeypatch.setattr(config, "GRAPH_NEAR", 2)  # all queries seem far from all
    queries = unit(chance.standard_normal((40, 128)) * np.linspace(0.05, 1, 128) ** 2)
    wide.remove(np.array([7]))
    wide._loaded()
    if is_replaced:  # by another run
        (tmp_path / "wide.graph").unlink()
    found = wide.search(queries, 40, EFFORTS)
    assert wide._halves is not None
    assert wide._halves.strong.shape == (count - 1, 64)
    assert all(len(ids) == 40 for ids in found)
    shares = [len({*ids.tolist()} & {*nearest(rows, row, 40)}) / 40 for ids, row in zip(found, queries, strict=True)]
    assert np.mean(shares) > 0.97


def test_many_equal_photos_hide_no_others() -> None:
    """Blank pages, black frames: hnswlib links equal vectors to each other only, and ends among them."""
    chance = np.random.default_rng(1)
    different = unit(np.abs(chance.standard_normal((1_000, 48))))
    rows = chance.permutation(np.concatenate([different, np.repeat(different[:4], 500, axis=0)]))
    queries = unit(np.abs(chance.standard_normal((60, 48))))
    shares = []
    for is_apart in (False, True):
        graph, found = Graph.new(48), 0
        for ids in np.split(np.arange(len(rows)), 6):
            graph.add(ids, Apart(graph).of(rows[ids]) if is_apart else rows[ids])
        for query in queries:
            scores = rows @ query
            best = np.sort(scores[graph.search(query, 40)])[-10:]
            found += np.sum(best >= np.sort(scores)[-10] - 1e-6)
        shares.append(found / 600)
    assert shares[0] < 0.7
    assert shares[1] > 0.97


def test_vectors_that_differ_stay_as_they_are(rows: Vector) -> None:
    apart = Apart(Graph.new(DIM))
    assert apart.of(rows) is rows
    again = apart.of(rows[:3])
    assert np.linalg.norm(again - rows[:3], axis=1) == pytest.approx([DISTANCE] * 3, rel=1e-3)


def test_a_damaged_file_is_told_each_time_and_read_once(graph: LazyGraph, rows: Vector, tmp_path: Path) -> None:
    path = tmp_path / "graph"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for _ in range(2):
        with pytest.raises(GraphError, match="damaged"):
            graph.search(rows[:1], 3, EFFORTS)
        path.unlink(missing_ok=True)


def test_without_hnswlib_files_are_read_each_time(
    graph: LazyGraph, rows: Vector, efforts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred, "available", lambda: False)
    for _ in range(2 * config.SCANS):
        assert sorted(graph.search(rows[:1], 5, EFFORTS)[0]) == nearest(rows, rows[0], 5)
    assert not efforts
