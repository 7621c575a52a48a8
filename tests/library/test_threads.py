"""One open library serves many threads: answers equal to those of one, each thing loaded once, an end that is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_class_weights import classes
from test_library import write_words

from devise.config import IndexConfig, Settings
from devise.errors import LibraryError
from devise.library import Library, Where
from devise.search.vector_cache import VectorCache
from devise.store.sqlite import database

THREADS, SEARCHES = 8, 200
NUM = 90
SETTINGS = Settings(index=IndexConfig(exact_below=50, scans=2, cache_after=45))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random, folder = np.random.default_rng(7), tmp_path / "photos"
    folder.mkdir()
    for i in range(NUM):
        kind = "png" if i % 2 else "jpg"
        Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8)).save(folder / f"{i:03}.{kind}")
        if i % 3 == 0:
            (folder / f"{i:03}.txt").write_text("zugspitze" if i % 2 else "garda")
    return folder


@pytest.fixture
def library(tmp_path: Path, photos: Path):
    with Library(tmp_path / "library", settings=SETTINGS) as opened:
        opened.index([photos], model=FakeEncoder(vectors_fingerprint=write_words()))
        opened._resources.put("classes", classes())
        yield opened


def asking(library: Library, photos: Path) -> list[Callable[[], object]]:
    """Words, photos in the library and outside, filters, texts, class weights, tags, vectors."""
    outside = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    png = Where(kind="png")
    rows = library.vectors()[1]
    return [
        lambda: library.search("red"),
        lambda: library.search("red green -blue", 5),
        lambda: library.search("grey", where=png),
        lambda: library.search("red zugspitze", where=Where(text="zug*")),
        lambda: library.search(where=Where(text="garda")),
        lambda: library.search([outside, "+ red"], 4),
        lambda: library.search("red", 4, like="tabby"),
        lambda: library.similar(photos / "010.jpg", 6),
        lambda: library.similar(photos / "011.png", 6, where=png),
        lambda: library.similar(photos / "012.jpg", 6, like="cougar"),
        lambda: library.similar(outside, 3, space="words"),
        lambda: library.tag(photos / "013.png", 3),
        lambda: library.tag(outside, any_word=True),
        lambda: library.explain(photos / "014.jpg", "red")[0].term,
        lambda: library.nearest_to_each(rows[:9], 3),
        lambda: (len(library), library.count(png), len(library.paths())),
    ]


def test_many_threads_have_the_answers_of_one(library: Library, photos: Path) -> None:
    asks = asking(library, photos)
    expected = [ask() for ask in asks]
    begin = threading.Barrier(THREADS)

    def search(thread: int) -> int:
        begin.wait()
        order = np.random.default_rng(thread).integers(0, len(asks), SEARCHES).tolist()
        return sum(asks[at]() == expected[at] for at in order)

    with Library(library.path, model=library._resources.model, settings=SETTINGS) as fresh:
        fresh._resources.put("classes", classes())
        asks = asking(fresh, photos)
        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(search, range(THREADS))) == [SEARCHES] * THREADS


def test_what_is_loaded_is_shared(library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: Counter[str] = Counter()
    connect, cached = database._connect, VectorCache.of
    monkeypatch.setattr(database, "_connect", lambda *given: loaded.update(["reader"]) or connect(*given))
    counted = staticmethod(
        lambda store, space, *more: loaded.update([f"vectors of {space.name}"]) or cached(store, space, *more)
    )
    monkeypatch.setattr(VectorCache, "of", counted)
    begin = threading.Barrier(THREADS)

    def search(thread: int) -> None:
        begin.wait()
        for _ in range(10):
            library.similar(photos / "010.jpg", 6)

    before = library.similar(photos / "010.jpg", 6)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(search, range(THREADS)))
    assert loaded == {"reader": THREADS + 1, "vectors of features": 1}
    assert library.similar(photos / "010.jpg", 6) == before


def test_a_thread_that_ends_closes_its_reader(library: Library) -> None:
    stores = []

    def search() -> None:
        library.search("red")
        stores.append(library._reader())

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    with pytest.raises(LibraryError, match="was closed"):
        stores[0].num_photos()
    assert len(library.search("red")) == 9


def test_one_thread_indexes_while_others_search(library: Library, photos: Path) -> None:
    done = threading.Event()
    model = library._resources.model
    stays = [str(path) for path in photos.iterdir() if path.suffix != ".txt"]

    def search() -> int:
        count = 0
        while not done.is_set() or not count:
            paths = {match.path for match in library.search("red", 500, min_probability=0)}
            assert {*stays} <= paths
            assert str(photos / "010.jpg") not in {m.path for m in library.similar(photos / "010.jpg", 500)}
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(search) for _ in range(3)]
        try:
            for i in range(6):
                Image.new("RGB", (8, 8), (i * 40, 9, 9)).save(photos / f"new{i}.png")
                assert pool.submit(library.index, model=model).result().added == 1
                (photos / f"new{i}.png").unlink()
                assert library.index(model=model).removed == 1
        finally:
            done.set()
        assert all(found.result() for found in searching)
    assert len(library) == NUM


def test_runs_of_one_program_take_turns(library: Library, photos: Path) -> None:
    """As of a page's button while folders are watched: the second waits, and is not told of "another devise"."""
    for i in range(6):
        Image.new("RGB", (8, 8), (i * 40, 9, 90)).save(photos / f"new{i}.png")
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(library.index) for _ in range(2)]
        runs += [pool.submit(library.refresh, [photos / f"new{i}.png" for i in range(6)]) for _ in range(2)]
        assert sum(run.result().added for run in runs) == 6


def test_an_end_while_others_search(library: Library) -> None:
    """A search that is under way is told; none crashes, and a library that is asked again opens again."""
    begun, ended = threading.Event(), threading.Event()
    told: list[BaseException] = []

    def scan() -> None:
        try:
            with library._reader().snapshot():
                library._reader().num_photos()
                begun.set()
                ended.wait()
                store.num_photos()
        except BaseException as error:
            told.append(error)

    def search() -> None:
        while not ended.is_set():
            try:
                library.search("red")
            except BaseException as error:
                told.append(error)

    def keeping() -> None:
        nonlocal store
        store = library._reader()
        scan()

    store = library._reader()
    threads = [threading.Thread(target=target) for target in (keeping, search, search, search)]
    for thread in threads:
        thread.start()
    assert begun.wait(60), told
    for _ in range(20):
        library.close()
    ended.set()
    for thread in threads:
        thread.join()
    assert told
    assert {type(error) for error in told} == {LibraryError}
    assert {str(error) for error in told} == {f"the library {library.path} was closed while it was asked; ask again"}
    assert len(library.search("red")) == 9


def test_taggers_are_forgotten_while_they_are_asked_for(library: Library, photos: Path) -> None:
    """By a run of indexing, in another thread, between a look whether one is there and taking it."""

    class Forgetful(dict[object, object]):
        def __contains__(self, key: object) -> bool:
            return super().__contains__(key) and self.pop(key, None) is not None

    photo = next(iter(library.paths()))
    expected = library.tag(photo).to_json()
    library._resources._opened = Forgetful(library._resources._opened)
    for _ in range(3):
        assert library.tag(photo).to_json() == expected
