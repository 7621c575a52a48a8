"""What is the graph's alone; what it shares with all indices stands in test_index_contract.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devise.config import IndexConfig
from devise.errors import DeviseError, WriteError
from devise.index import hnsw as module
from devise.index import hnsw_file
from devise.index.base import Saved, UnusableIndexError
from devise.index.hnsw import HnswIndex, available
from devise.vectors import Vector, unit

pytestmark = pytest.mark.skipif(
    not available(), reason="hnswlib is not installed; scans answer (tested with the words)"
)
DIM = 16


@pytest.fixture
def rows() -> Vector:
    return unit(np.random.default_rng(0).standard_normal((1500, DIM)))


@pytest.fixture
def graph(rows: Vector) -> HnswIndex:
    graph = HnswIndex(DIM)
    graph.add(np.arange(1000), rows[:1000])
    graph.add(np.arange(1000, 1500), rows[1000:])  # grows
    return graph


def ask(graph: HnswIndex, row: Vector, k: int) -> list[int]:
    (hits,) = graph.search(row[None], k)
    return hits.ids.tolist()


def test_a_thousand_copies_are_one_node(rows: Vector, tmp_path: Path) -> None:
    graph = HnswIndex(DIM)
    graph.add(np.arange(1000), np.repeat(rows[:1], 1000, axis=0))
    assert (len(graph), graph.num_nodes) == (1000, 1)
    assert ask(graph, rows[0], 1000) == list(range(1000))
    graph.remove(range(999))
    assert ask(graph, rows[0], 1000) == [999]
    graph.remove([999])
    assert (len(graph), graph.num_nodes, ask(graph, rows[0], 5)) == (0, 0, [])
    graph.add([1000, 1001], np.repeat(rows[:1], 2, axis=0))  # not to the node that is deleted
    assert ask(graph, rows[0], 5) == [1000, 1001]


def test_many_equal_photos_hide_no_others() -> None:
    """Blank pages, black frames: hnswlib links equal vectors to each other only, and ends among them."""
    chance = np.random.default_rng(1)
    different = unit(np.abs(chance.standard_normal((1_000, 48))))
    rows = chance.permutation(np.concatenate([different, np.repeat(different[:4], 500, axis=0)]))
    queries = unit(np.abs(chance.standard_normal((60, 48))))
    shares = []
    for is_one_node in (False, True):
        graph, right = HnswIndex(48), 0
        for ids in np.split(np.arange(len(rows)), 6):
            if not is_one_node:
                graph._nodes_of = lambda new, rows: new
            graph.add(ids, rows[ids])
        for query in queries:
            scores = rows @ query
            best = np.sort(scores[ask(graph, query, 40)])[-10:]
            right += np.sum(best >= np.sort(scores)[-10] - 1e-6)
        shares.append(right / 600)
    assert shares[0] < 0.7
    assert shares[1] > 0.99
    assert graph.num_nodes == 1_000


def test_rows_that_differ_by_rounding_are_equal(rows: Vector) -> None:
    """As a projection makes them of equal photos."""
    graph = HnswIndex(DIM)
    graph.add([1, 2, 3], np.stack([rows[0], np.nextafter(rows[0], 1, dtype=np.float32), rows[1]]))
    assert graph.num_nodes == 2
    assert sorted(ask(graph, rows[0], 2)) == [1, 2]


def test_a_search_can_be_told_its_ef(rows: Vector) -> None:
    graph = HnswIndex(DIM, IndexConfig(ef=1, M=2))
    graph.add(np.arange(1500), rows)
    true = [int(np.argmax(rows @ -row)) for row in rows[:100]]
    low, high = (
        sum(hits.ids[0] == best for hits, best in zip(graph.search(-rows[:100], 1, ef=ef), true, strict=True))
        for ef in (None, 800)
    )
    assert low < high


def test_a_saved_graph_knows_what_was_removed(graph: HnswIndex, rows: Vector, tmp_path: Path) -> None:
    graph.remove([7, 1499])
    loaded = HnswIndex.load(tmp_path / "a.graph", DIM, graph.save(tmp_path / "a.graph"))
    assert set(loaded.ids().tolist()) == set(range(1500)) - {7, 1499}
    assert ask(loaded, rows[3], 10) == ask(graph, rows[3], 10)
    with pytest.raises(ValueError, match="only grow"):  # not even the highest, removed one
        loaded.add([1499], rows[:1])
    loaded.add([1500], rows[:1])
    assert {0, 1500} == set(ask(loaded, rows[0], 2))


def test_a_graph_without_equal_vectors_is_the_file_that_earlier_versions_wrote(
    graph: HnswIndex, rows: Vector, tmp_path: Path
) -> None:
    """And theirs are read: each vector that they set apart is a node of its own."""
    path = tmp_path / "a.graph"
    graph.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.graph"]
    graph.add([1500], rows[:1])
    whole = graph.save(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.graph", "a.ids"]
    (tmp_path / "a.ids").unlink()
    with pytest.raises(UnusableIndexError, match="damaged"):
        HnswIndex.load(path, DIM, whole)
    HnswIndex.load(path, DIM, HnswIndex.load(path, DIM, graph.save(path)).save(path))


def test_a_cut_off_save_is_an_error_and_leaves_the_old_file(graph: HnswIndex, tmp_path: Path) -> None:
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
        HnswIndex(DIM)


@pytest.mark.parametrize("piece_bytes", [2_000, 1 << 22])
def test_a_file_is_read_without_hnswlib(graph: HnswIndex, rows: Vector, tmp_path: Path, piece_bytes: int) -> None:
    graph.remove([3, 700])
    graph.add([1500, 1501], rows[[5, 5]])
    whole: Saved = graph.save(tmp_path / "a.graph")
    read = list(hnsw_file.stored(tmp_path / "a.graph", DIM, whole, piece_bytes))
    ids, vectors = (np.concatenate(some) for some in zip(*read, strict=True))
    assert sorted(ids) == [i for i in range(1_502) if i not in (3, 700)]
    assert np.array_equal(vectors, np.concatenate([rows, rows[[5, 5]]])[ids])
