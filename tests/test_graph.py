"""The graph against numpy brute force, and against every file that hnswlib itself would swallow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from devise import config
from devise import graph as module
from devise.errors import DeviseError, WriteError
from devise.graph import Graph, GraphError, Ids, available
from devise.library.nearby import Nearby
from devise.library.projection import Projection
from devise.library.rows import GraphFile
from devise.library.store import Store
from devise.vectors import Vector, unit

pytestmark = pytest.mark.skipif(
    not available(), reason="hnswlib is not installed; scans answer (tested with the words)"
)
DIM = 16


@pytest.fixture
def rows() -> Vector:
    return unit(np.random.default_rng(0).standard_normal((1500, DIM)))


@pytest.fixture
def graph(rows: Vector) -> Graph:
    graph = Graph.new(DIM)
    graph.add(np.arange(1000), rows[:1000])
    graph.add(np.arange(1000, 1500), rows[1000:])  # grows
    return graph


def nearest(rows: Vector, vector: Vector, k: int) -> set[int]:
    return set(np.argsort(-(rows @ vector))[:k].tolist())


def test_recall_is_at_least_99_percent(graph: Graph, rows: Vector) -> None:
    hits = sum(len(nearest(rows, row, 10) & set(graph.search(row, 10).tolist())) for row in rows[:100])
    assert hits / 1000 >= 0.99


def test_the_nearest_comes_first(graph: Graph, rows: Vector) -> None:
    assert graph.search(rows[42], 3)[0] == 42


@pytest.mark.parametrize("k", [1499, 1500, 100_000])
def test_a_large_k_gives_all_there_is(graph: Graph, rows: Vector, k: int) -> None:
    assert len(graph.search(rows[0], k)) == min(k, 1500)


@pytest.mark.parametrize("k", [0, -3])
def test_no_k_gives_nothing(graph: Graph, rows: Vector, k: int) -> None:
    assert len(graph.search(rows[0], k)) == 0


def test_an_empty_graph_answers(rows: Vector) -> None:
    assert len(Graph.new(DIM).search(rows[0], 5)) == 0


def test_what_is_removed_never_comes_back(graph: Graph, rows: Vector) -> None:
    graph.remove([42, 43, 99_999])
    found = graph.search(rows[42], 1500)
    assert len(graph) == len(found) == 1498
    assert not {42, 43} & set(found.tolist())
    graph.remove(graph.ids())
    assert len(graph.search(rows[0], 5)) == 0


def test_a_thousand_copies_do_not_stop_a_search(rows: Vector) -> None:
    graph = Graph.new(DIM)
    graph.add(np.arange(1000), np.repeat(rows[:1], 1000, axis=0))
    assert len(graph.search(rows[0], 1000)) > 0


@pytest.mark.parametrize("ids", [[5], [1499], [2000, 2000], [2001, 2000]])
def test_ids_only_grow(graph: Graph, rows: Vector, ids: list[int]) -> None:
    with pytest.raises(ValueError, match="only grow"):
        graph.add(ids, rows[: len(ids)])


def test_bad_rows_and_queries_are_refused(graph: Graph, rows: Vector) -> None:
    with pytest.raises(ValueError, match="finite"):
        graph.add([2000], np.full((1, DIM), np.nan, np.float32))
    with pytest.raises(ValueError, match="shape"):
        graph.add([2000], rows[:1, :4])
    with pytest.raises(ValueError, match="finite"):
        graph.search(np.full(DIM, np.inf, np.float32), 3)


def test_a_saved_graph_knows_what_was_removed(graph: Graph, rows: Vector, tmp_path: Path) -> None:
    graph.remove([7, 1499])
    crc32, size = graph.save(tmp_path / "a.graph")
    loaded = Graph.load(tmp_path / "a.graph", dim=DIM, crc32=crc32, size=size)
    assert set(loaded.ids().tolist()) == set(range(1500)) - {7, 1499}
    assert loaded.search(rows[3], 10).tolist() == graph.search(rows[3], 10).tolist()
    with pytest.raises(ValueError, match="only grow"):  # not even the highest, removed one
        loaded.add([1499], rows[:1])
    loaded.add([1500], rows[:1])
    assert {0, 1500} <= set(loaded.search(rows[0], 2).tolist())


def test_an_empty_graph_is_saved_and_loaded(tmp_path: Path) -> None:
    crc32, size = Graph.new(DIM).save(tmp_path / "a.graph")
    assert len(Graph.load(tmp_path / "a.graph", dim=DIM, crc32=crc32, size=size)) == 0


def test_damaged_files_are_never_loaded(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "a.graph"
    crc32, size = graph.save(path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    for damaged in (bytes(flipped), whole[:-1], whole[:50], b"", b"hello" * 100):
        path.write_bytes(damaged)
        with pytest.raises(GraphError, match="build it again"):
            Graph.load(path, dim=DIM, crc32=crc32, size=size)
    with pytest.raises(GraphError, match="cannot be read"):
        Graph.load(tmp_path / "none.graph", dim=DIM, crc32=crc32)


def test_another_dimension_is_told(graph: Graph, tmp_path: Path) -> None:
    crc32, _ = graph.save(tmp_path / "a.graph")
    with pytest.raises(GraphError, match="vectors of 16 numbers, not 8"):
        Graph.load(tmp_path / "a.graph", dim=8, crc32=crc32)


def test_a_cut_off_save_is_an_error_and_leaves_the_old_file(graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "a.graph")
    before = (tmp_path / "a.graph").read_bytes()

    class Full:
        """A full disk as hnswlib sees it: nothing is raised."""

        def save_index(self, path: bytes) -> None:
            Path(path.decode()).write_bytes(before[:100])

        def index_file_size(self) -> int:
            return len(before)

    graph._index = Full()
    with pytest.raises(WriteError, match="free space"):
        graph.save(tmp_path / "a.graph")
    assert [path.name for path in tmp_path.iterdir()] == ["a.graph"]
    assert (tmp_path / "a.graph").read_bytes() == before


def test_without_hnswlib_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda: False)
    with pytest.raises(DeviseError, match="scan exactly"):
        Graph.new(DIM)


def test_a_query_far_from_all_photos_gets_more_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    """As words do: in a large library little effort misses some of the photos near to them."""
    monkeypatch.setattr(config, "GRAPH_EF_WORDS", 100 * config.GRAPH_EF)
    rows = np.abs(unit(np.random.default_rng(0).standard_normal((2_000, 12))))
    store = cast("Store", SimpleNamespace(gone=lambda: np.empty(0, np.int64), scan=lambda space, after: iter(())))
    graph = Graph.new(12)
    graph.add(np.arange(2_000), rows)
    nearby = Nearby.of(store, GraphFile("words", "", 0, 0, 2_000, 2_000, 2_000), graph, Projection())
    efforts: list[int] = []
    asked = Graph.search_many

    def counted(self: Graph, vectors: Vector, k: int, ef: int = config.GRAPH_EF) -> list[tuple[Ids, Vector]]:
        efforts.append(ef)
        return asked(self, vectors, k, ef)

    monkeypatch.setattr(Graph, "search_many", counted)
    near, far = rows[5], -rows[5]
    assert nearby.search(near[None], 3)[0][0] == 5
    assert set(efforts) == {config.GRAPH_EF}
    found = nearby.search(np.stack([far, near]), 3)
    assert nearby.ef in efforts[1:]
    assert sorted(found[0]) == sorted(np.argsort(-rows @ far)[:3])
    assert found[1][0] == 5
