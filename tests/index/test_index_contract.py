"""What every index promises, against brute force: the same tests over all implementations."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from devise.config import IndexConfig
from devise.errors import DeviseError
from devise.index.base import FileIndex, Index, Rows, Saved, UnusableIndexError
from devise.index.deferred import DeferredIndex
from devise.index.flat import FlatIndex
from devise.index.hnsw import HnswIndex, available
from devise.index.inverted import InvertedIndex
from devise.index.quantized import QuantizedIndex
from devise.vectors import Hits, Ids, unit

NUM, DIM = 600, 16
EMPTY = np.empty(0, np.int64)
Make = Callable[[Path, Ids, Rows], Index]


@dataclass(frozen=True)
class Kind:
    """One implementation. slack: by how much a score may be wrong. recall: least share of the true nearest."""

    name: str
    make: Make
    metric: str = "inner"
    slack: float = 1e-5
    recall: float = 1.0
    is_deferred: bool = False


def flat(metric: str) -> Make:
    def make(place: Path, ids: Ids, rows: Rows) -> Index:
        index = FlatIndex(DIM, metric)
        index.add(ids, rows)
        return index

    return make


def quantized(place: Path, ids: Ids, rows: Rows) -> QuantizedIndex:
    index = QuantizedIndex(DIM)
    index.add(ids, rows)
    return index


def inverted(place: Path, ids: Ids, rows: Rows) -> InvertedIndex:
    index = InvertedIndex(DIM)
    index.add(ids, rows)
    return index


def hnsw(place: Path, ids: Ids, rows: Rows) -> HnswIndex:
    index = HnswIndex(DIM)
    index.add(ids, rows)
    return index


def deferred(file: str, **settings: float) -> Make:
    """Half of the rows in the file, half beside it."""

    def make(place: Path, ids: Ids, rows: Rows) -> Index:
        half = len(ids) // 2
        saved = (hnsw if file.endswith("graph") else quantized)(place, ids[:half], rows[:half]).save(place / file)
        index = DeferredIndex(place / file, DIM, saved, IndexConfig(**settings), count=half)  # type: ignore[arg-type]
        index.add(ids[half:], rows[half:])
        return index

    return make


GRAPHS = [
    Kind("hnsw", hnsw, recall=0.99),
    Kind("deferred graph, read", deferred("a.graph"), slack=1e-4, is_deferred=True),
    Kind("deferred graph, asked", deferred("a.graph", scans=0, near=-1), slack=1e-4, recall=0.99, is_deferred=True),
    Kind("deferred graph, far", deferred("a.graph", scans=0, near=2), slack=1e-4, recall=0.99, is_deferred=True),
    Kind(
        "deferred graph, too large to be scanned",
        deferred("a.graph", scans=0, near=2, scanned_bytes=0),
        slack=1e-4,
        recall=0.99,
        is_deferred=True,
    ),
]
KINDS = [
    Kind("cosine", flat("cosine"), "cosine"),
    Kind("inner", flat("inner")),
    Kind("l1", flat("l1"), "l1"),
    Kind("hamming", flat("hamming"), "hamming"),
    Kind("inverted", inverted),
    Kind("quantized", quantized, slack=1e-4, recall=0.99),
    Kind("deferred flat, read", deferred("a.flat"), slack=1e-4, recall=0.99, is_deferred=True),
    Kind("deferred flat, loaded", deferred("a.flat", scans=0), slack=1e-4, recall=0.99, is_deferred=True),
    *(GRAPHS if available() else []),
]
FILES = [kind for kind in KINDS if kind.name in ("hnsw", "quantized")]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(params=FILES, ids=lambda kind: kind.name)
def file_kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def drawn(metric: str, count: int = NUM, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    if metric == "hamming":
        return random.integers(0, 256, (count, DIM // 8), np.uint8)
    return unit(random.standard_normal((count, DIM)))


def scores_of(metric: str, rows: Rows, query: Rows) -> np.ndarray:
    """By ten lines that share nothing with the code."""
    if metric == "hamming":
        return np.array([-sum(int(a) ^ int(b) for a, b in zip(bits(row), bits(query), strict=True)) for row in rows])
    wide, asked = rows.astype(np.float64), query.astype(np.float64)
    if metric == "l1":
        return np.array([-sum(abs(row - asked)) for row in wide])
    return np.array([sum(row * asked) for row in wide])


def bits(row: Rows) -> np.ndarray:
    return np.unpackbits(row)


def check(kind: Kind, ids: Ids, rows: Rows, queries: Rows, found: list[Hits], k: int) -> None:
    """Ids that exist, each once, with their scores, best first, equal ones by id, and nearly all of the true ones."""
    right = total = 0
    assert len(found) == len(queries)
    for query, hits in zip(queries, found, strict=True):
        true = dict(zip(ids.tolist(), scores_of(kind.metric, rows, query), strict=True))
        assert len(hits) == len({*hits.ids.tolist()}) == min(k, len(ids))
        assert (hits.ids.dtype, hits.scores.dtype) == (np.int64, np.float32)
        assert hits.scores == pytest.approx([true[i] for i in hits.ids.tolist()], abs=kind.slack)
        assert list(zip(-hits.scores, hits.ids, strict=True)) == sorted(zip(-hits.scores, hits.ids, strict=True))
        if len(hits):
            worst = sorted(true.values(), reverse=True)[len(hits) - 1]
            right += sum(true[i] >= worst - kind.slack for i in hits.ids.tolist())
            total += len(hits)
    assert right >= kind.recall * total


@pytest.fixture
def ids() -> Ids:
    return np.arange(NUM, dtype=np.int64) * 3 + 5


@pytest.mark.parametrize("k", [1, 10, NUM - 1, NUM, NUM + 1, 10 * NUM])
def test_the_nearest_are_those_of_brute_force(kind: Kind, ids: Ids, k: int, tmp_path: Path) -> None:
    rows, queries = drawn(kind.metric), drawn(kind.metric, 20, seed=1)
    index = kind.make(tmp_path, ids, rows)
    assert len(index) == NUM
    for _ in range(2):  # the second time from memory
        check(kind, ids, rows, queries, index.search(queries, k), k)
    check(kind, ids, rows, rows[7:8], index.search(rows[7:8], k), k)


@pytest.mark.parametrize("k", [0, -3])
def test_no_k_gives_nothing(kind: Kind, ids: Ids, k: int, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    assert [len(hits) for hits in kind.make(tmp_path, ids, rows).search(rows[:2], k)] == [0, 0]


def test_no_query_gives_no_answer(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    assert kind.make(tmp_path, ids, rows).search(rows[:0], 5) == []


def test_an_empty_index_answers(kind: Kind, tmp_path: Path) -> None:
    rows = drawn(kind.metric, 3)
    index = kind.make(tmp_path, EMPTY, rows[:0])
    assert len(index) == 0
    assert [len(hits) for hits in index.search(rows, 5)] == [0, 0, 0]
    index.remove(np.array([4]))
    index.add([7], rows[:1])
    assert index.search(rows[:1], 5)[0].ids.tolist() == [7]


def test_equal_rows_are_all_found_and_stand_by_id(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    """Groups of a hundred: half of all. Of the others none is hidden by them."""
    rows = drawn(kind.metric)
    rows[::2] = rows[np.arange(0, NUM, 2) % 6]
    index = kind.make(tmp_path, ids, rows)
    for k in (10, 100, 350):
        check(kind, ids, rows, rows[:12], index.search(rows[:12], k), k)
    equal = ids[np.flatnonzero((rows == rows[0]).all(1))]
    (hits,) = index.search(rows[:1], len(equal))
    assert sorted(hits.ids.tolist()) == equal.tolist()
    if not kind.is_deferred:  # whose rows come from two places, with scores that are rounded apart
        assert hits.ids.tolist() == equal.tolist()


def test_what_is_removed_never_comes_back(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    rows[::2] = rows[np.arange(0, NUM, 2) % 6]  # also firsts of equal ones
    index, left = kind.make(tmp_path, ids, rows), np.ones(NUM, bool)
    for gone in ([0, 1, 2], range(300, 400), [0, 1, 401], range(0, 600, 4)):
        index.remove(np.append(ids[list(gone)], 1_000_000))  # which is none of them
        left[list(gone)] = False
        assert len(index) == left.sum()
        for k in (10, NUM):
            check(kind, ids[left], rows[left], rows[:9], index.search(rows[:9], k), k)
    index.remove(ids)
    assert len(index) == 0
    assert len(index.search(rows[:1], 5)[0]) == 0


def test_rows_like_removed_ones_can_come_again(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    index = kind.make(tmp_path, ids, rows)
    index.remove(ids[:50])
    index.add(ids[-1] + 1 + np.arange(50), rows[:50])
    now_ids, now = np.concatenate([ids[50:], ids[-1] + 1 + np.arange(50)]), np.concatenate([rows[50:], rows[:50]])
    check(kind, now_ids, now, rows[:60], index.search(rows[:60], 5), 5)


@pytest.mark.parametrize("share", [0.005, 0.05, 0.5, 0.9, 1])
def test_only_those_among_some_are_found(kind: Kind, ids: Ids, share: float, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    index = kind.make(tmp_path, ids, rows)
    chosen = np.flatnonzero(np.random.default_rng(2).random(NUM) < share)
    index.remove(ids[chosen[:1]])
    left = chosen[1:]
    for k in (1, 10, NUM):
        found = index.search(rows[:10], k, among=np.append(ids[chosen], 7_000_000))
        check(kind, ids[left], rows[left], rows[:10], found, k)
    assert [len(hits) for hits in index.search(rows[:2], 5, among=EMPTY)] == [0, 0]


def test_ids_only_grow(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    index = kind.make(tmp_path, ids, rows)
    last = int(ids[-1])
    for bad in ([5], [last], [last + 2, last + 2], [last + 2, last + 1]):
        with pytest.raises(ValueError, match="only grow"):
            index.add(bad, rows[: len(bad)])
    index.remove([last])
    with pytest.raises(ValueError, match="only grow"):
        index.add([last], rows[:1])
    index.add([last + 1, last + 9], rows[:2])
    assert {last + 1, last + 9} <= {int(hits.ids[i]) for hits in index.search(rows[:2], 2) for i in (0, 1)}


def test_what_is_no_row_is_refused(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(kind.metric)
    index, new = kind.make(tmp_path, ids, rows), [9_000]
    with pytest.raises(ValueError, match="shape"):
        index.add(new, rows[:1, :1])
    with pytest.raises(ValueError, match="shape"):
        index.search(rows[0], 3)
    with pytest.raises(ValueError, match="shape"):
        index.search(np.concatenate([rows, rows], axis=1), 3)
    with pytest.raises(ValueError, match="ids for rows"):
        index.add([9_000, 9_001], rows[:1])
    if rows.dtype == np.float32:
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="finite"):
                index.add(new, np.full((1, DIM), bad, np.float32))
            with pytest.raises(ValueError, match="finite"):
                index.search(np.full((1, DIM), bad, np.float32), 3)
    assert len(index) == NUM


def test_eight_threads_get_the_answers_of_one(kind: Kind, ids: Ids, tmp_path: Path) -> None:
    """With different k, for hnswlib's ef belongs to the index and not to the search."""
    rows, queries = drawn(kind.metric), drawn(kind.metric, 40, seed=3)
    asked = [(queries[i : i + 1], k) for i in range(40) for k in (1, 150, 9, 300)]
    index = kind.make(tmp_path, ids, rows)
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda each: index.search(*each)[0], asked))  # while it reads and loads what is deferred
        expected = [index.search(*each)[0] for each in asked]
        second = list(pool.map(lambda each: index.search(*each)[0], asked))
    for k in (1, 150, 9, 300):
        check(
            kind, ids, rows, queries, [hits for (_, asked_k), hits in zip(asked, first, strict=True) if asked_k == k], k
        )
    for one, other in zip(expected, second, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()


def saved_by(kind: Kind, place: Path, ids: Ids, rows: Rows) -> tuple[FileIndex, Path, Saved]:
    index, path = kind.make(place, ids, rows), place / "a.index"
    path = place / {"hnsw": "a.graph", "quantized": "a.flat"}[kind.name]
    return index, path, index.save(path)  # type: ignore[attr-defined, return-value]


def test_what_is_saved_is_loaded_and_goes_on(file_kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(file_kind.metric)
    rows[::2] = rows[np.arange(0, NUM, 2) % 6]
    index = file_kind.make(tmp_path, ids, rows)
    index.remove(ids[:40])
    path = tmp_path / {"hnsw": "a.graph", "quantized": "a.flat"}[file_kind.name]
    saved = index.save(path)  # type: ignore[attr-defined]
    assert path.stat().st_mode & 0o077 == 0
    loaded = type(index).load(path, DIM, saved)  # type: ignore[attr-defined]
    assert len(loaded) == NUM - 40
    check(file_kind, ids[40:], rows[40:], rows[:20], loaded.search(rows[:20], 200), 200)
    for one, other in zip(index.search(rows[:20], 9), loaded.search(rows[:20], 9), strict=True):
        assert one.ids.tolist() == other.ids.tolist()
    with pytest.raises(ValueError, match="only grow"):
        loaded.add([ids[-1]], rows[:1])
    loaded.add([5_000, 5_001], rows[:2])  # which are equal to some that are there
    loaded.remove(ids[40:100])
    again = type(index).load(path, DIM, loaded.save(path))  # type: ignore[attr-defined]
    now = np.concatenate([rows[100:], rows[:2]])
    check(file_kind, np.append(ids[100:], [5_000, 5_001]), now, rows[:20], again.search(rows[:20], 150), 150)


def test_an_empty_index_is_saved_and_loaded(file_kind: Kind, tmp_path: Path) -> None:
    _, path, saved = saved_by(file_kind, tmp_path, EMPTY, drawn(file_kind.metric, 0))
    loaded = {"hnsw": HnswIndex, "quantized": QuantizedIndex}[file_kind.name].load(path, DIM, saved)
    assert len(loaded) == 0
    loaded.add([4], drawn(file_kind.metric, 1))
    assert len(loaded.search(drawn(file_kind.metric, 1), 3)[0]) == 1


def ways_to_ask(path: Path, dim: int, saved: Saved) -> list[Callable[[], object]]:
    """All that reads a file."""
    cls = HnswIndex if path.suffix == ".graph" else QuantizedIndex
    row = np.full((1, dim), dim**-0.5, np.float32)
    return [
        lambda: cls.load(path, dim, saved),
        lambda: DeferredIndex(path, dim, saved, count=NUM).search(row, 5),
        lambda: DeferredIndex(path, dim, saved, IndexConfig(scans=0), count=NUM).search(row, 5),
        lambda: DeferredIndex(path, dim, saved, IndexConfig(scans=0), count=NUM).search(row, 400),
    ]


def test_damage_is_an_error_and_never_an_answer(file_kind: Kind, ids: Ids, tmp_path: Path) -> None:
    rows = drawn(file_kind.metric)
    rows[::2] = rows[np.arange(0, NUM, 2) % 6]
    _, path, saved = saved_by(file_kind, tmp_path, ids, rows)
    for file in sorted(tmp_path.iterdir()):
        whole, random = file.read_bytes(), np.random.default_rng(1)
        places = [*range(0, 100, 3), *random.integers(0, len(whole), 40).tolist(), len(whole) - 1]
        harms = [whole[:-1], whole[:50], whole[: len(whole) // 2], b"", b"hello" * 100, whole + b"\0", None]
        for at in places:
            flipped = bytearray(whole)
            flipped[at] ^= 1 << int(random.integers(8))
            harms.append(bytes(flipped))
        for harm in harms:
            file.unlink(missing_ok=True)
            if harm is not None:
                file.write_bytes(harm)
            for ask in ways_to_ask(path, DIM, saved):
                with pytest.raises(UnusableIndexError, match="build it again") as error:
                    ask()
                assert isinstance(error.value, DeviseError)
        file.write_bytes(whole)
    for ask in ways_to_ask(path, DIM, saved):
        ask()


@pytest.mark.parametrize("dim", [1, DIM - 1, DIM + 1, 4 * DIM])
def test_another_dimension_is_told(file_kind: Kind, ids: Ids, dim: int, tmp_path: Path) -> None:
    _, path, saved = saved_by(file_kind, tmp_path, ids, drawn(file_kind.metric))
    for ask in ways_to_ask(path, dim, saved):
        with pytest.raises(UnusableIndexError, match=f"vectors of {DIM} numbers, not {dim}"):
            ask()
