"""Search is a sort of all photos by cosine, whatever graph stands in between."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeEncoder, brute_force, rows_of
from PIL import Image

from devise.config import IndexConfig, SearchConfig, Settings
from devise.errors import LibraryError, PhotoError
from devise.library import Library
from devise.progress import Progress
from devise.store import codec
from devise.store.lock import writer
from devise.vectors import unit

NUM = 120
LARGE = Settings(index=IndexConfig(exact_below=50, min_behind=50), search=SearchConfig(min_candidates=40, candidates=4))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """120 photos of random colours, and some pairs of equal ones with other bytes (other compression)."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(3)
    for i in range(NUM - 10):
        Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8)).save(folder / f"{i:03}.png")
    for i in range(10):
        image = Image.open(folder / f"{i:03}.png")
        image.save(folder / f"twin{i:03}.png", compress_level=0)
    return folder


@pytest.fixture(params=[False, True], ids=["scan", "graph"])
def library(request, many, tmp_path):
    """The same library, answered by a scan and by indices."""
    with Library(tmp_path / "library", settings=LARGE if request.param else Settings()) as opened:
        opened.index([many], model=FakeEncoder())
        assert bool(index_files(opened)) == request.param
        yield opened


def stored(library, space):
    store = library._reader()
    ids = store.ids()
    paths = store.paths_of(ids)
    return rows_of(store, space, ids)[1], [paths[i][0] for i in ids.tolist()]


@pytest.mark.parametrize("space", ["words", "features"])
def test_order_is_that_of_brute_force(library, space):
    rows, paths = stored(library, space)
    random = np.random.default_rng(0)
    for _ in range(20):
        query = unit(np.abs(random.normal(size=rows.shape[1])))
        found = library.nearest(query, 7, space=space)
        assert [match.path for match in found] == brute_force(rows, paths, query, 7)
        np.testing.assert_allclose(found[0].score, (rows @ query).max(), atol=1e-6)


def test_equal_photos_stand_by_path(library):
    rows, paths = stored(library, "words")
    at = paths.index(next(path for path in paths if path.endswith("/000.png")))
    first, second = library.nearest(rows[at], 2)
    assert first.score == second.score
    assert first.path < second.path


def test_k_beyond_the_library_gives_all(library):
    rows, paths = stored(library, "words")
    found = library.nearest(rows[0], 10_000)
    assert sorted(match.path for match in found) == sorted(paths)
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one(library, many, k):
    for ask in (
        lambda: library.nearest(unit(np.ones(4)), k),
        lambda: library.similar(many / "000.png", k),
        lambda: library.search("red", k),
    ):
        with pytest.raises(LibraryError, match=f"k must be at least 1, not {k}"):
            ask()


@pytest.mark.parametrize("k", [1, 7, 200])
def test_many_vectors_at_once_have_the_answers_of_each(library, k):
    queries = unit(np.abs(np.random.default_rng(5).normal(size=(30, 48))))
    expected = [library.nearest(query, k, space="features") for query in queries]
    assert library.nearest_to_each(queries, k, space="features") == expected


def test_a_program_that_asks_often_reads_vectors_once(library, many, monkeypatch):
    often = replace(library.settings, index=replace(library.settings.index, cache_after=NUM // 5))
    library = Library(library.path, settings=often)
    rows, paths = stored(library, "features")
    query = unit(np.ones(48))
    expected = library.nearest(query, 5, space="features")
    asked = []
    decoded = codec.decoded
    monkeypatch.setattr(codec, "decoded", lambda *rows: asked.append(rows) or decoded(*rows))
    counts = []
    for _ in range(12):
        assert library.nearest(query, 5, space="features") == expected
        counts.append(len(asked))
    assert counts[3] > 0
    assert counts[-1] == counts[-5]
    (many / "new.png").write_bytes((many / "000.png").read_bytes() + b"\0")
    with Library(library.path, settings=often) as other:
        assert other.index(model=FakeEncoder()).added == 1
    found = library.nearest(rows[paths.index(str(many / "000.png"))], 9, space="features")
    assert str(many / "new.png") in [match.path for match in found]
    (many / "new.png").unlink()


def test_photos_younger_than_the_graph_are_found(library, many, tmp_path, monkeypatch):
    monkeypatch.setattr("devise.search.maintain.update", lambda *_: None)
    folder = tmp_path / "late"
    folder.mkdir()
    Image.new("RGB", (8, 8), (0, 0, 255)).save(folder / "blue.png")
    library.index([folder])
    assert library.nearest(unit([0, 0, 1, 0.1]), 1)[0].path == str(folder / "blue.png")


def test_deleted_photos_drop_out_before_the_graph_knows(library, many, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(many, copy)
    rows, _ = stored(library, "words")
    best = library.nearest(rows[5], 3)
    library.index([copy])
    monkeypatch.setattr("devise.search.maintain.update", lambda *_: None)
    with writer(library.path, create=False) as store, store.transaction():
        store.remove_photos([best[0].path, best[0].path.replace(str(many), str(copy))])
        store.remove_orphans()
    after = [match.path for match in library.nearest(rows[5], 3)]
    assert best[0].path not in after
    assert len(after) == 3


def test_a_vector_of_another_space_is_refused(library):
    with pytest.raises(LibraryError, match="48"):
        library.nearest(unit(np.ones(48)), 3)
    with pytest.raises(LibraryError, match="no space"):
        library.nearest(unit(np.ones(48)), 3, space="smells")


def test_similar_leaves_out_the_photo_and_its_copies(library, many, tmp_path):
    shutil.copy(many / "020.png", tmp_path / "outside.png")
    inside = library.similar(many / "020.png", 5)
    outside = library.similar(tmp_path / "outside.png", 5)
    assert inside == outside
    assert str(many / "020.png") not in [match.path for match in inside]
    assert len(inside) == 5


def test_similar_to_a_photo_from_outside(library, many, tmp_path):
    Image.open(many / "033.png").resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / "big.png")
    assert library.similar(tmp_path / "big.png", 1)[0].path == str(many / "033.png")
    with pytest.raises(PhotoError, match="no such file"):
        library.similar(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("x")
    with pytest.raises(PhotoError, match="text"):
        library.similar(tmp_path / "text.png")


def test_similar_needs_no_model_for_photos_of_the_library(library, many, monkeypatch):
    monkeypatch.setattr("devise.library.models.open_encoder", lambda *_: pytest.fail("opened"))
    with Library(library.path) as again:
        assert len(again.similar(many / "001.png", 3)) == 3


def test_an_outside_photo_asks_for_the_model_that_built_the_library(library, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "new.png")
    other = Library(library.path, model=FakeEncoder("other", "0" * 64))
    with other, pytest.raises(LibraryError, match=r'"fake".*"other"'):
        other.similar(tmp_path / "new.png")


class Notes(Progress):
    def __init__(self):
        self.notes, self.built = [], []

    def note(self, text):
        self.notes.append(text)

    def building(self, space, done, total):
        self.built.append((space, done, total))


def index_files(library):
    return sorted(path.name for kind in ("*.graph", "*.flat") for path in library.path.glob(kind))


@pytest.fixture
def graphed(many, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(many, folder)
    with Library(tmp_path / "library", settings=LARGE) as opened:
        opened.index([folder], model=FakeEncoder())
        yield opened, folder


def lacking(behind):
    return replace(LARGE, index=replace(LARGE.index, min_behind=behind))


def check_exact(library):
    rows, paths = stored(library, "words")
    for query in rows[::17]:
        found = [match.path for match in library.nearest(query, 5)]
        assert found == brute_force(rows, paths, query, 5)


@pytest.mark.parametrize("damage", ["missing", "flipped", "short", "foreign"])
def test_a_damaged_graph_is_scanned_around_and_built_again(graphed, damage):
    library, folder = graphed
    for name in index_files(library):
        path = library.path / name
        data = bytearray(path.read_bytes())
        if damage == "missing":
            path.unlink()
        elif damage == "flipped":
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
        else:
            path.write_bytes(data[: len(data) // 2] if damage == "short" else b"not a graph")
    with Library(library.path, settings=LARGE) as reader:
        check_exact(reader)
        (note,) = reader.nearest(unit(np.ones(4)), 1).notes
        assert (note.kind, note.data["space"]) == ("index", "words"), "what was asked"
    notes = Notes()
    library.index([folder], progress=notes)
    assert sorted(note.split()[3] for note in notes.notes) == ["features", "words"]
    assert len(index_files(library)) == 2
    check_exact(library)


def test_an_unchanged_run_leaves_graphs_alone(graphed):
    library, folder = graphed
    before, notes = index_files(library), Notes()
    library.index([folder], progress=notes)
    assert (index_files(library), notes.built, notes.notes) == (before, [], [])


@pytest.mark.parametrize("behind", [0, 8, 50])
def test_indices_follow_added_and_deleted_photos(graphed, behind):
    """A few photos more or less leave them as they are, and are found or not found all the same."""
    library, folder = graphed
    library = Library(library.path, model=FakeEncoder(), settings=lacking(behind))
    before = index_files(library)
    check_exact(library)  # with graphs in memory
    for i in range(5):
        (folder / f"{20 + i:03}.png").unlink()
        Image.new("RGB", (8, 8), (i * 40, 255 - i * 40, 7)).save(folder / f"new{i}.png")
    notes = Notes()
    library.index([folder], progress=notes)
    assert (("words", 5, 5) in notes.built) == (behind < 10)
    assert (index_files(library) == before) == (behind == 50)
    assert len(index_files(library)) == 2
    check_exact(library)
    with Library(library.path, settings=LARGE) as another:
        check_exact(another)
    for i in range(5):
        (folder / f"new{i}.png").unlink()
    library.index([folder])
    check_exact(library)


def test_a_reader_with_a_graph_in_memory_sees_what_others_write(graphed):
    library, folder = graphed
    with Library(library.path, settings=LARGE) as reader:
        check_exact(reader)
        for path in sorted(folder.iterdir())[10:30]:
            path.unlink()
        Image.new("RGB", (8, 8), (3, 250, 7)).save(folder / "late.png")
        library.index([folder])
        check_exact(reader)


def test_a_graph_with_many_deleted_is_built_anew(graphed):
    library, folder = graphed
    library = Library(library.path, model=FakeEncoder(), settings=lacking(10))
    for i in range(30, 70):
        (folder / f"{i:03}.png").unlink()
    notes = Notes()
    library.index([folder], progress=notes)
    assert ("features", 80, 80) in notes.built
    assert ("words", 0, 0) in notes.built, "what is removed from a flat file is gone"
    check_exact(library)
    for i in range(70, 108):
        (folder / f"{i:03}.png").unlink()
    library.index([folder])
    assert index_files(library) == [], "a small library needs no index"
    check_exact(library)


def test_a_library_that_is_not_there_or_empty(tmp_path, many):
    library = Library(tmp_path / "nowhere")
    for ask in (lambda: library.nearest(unit(np.ones(4))), lambda: library.similar(many / "000.png")):
        with pytest.raises(LibraryError, match=r"no library at .*devise index FOLDER"):
            ask()
    assert (len(library), library.paths(), library.info().exists) == (0, [], False)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "one").mkdir()
    shutil.copy(many / "000.png", tmp_path / "one")
    library.index([tmp_path / "one"], model=FakeEncoder())
    shutil.rmtree(tmp_path / "one")
    library.index(allow_empty=True)
    with pytest.raises(LibraryError, match="holds no photos; run: devise index FOLDER"):
        library.nearest(unit(np.ones(4)))
