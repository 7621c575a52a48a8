"""Graphs that are read through by the first searches and loaded when more come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devise import config
from devise.graph import Graph, GraphError, Ids, available
from devise.library import lazy
from devise.library.lazy import LazyGraph
from devise.vectors import Vector, unit

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


def test_a_query_far_from_all_photos_gets_more_effort(
    graph: LazyGraph, rows: Vector, efforts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As words do: in a large library little effort misses some of the photos near to them."""
    monkeypatch.setattr(config, "SCANS", 0)
    near, far = rows[5], -rows[5]
    assert 5 in graph.search(near[None], 3, (config.GRAPH_EF, 500))[0]
    assert efforts == [config.GRAPH_EF]
    found = graph.search(np.stack([far, near]), 3, (config.GRAPH_EF, 500))
    assert efforts[1:] == [config.GRAPH_EF, 500]
    assert sorted(found[0]) == nearest(rows, far, 3)
    assert 5 in found[1]


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
    monkeypatch.setattr(lazy, "available", lambda: False)
    for _ in range(2 * config.SCANS):
        assert sorted(graph.search(rows[:1], 5, EFFORTS)[0]) == nearest(rows, rows[0], 5)
    assert not efforts
