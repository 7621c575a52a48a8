"""The graph against numpy brute force, and against every file that hnswlib itself would swallow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devise.errors import DeviseError, WriteError
from devise.index import hnsw as module
from devise.index.hnsw import Graph, GraphError, available, scan
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


@pytest.mark.parametrize("piece", [2_000, 1 << 22])
def test_a_scan_of_a_file_tells_all_inner_products(
    graph: Graph, rows: Vector, tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", piece)
    graph.remove([3, 700])
    crc32, size = graph.save(tmp_path / "graph")
    ids, scores = scan(tmp_path / "graph", rows[:4], crc32=crc32, size=size)
    assert sorted(ids) == [i for i in range(1_500) if i not in (3, 700)]
    assert np.allclose(scores, rows[:4] @ rows[ids].T, atol=1e-5)


def test_a_damaged_file_is_not_scanned(graph: Graph, rows: Vector, tmp_path: Path) -> None:
    path = tmp_path / "graph"
    crc32, size = graph.save(path)
    data = bytearray(path.read_bytes())
    data[-9] ^= 4
    path.write_bytes(data)
    with pytest.raises(GraphError, match="damaged"):
        scan(path, rows[:1], crc32=crc32, size=size)
    with pytest.raises(GraphError, match="of 16 numbers, not 15"):
        scan(path, rows[:1, :15], crc32=crc32, size=size)
    path.unlink()
    with pytest.raises(GraphError, match="cannot be read"):
        scan(path, rows[:1], crc32=crc32, size=size)
