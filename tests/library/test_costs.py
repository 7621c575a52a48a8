"""What the parts cost, counted and not timed: imports, SQL, decodes, passes, and that none grows with the library."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder, brute_force, put_content, rows_of
from PIL import Image

from devise.config import IndexConfig, IngestConfig, Settings
from devise.index.hnsw import available
from devise.index.pca import Projection
from devise.library import Library
from devise.progress import Progress
from devise.search import maintain
from devise.search.searcher import Searcher
from devise.spaces import Calibration
from devise.store.lock import writer
from devise.store.records import Photo
from devise.store.sqlite import database
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words import import_vectors

IDLE = {"torch", "torchvision", "gensim", "scipy", "PIL", "matplotlib", "openvino", "pydantic", "filelock", "rich"}
BATCH = IngestConfig.batch
EVERY = 100  # steps of SQLite's machine between two looks


@dataclass
class Spent:
    statements: list[str] = field(default_factory=list)
    steps: int = 0


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> Spent:
    """What SQLite is asked from now on, by all connections that are opened from now on."""
    counted, connect = Spent(), database._connect

    def step() -> int:
        counted.steps += EVERY
        return 0

    def counting(address: str, threads: bool = False):
        connection = connect(address, threads)
        connection.set_trace_callback(counted.statements.append)
        connection.set_progress_handler(step, EVERY)
        return connection

    monkeypatch.setattr(database, "_connect", counting)
    return counted


@contextmanager
def since(spent: Spent) -> Iterator[Spent]:
    """What was spent within."""
    only = Spent()
    before, steps = len(spent.statements), spent.steps
    yield only
    only.statements, only.steps = spent.statements[before:], spent.steps - steps


def paint(folder: Path, count: int, seed: int) -> Path:
    """Different photos."""
    folder.mkdir()
    for i in range(count):
        noise = np.random.default_rng([i, seed]).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{i:04}.jpg")
    return folder


def filled(path: Path, count: int) -> Library:
    """A library of invented photos in a folder that nobody indexes again; none of them certainly shows a word."""
    library, rows = Library(path), np.random.default_rng(count)
    words, features = FakeEncoder().info.spaces
    unlikely = replace(words, calibration=Calibration(scale=30, bias=-60))
    path.mkdir()
    with writer(path, create=True) as store, store.transaction():
        store.set_model(replace(FakeEncoder().info, spaces=(unlikely, features)), FakeEncoder().labels)
        for i in range(count):
            vectors = {"words": unit(rows.normal(size=4)), "features": unit(rows.normal(size=48))}
            store.put_photo(Photo(f"/elsewhere/{i:06}.jpg", put_content(store, b"%020d" % i, vectors), 1, 1))
    return library


def test_a_whole_search_imports_what_it_needs_and_no_more(tmp_path: Path) -> None:
    folder, library = paint(tmp_path / "photos", 3, 7), tmp_path / "library"
    words = tmp_path / "tiny.txt"
    words.write_text("red 0.9 0.1 0.1 0.1\nblue 0.1 0.2 0.8 0.1\n")
    with Library(library) as opened:
        opened.index([folder], model=FakeEncoder(vectors_fingerprint=import_vectors(str(words)).fingerprint))
    code = (
        "import sys; from devise.cli.main import app\n"
        f"sys.argv = ['devise', 'search', 'red', '--min-score', '0', '--library', {str(library)!r}]"
        "\ntry: app()\nexcept SystemExit as ended: assert not ended.code, ended\n"
        f"print(*sorted({IDLE!r} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    *found, idle = done.stdout.splitlines(keepends=True)
    assert (len(found), idle) == (3, "\n"), done.stderr


@pytest.mark.skipif(not available(), reason="hnswlib is not installed, so there are no graphs")
@pytest.mark.parametrize(
    ("ask", "read", "is_graph_asked"),
    [
        ("library.nearest(unit(np.ones(4)), 5)", {"words"}, False),
        ("library._search().showing(Scoring.of([Term('', unit(np.ones(4)))]), 5)", {"words"}, False),
        ("library._search().showing(Scoring.of([Term('', unit(np.ones(4)))]), 5, certain=0.99)", {"words"}, False),
        ("library.nearest(unit(np.ones(48)), 5, space='features')", {"features"}, True),
        ("library.nearest(unit(np.ones(48)), 500, space='features')", {"features"}, False),
    ],
)
def test_a_search_reads_and_loads_the_index_that_it_asks_and_no_other(
    tmp_path: Path, ask: str, read: set[str], is_graph_asked: bool
) -> None:
    """Each search of ten, from the first one, which reads the file, to those that have it in memory."""
    with filled(tmp_path / "library", 6_000) as library:
        graphs_of(library)
    code = f"""
        import sys, numpy as np
        opened = []
        sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))
        from devise.config import SearchConfig, Settings
        from devise.library import Library
        from devise.search.scoring import Scoring
        from devise.vectors import unit
        from devise.words.queries import Term
        few = Settings(search=SearchConfig(min_candidates_regions=100))  # far between, as in a large library
        with Library({str(tmp_path / "library")!r}, settings=few) as library:
            for number in range(10):
                assert len({ask}) > 0
                names = {{path.split("/")[-1].split("-")[0] for path in opened if path.endswith((".flat", ".graph"))}}
                print(number, *sorted(names), "hnswlib" in sys.modules)
                assert number or "numpy.ma" not in sys.modules, "which takes as long as reading the index"
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    told = [line.split() for line in done.stdout.splitlines()]
    assert len(told) == 10, done.stderr
    assert all({*names} == read for _, *names, _ in told)
    assert [loaded for *_, loaded in told] == [str(is_graph_asked and i >= IndexConfig.scans) for i in range(10)]


def test_statements_and_steps_of_a_run_do_not_grow_with_the_library(tmp_path: Path, spent: Spent) -> None:
    folder, counts = paint(tmp_path / "photos", 40, 3), []
    for size in (1_200, 12_000):
        with filled(tmp_path / f"library-{size}", size) as library:
            graphs_of(library)
            with since(spent) as run:
                assert library.index([folder], model=FakeEncoder()).added == 40
            counts.append(run)
    assert len(counts[0].statements) == len(counts[1].statements)
    assert counts[1].steps < 1.5 * counts[0].steps


def graphs_of(library: Library) -> None:
    with writer(library.path, create=False) as store:
        maintain.update(store, Progress())


def test_statements_of_a_batch(tmp_path: Path, spent: Spent) -> None:
    """Eleven a new photo (its content, two or three vectors, its row and texts) and few beside them."""
    numbers = []
    for count in (32, 64, 96):
        folder = paint(tmp_path / f"photos-{count}", count, count)
        with Library(tmp_path / f"library-{count}") as library, since(spent) as run:
            library.index([folder], model=FakeEncoder())
        numbers.append(sum(not sql.startswith("--") for sql in run.statements))  # FTS5 notes its own so
    assert numbers[2] - numbers[1] == numbers[1] - numbers[0] <= 32 * 14 + 10


def test_each_photo_is_read_and_decoded_once_and_copies_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read, decoded = paint(tmp_path / "photos", 70, 9), [], []
    from devise.library.ingest import prefetch

    read_, load = prefetch.read, prefetch.load
    monkeypatch.setattr(prefetch, "read", lambda path, limits: read.append(path) or read_(path, limits))
    monkeypatch.setattr(prefetch, "load", lambda data, **how: decoded.append(how["path"]) or load(data, **how))
    passes = []
    encoder = FakeEncoder()
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda pixels: passes.append(len(pixels)) or encode(pixels))
    with Library(tmp_path / "library") as library:
        library.index([folder], model=encoder)
        assert (len(read), len(decoded), len({*decoded})) == (70, 70, 70)
        assert len(passes) == math.ceil(70 / BATCH)
        (tmp_path / "copies").mkdir()
        for path in folder.iterdir():
            (tmp_path / "copies" / path.name).write_bytes(path.read_bytes())
        library.index([tmp_path / "copies"])
        assert (len(read), len(decoded), sum(passes)) == (140, 70, 70)


def test_copies_in_the_next_batch_are_not_encoded_again(tmp_path: Path) -> None:
    """They come while the batch before them is being stored."""
    folder, encoder = paint(tmp_path / "photos", BATCH, 9), FakeEncoder()
    for path in list(folder.iterdir()):
        (folder / f"z-{path.name}").write_bytes(path.read_bytes())
    with Library(tmp_path / "library") as library:
        assert library.index([folder], model=encoder).added == 2 * BATCH
        assert encoder.num_encoded == BATCH
        assert library.info().num_photos == 2 * BATCH


@pytest.mark.parametrize("size", [1_500, 6_000])
def test_a_warm_search_asks_little_of_sqlite(tmp_path: Path, spent: Spent, size: int) -> None:
    library = filled(tmp_path / "library", size)
    graphs_of(library)
    with library, Library(library.path) as reader:
        query = unit(np.array([1.0, 2, 3, 4]))
        reader.nearest(query, 10)
        with since(spent) as one:
            reader.nearest(query, 10)
        with since(spent) as many:
            reader.nearest_to_each(np.stack([query] * 50), 10)
    assert [sql.split()[0] for sql in one.statements] == ["SELECT", "BEGIN", "PRAGMA", "SELECT", "SELECT", "COMMIT"]
    assert one.steps < 5_000
    assert len(many.statements) == len(one.statements)


def test_a_projected_graph_finds_what_all_numbers_find(tmp_path: Path) -> None:
    """Vectors that are mostly in few directions, as photos are; queries that are not, as words are."""
    settings = Settings(index=IndexConfig(dim=16))
    random = np.random.default_rng(5)
    rows = unit(random.normal(size=(3_000, 48)) * np.geomspace(1, 1e-3, 48))
    store, paths = Store(tmp_path, write=True), [f"/{i:04}.jpg" for i in range(3_000)]
    with store.transaction():
        store.set_model(FakeEncoder().info, ())
        for path, row in zip(paths, rows, strict=True):
            content = put_content(store, path.encode(), {"features": row, "words": unit(row[:4])})
            store.put_photo(Photo(path, content, 1, 1))
    maintain.update(store, Progress(), settings.index)
    assert store.graph("features").basis is not None
    assert Projection.from_bytes(store.graph("features").basis, 48).dim_of(48) == 16
    kept = rows_of(store, "features")[1]
    queries, searcher = unit(np.vstack([rows[:50] + 0.05, random.normal(size=(50, 48))])), Searcher(store, settings)
    found = [[match.path for match in searcher.nearest(query, 10, space="features")] for query in queries]
    exact = [brute_force(kept, paths, query, 10) for query in queries]
    assert np.mean([len({*a} & {*b}) / 10 for a, b in zip(found, exact, strict=True)]) >= 0.99
    together = searcher.nearest_to_each(queries, 10, space="features")
    assert [[match.path for match in some] for some in together] == found
