"""What every store does. A new one adds a function to STORES and passes all of this as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import servers

from devise.spaces import ModelInfo, Space
from devise.store import opening
from devise.store.base import Store as AnyStore
from devise.store.base import VectorStore, together
from devise.store.filter import Filter
from devise.store.records import Entry, Judged, Photo, Refused
from devise.store.sqlite.store import Store
from devise.vectors import unit

NUM = 40


class Both(NamedTuple):
    catalog: AnyStore
    vectors: VectorStore


@contextmanager
def sqlite(folder: Path) -> Iterator[Both]:
    with closing(Store(folder, write=True)) as store:
        yield Both(store, store.vectors)


@contextmanager
def server(folder: Path) -> Iterator[Both]:
    with servers.address() as at, closing(opening.served(at, create=True)) as store:
        yield Both(store, store.vectors)


STORES: dict[str, Callable] = {"sqlite": sqlite, "server": server}
SPACES = (
    Space(name="seen", dim=12),
    Space(name="exactly", dim=12, dtype="float32"),
    Space(name="looks", dim=7, metric="inner"),
    Space(name="colour", dim=9, metric="l1", dtype="float32"),
    Space(name="code", dim=40, metric="inner", dtype="sparse"),
    Space(name="bits", dim=20, metric="hamming", dtype="bits"),
)


class Says(NamedTuple):
    taken: str | None
    pixels: int
    kind: str
    text: str


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    with STORES[request.param](tmp_path) as made:
        yield made


def rows_for(space: Space, count: int = NUM) -> np.ndarray:
    """Rows of which two are equal; as halves keep them."""
    random = np.random.default_rng(space.dim)
    if space.dtype == "bits":
        rows = np.packbits(random.integers(0, 2, (count, space.dim)), axis=1).astype(np.uint8)
    else:
        rows = random.integers(-8, 9, (count, space.dim)).astype(np.float32)
        rows[:, 0] = 1
        rows = unit(rows) if space.metric == "cosine" else rows * (random.random(rows.shape) < 0.3)
    rows[count // 2] = rows[3]
    return rows


def fill(store: Both, count: int = NUM) -> np.ndarray:
    """The ids of so many contents, each with a photo."""
    with store.catalog.transaction():
        ids = [store.catalog.add_content(b"%020d" % i) for i in range(count)]
        for i, content_id in enumerate(ids):
            store.catalog.put_photo(Photo(f"/photos/{i % 2}/{i:03}.jpg", content_id, i, i))
    return np.array(ids)


def scores_by(space: Space, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """A reference that knows nothing of ours."""
    if space.metric == "hamming":
        return -np.unpackbits(rows ^ query, axis=1).sum(1).astype(float)
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    return -np.abs(rows - query).sum(1) if space.metric == "l1" else rows @ query


def test_ids_only_grow(store: Both) -> None:
    ids = fill(store)
    assert (np.diff(ids) > 0).all()
    assert 0 < ids[0] <= ids[-1] < 1 << 40
    with store.catalog.transaction():
        store.catalog.remove_photos([f"/photos/1/{NUM - 1:03}.jpg"])
        assert store.catalog.remove_orphans() == 1
        assert store.catalog.add_content(b"again") > ids[-1]
        first, second = store.catalog.add_contents([b"zz", b"aa"])
        assert store.catalog.hash_to_id([b"aa", b"zz"]) == {b"zz": first, b"aa": second}
        assert ids[-1] < first < second


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_rows_come_back(store: Both, space: Space) -> None:
    ids, rows = fill(store), rows_for(space)
    assert together(store.vectors.rows(space))[0].tolist() == []
    with store.catalog.transaction():
        store.vectors.put(space, ids[:9], rows[:9])
        store.vectors.put(space, ids[9:], rows[9:])
    found, stored = together(store.vectors.rows(space))
    assert found.tolist() == ids.tolist()
    assert (stored.dtype, stored.shape) == (np.dtype(space.row_type), (NUM, space.width))
    np.testing.assert_allclose(stored, rows, atol=1e-3)
    some, theirs = together(store.vectors.rows(space, np.array([ids[30], ids[2], 1 << 39])))
    assert some.tolist() == [ids[2], ids[30]]
    np.testing.assert_array_equal(theirs, stored[[2, 30]])
    assert together(store.vectors.rows(space, after=ids[35]))[0].tolist() == ids[36:].tolist()
    assert together(store.vectors.rows(space, np.empty(0, np.int64)))[0].tolist() == []
    for other in SPACES:
        if other != space:
            assert together(store.vectors.rows(other))[0].tolist() == []


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_search_finds_what_brute_force_finds(store: Both, space: Space) -> None:
    ids, rows = fill(store), rows_for(space)
    with store.catalog.transaction():
        store.vectors.put(space, ids, rows)
    stored = together(store.vectors.rows(space))[1]
    queries = rows[[3, 5, 11]]
    for among in (None, ids[::3], np.empty(0, np.int64)):
        live = np.arange(NUM) if among is None else np.flatnonzero(np.isin(ids, among))
        for k in (1, 7, 3 * NUM):
            for query, hits in zip(queries, store.vectors.search(space, queries, k, among), strict=True):
                scores = scores_by(space, stored[live], query)
                best = np.lexsort((live, -np.round(scores, 4)))[:k]
                np.testing.assert_allclose(hits.scores, scores[best], atol=1e-5)
                assert set(hits.ids.tolist()) == set(ids[live[best]].tolist()) or len(set(scores)) < len(scores)
    assert len(store.vectors.search(SPACES[0] if space != SPACES[0] else SPACES[1], rows[:1], 3)[0]) == 0


def test_equal_rows_come_by_id(store: Both) -> None:
    ids = fill(store)
    for space in SPACES:
        rows = np.repeat(rows_for(space)[:1], NUM, axis=0)
        with store.catalog.transaction():
            store.vectors.put(space, ids, rows)
        (hits,) = store.vectors.search(space, rows[:1], 5)
        assert hits.ids.tolist() == ids[:5].tolist()


@pytest.mark.parametrize(
    ("number", "rows"),
    [
        (0, np.ones((1, 12))),
        (0, np.full((1, 12), np.nan)),
        (0, unit(np.ones((1, 11)))),
        (1, np.zeros((1, 12))),
        (2, np.full((1, 7), 1e9)),
        (3, np.full((1, 9), np.inf)),
        (4, np.full((1, 40), 1e9)),
        (5, np.full((1, 3), 255, np.uint8)),
        (5, np.zeros((1, 20), np.uint8)),
    ],
    ids=["long", "nan", "narrow", "zero", "too large", "infinite", "large and sparse", "bits behind", "unpacked"],
)
def test_rows_that_a_space_cannot_hold_are_refused(store: Both, number: int, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        store.vectors.put(SPACES[number], np.array([1]), rows)
    assert together(store.vectors.rows(SPACES[number]))[0].tolist() == []


def test_rows_go_with_their_content(store: Both) -> None:
    ids = fill(store)
    with store.catalog.transaction():
        for space in SPACES:
            store.vectors.put(space, ids, rows_for(space))
        store.vectors.delete(ids[:2])
        store.catalog.remove_photos(["/photos/0/002.jpg", "/photos/1/003.jpg"])
        assert store.catalog.remove_orphans() == 2
    for space in SPACES:
        assert together(store.vectors.rows(space))[0].tolist() == ids[4:].tolist()


def test_rows_of_one_space_go(store: Both) -> None:
    ids = fill(store)
    with store.catalog.transaction():
        for space in SPACES[:3]:
            store.vectors.put(space, ids, rows_for(space))
        store.vectors.clear(SPACES[0])
        store.vectors.clear(SPACES[1], ids[:3])
        store.vectors.clear(SPACES[3])  # which has none
    left = [together(store.vectors.rows(space))[0].tolist() for space in SPACES[:3]]
    assert left == [[], ids[3:].tolist(), ids.tolist()]


def test_regions_come_with_their_photos(store: Both) -> None:
    ids, space = fill(store, 6), Space(name="words", dim=12, num_regions=4)
    whole, regions = unit(rows_for(space, 6)), unit(np.random.default_rng(1).normal(size=(6, 4, 12)))
    with store.catalog.transaction():
        store.vectors.put(space, ids, whole)
    ((_, rows, none),) = store.vectors.regions(space)
    assert none.vectors().shape == (6, 0, 12)
    with store.catalog.transaction():
        store.vectors.put(space.regions(), ids, regions)
    ((found, rows, made),) = store.vectors.regions(space, ids[[4, 1]])
    assert found.tolist() == ids[[1, 4]].tolist()
    np.testing.assert_allclose(rows, whole[[1, 4]], atol=1e-3)
    np.testing.assert_allclose(made.vectors(), regions[[1, 4]], atol=0.02)
    assert [some.tolist() for some, _, _ in store.vectors.regions(space, after=ids[3])] == [ids[4:].tolist()]


def test_a_transaction_is_all_or_nothing(store: Both) -> None:
    ids, space = fill(store), SPACES[0]
    with suppress(RuntimeError), store.catalog.transaction():
        store.vectors.put(space, ids, rows_for(space))
        store.catalog.remove_photos(["/photos/0/000.jpg"])
        raise RuntimeError
    assert together(store.vectors.rows(space))[0].tolist() == []
    assert len([*store.catalog.photos()]) == NUM


def test_photos_are_known_by_path_folder_and_content(store: Both) -> None:
    ids = fill(store, 6)
    with store.catalog.transaction():
        store.catalog.put_photo(Photo("/photos/0/000.jpg", int(ids[1]), 9, 9))
        store.catalog.put_skipped(Refused("/photos/1/005.jpg", 5, 5, "why"))
    assert store.catalog.photo("/photos/0/000.jpg") == Photo("/photos/0/000.jpg", ids[1], 9, 9)
    assert store.catalog.photo("/nowhere") is None
    assert [photo.path for photo in store.catalog.photos(["/photos/1"])] == ["/photos/1/001.jpg", "/photos/1/003.jpg"]
    assert sorted(store.catalog.paths_of(ids)[ids[1]]) == ["/photos/0/000.jpg", "/photos/1/001.jpg"]
    assert list(store.catalog.skipped()) == [Refused("/photos/1/005.jpg", 5, 5, "why")]
    assert store.catalog.content_of_hash(b"%020d" % 2) == ids[2]
    with store.catalog.snapshot():
        assert store.catalog.ids(after=int(ids[3])).tolist() == ids[4:].tolist()


def test_filters_and_texts(store: Both) -> None:
    ids = fill(store, 8)
    with store.catalog.transaction():
        for i in range(8):
            path = f"/photos/{i % 2}/{i:03}.jpg"
            says = Says(
                f"20{10 + i}-05-13T10:11:12" if i else None, 10**6 * i, "png" if i < 4 else "jpg", "sea " * (i % 3)
            )
            store.catalog.put_texts(path, "", says, ["/photos"])
    expected = {
        Filter(): range(8),
        Filter(inside="/photos/1"): (1, 3, 5, 7),
        Filter(after="2012", before="2015-06"): (2, 3, 4, 5),
        Filter(kind="png", larger="2MP"): (2, 3),
        Filter(text="sea"): (1, 2, 4, 5, 7),
        Filter(text="sea 00*", without=("005",)): (1, 2, 4, 7),
        Filter(text="photos", kind="gif"): (),
    }
    for where, wanted in expected.items():
        assert store.catalog.ids(where).tolist() == ids[list(wanted)].tolist(), where
        assert store.catalog.count(where) == len(wanted)
        assert sorted(store.catalog.paths_of(ids, where)) == ids[list(wanted)].tolist()
    assert store.catalog.having("sea") == 5
    best = store.catalog.best_texts(Filter(text="sea"), 2)
    assert [path for path, _ in best] == ["/photos/0/002.jpg", "/photos/1/005.jpg"]
    assert best[0][1] == best[1][1] > 0


def test_judgements(store: Both) -> None:
    judged = [Judged("cat", f"/{i}.jpg", i > 0, f"2026-01-0{i + 1}", b"%d" % i) for i in range(3)]
    assert not store.catalog.judgements.any()
    assert store.catalog.judgements.last_time() == ""
    with store.catalog.transaction():
        store.catalog.judgements.add(judged[:1])
        store.catalog.judgements.add(judged[1:])
    assert store.catalog.judgements.all() == judged
    assert store.catalog.judgements.last_time() == "2026-01-03"
    with store.catalog.transaction():
        assert store.catalog.judgements.undo() == judged[1:]
    assert store.catalog.judgements.all() == judged[:1]


def test_photos_are_listed_by_content_the_latest_first(store: Both) -> None:
    catalog, listing = store.catalog, store.catalog.listing
    with catalog.transaction():
        red, blue = catalog.add_content(b"red"), catalog.add_content(b"blue")
        for path, content, taken in (("/b/new.jpg", red, "2021-01-01T00:00:00"), ("/a/copy.jpg", red, None),
                                     ("/a/old.png", blue, "2019-01-01T00:00:00")):  # fmt: skip
            catalog.put_photo(Photo(path, content, 10, 1))
            catalog.put_texts(path, "", Says(taken, 12, path[-3:], "a caption\nand one more"), ["/"])
    assert listing.ids_of(["/a/old.png", "/b/new.jpg", "/none"]) == {"/a/old.png": blue, "/b/new.jpg": red}
    assert listing.ids_of([]) == {}
    assert [card.path for card in listing.cards(red)] == ["/a/copy.jpg", "/b/new.jpg"]
    assert "and one more" in listing.cards(blue)[0].captions
    assert listing.cards(99) == []
    everything = [("/b/new.jpg", red), ("/a/old.png", blue), ("/a/copy.jpg", red)]
    assert listing.latest(Filter(), 9) == everything
    assert listing.latest(Filter(), 1, 1) == everything[1:2]
    assert listing.latest(Filter(inside="/a"), 9) == everything[1:]
    assert listing.kinds() == {"jpg": 2, "png": 1}


def test_texts_are_taken_apart_alike(store: Both) -> None:
    """Phrases, beginnings, accents, scripts without spaces: as SQLite's FTS5 finds them."""
    texts = (
        "New York at night",
        "York is new",
        "a café in Zürich",
        "家族写真2019",
        "tom's dog_2020.jpg",
        "NEW  york, new york",
    )
    ids = fill(store, len(texts))
    with store.catalog.transaction():
        for i, text in enumerate(texts):
            store.catalog.put_texts(f"/photos/{i % 2}/{i:03}.jpg", "", Says(None, 1, "jpg", text), ["/photos"])
    expected = {
        '"new york"': (0, 5), "new york": (0, 1, 5), "cafe": (2,), "CAFÉ": (2,), "zurich": (2,), "yor*": (0, 1, 5),
        "写真": (3,), "dog": (4,), "2020": (4,), "tom": (4,), '"york new"': (5,), "tomsdog": (), "0 new": (0,),
    }  # fmt: skip
    for text, wanted in expected.items():
        assert store.catalog.ids(Filter(text=text)).tolist() == ids[list(wanted)].tolist(), text
        assert store.catalog.having(text) == len(wanted), text
    assert [path[-7:] for path, _ in store.catalog.best_texts(Filter(text='"new york"'), 9)] == ["005.jpg", "000.jpg"]
    assert store.catalog.best_texts(Filter(text="cafe"), 1)[0][1] == pytest.approx(1.3118, abs=1e-3)  # as FTS5 has it


def test_photos_go_to_another_store_with_all_that_is_known(store: Both) -> None:
    entry = Entry(
        os.fsdecode(b"/p/\xff.jpg"), b"%020d" % 1, 5, 7, "2020-01-02T03:04:05", 12, "jpg", "v4", "p names", "sea"
    )
    bare = Entry("/p/b.jpg", b"%020d" % 1, 6, 8, None, None, None, None, None, None)
    with store.catalog.transaction():
        store.catalog.add_content(entry.digest)
        store.catalog.put_entries([entry._replace(names="other"), bare])
        store.catalog.put_entries([entry])
        store.catalog.put_entries([])
    assert sorted(store.catalog.entries()) == sorted([bare, entry])
    assert store.catalog.having("names sea") == 1
    assert [photo.stamp for photo in store.catalog.photos(["/p"])] in (["v4", None], [None, "v4"])


def test_facts_about_the_library(store: Both) -> None:
    catalog, model = store.catalog, ModelInfo(name="m", fingerprint="f", spaces=SPACES[:1])
    assert (catalog.model(), catalog.labels(), catalog.roots(), catalog.model_path()) == (None, (), [], None)
    before = catalog.version(), catalog.place()
    with catalog.transaction():
        catalog.set_model(model, ["a", "b"])
        catalog.add_roots(["/b", "/a"])
        catalog.remove_roots(["/b"])
        catalog.set_unfinished(["phash"])
        catalog.set_model_path("/m.safetensors")
        catalog.forget_skipped(7)
        catalog.next_revision()
    assert (catalog.model(), catalog.labels(), catalog.roots()) == (model, ("a", "b"), ["/a"])
    assert (catalog.unfinished(), catalog.model_path(), catalog.refused_by()) == (("phash",), "/m.safetensors", 7)
    assert catalog.revision() >= 1
    assert catalog.place() == before[1]
    assert catalog.space("seen") == SPACES[0]
    assert catalog.num_bytes() > 0
    ids = fill(store, 2)
    with closing(catalog.known_hashes()) as known:
        assert b"%020d" % 0 in known
        assert b"none" not in known
    assert catalog.hash_to_id([b"%020d" % 1, b"none"]) == {b"%020d" % 1: ids[1]}
    assert [path for path, *_ in catalog.facts()] == catalog.paths() == ["/photos/0/000.jpg", "/photos/1/001.jpg"]
    assert catalog.paths_ending("001.jpg") == ["/photos/1/001.jpg"]
