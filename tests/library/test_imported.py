"""Vectors made elsewhere are a space of a library: searched as ours, kept by all that a library does."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise import Library
from devise.config import IndexConfig, Settings
from devise.errors import DeviseError, PhotoError
from devise.library.exchange.bring import bring, drop
from devise.library.exchange.export import export
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.store.sqlite.store import Store
from devise.words import import_vectors

NAMES = ("black", "blue", "green", "red", "white", "yellow")
WORDS = ("dark", "sea", "leaf", "fire", "snow", "sun")
EYE = np.eye(6, dtype=np.float32) + 0.1
SMALL = Settings(index=IndexConfig(exact_below=3, min_behind=3))


@pytest.fixture
def folder(album: Path, tmp_path: Path) -> Path:
    """A library whose photos have a direction each, elsewhere, and a word for each."""
    with Library(tmp_path / "library", model=FakeEncoder()) as library:
        library.index([album])
    np.savez(tmp_path / "words.npz", words=np.array(WORDS), vectors=EYE)
    import_vectors(str(tmp_path / "words.npz"), "other")
    return tmp_path / "library"


def saved(file: Path, rows=EYE, names=NAMES, **more) -> Path:
    """paths end as the library's do."""
    np.savez(file, paths=np.array([f"{name}.png" for name in names]), vectors=rows, **more)
    return file


def names(answer) -> list[str]:
    return [Path(match.path).stem for match in answer]


def test_it_is_searched_as_ours(folder: Path, tmp_path: Path, album: Path) -> None:
    done = bring(folder, saved(tmp_path / "a.npz"), "clip", words="other", settings=SMALL)
    assert (done.num_photos, done.num_lacking, done.dim) == (6, 0, 6)
    with Library(folder, model=FakeEncoder(), settings=SMALL) as library:
        assert names(library.search("fire", 1, space="clip")) == ["red"]
        assert set(names(library.search("fire sea", 2, space="clip"))) == {"red", "blue"}
        assert names(library.search([album / "red.png", "+ sea"], 2, space="clip"))[0] in ("red", "blue")
        assert library.similar(album / "red.png", 9, space="clip")[0].score == pytest.approx(
            EYE[0] @ EYE[1] / (EYE[0] @ EYE[0]), abs=1e-3
        )
        assert len(library.similar(album / "red.png", 9, space="words,0.5:clip")) == 5
        assert (library.vectors("clip")[1] @ library.vectors("clip")[1].T).diagonal() == pytest.approx(1)
    assert check(folder) == []


def test_photos_that_it_lacks_are_told(folder: Path, tmp_path: Path, album: Path, draw) -> None:
    bring(folder, saved(tmp_path / "a.npz", EYE[:4], NAMES[:4]), "clip", settings=SMALL)
    draw("album/pink.png", (250, 150, 200))
    with Library(folder, model=FakeEncoder(), settings=SMALL) as library:
        assert library.index().added == 1  # and the space stays
        answer = library.similar(album / "red.png", space="clip")
        assert len(answer) == 3
        assert "3 photos have no clip yet" in answer.notes[0].text
        with pytest.raises(PhotoError, match="no vector in"):
            library.similar(album / "pink.png", space="clip")
        with pytest.raises(DeviseError, match="no words are known"):
            library.search("fire", space="clip")
    assert check(folder) == []
    done = bring(folder, saved(tmp_path / "b.npz"), "clip", mode="add", settings=SMALL)
    assert (done.num_photos, done.num_kept, done.num_lacking) == (2, 4, 1)
    drop(folder, "clip")
    with Library(folder) as library, pytest.raises(DeviseError, match="no space"):
        library.similar(album / "red.png", space="clip")
    assert check(folder) == []


def test_exports_come_back_in_every_form(folder: Path, tmp_path: Path) -> None:
    """By hash: the paths need not be those of the library."""
    with Library(folder) as library:
        rows = library.vectors("features")[1]
    for form, suffix in (("npy", "npz"), ("jsonl", "jsonl")):
        export(folder, tmp_path / f"out.{suffix}", "features", form)
        lines = (tmp_path / f"out.{suffix}").read_bytes().replace(b"/album/", b"/other/")
        (tmp_path / f"out.{suffix}").write_bytes(lines if suffix == "jsonl" else (tmp_path / "out.npz").read_bytes())
        assert bring(folder, tmp_path / f"out.{suffix}", f"again-{form}").num_photos == 6
        with Library(folder) as library:
            assert library.vectors(f"again-{form}")[1] == pytest.approx(rows, abs=1e-6)


NAN = np.where(EYE > 1, np.nan, EYE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda file: saved(file, EYE[:5]), "5 vectors and 6 paths"),
        (lambda file: saved(file, NAN), "without direction"),
        (lambda file: saved(file, EYE[:2], ("pink", "grey")), "2 photos are not in the library: pink.png, grey.png"),
        (lambda file: saved(file, EYE[:2], ("red", "red")), "1 photo comes twice, with other vectors: red.png"),
        (lambda file: np.savez(file, vectors=EYE), "it needs vectors, and paths or hashes"),
        (lambda file: np.savez(file, vectors=EYE[0], paths=np.array(NAMES)), "has to be rows of numbers"),
        (lambda file: np.savez(file, vectors=EYE, paths=np.array(NAMES, object)), "Python objects"),
        (lambda file: file.write_bytes(saved(file).read_bytes()[:400]), "cannot be read"),
        (lambda file: saved(file, EYE[:, :4]), "4 numbers, the words other of 6"),
    ],
)
def test_bad_files_change_nothing(folder: Path, tmp_path: Path, given, said: str) -> None:
    given(tmp_path / "a.npz")
    with pytest.raises(DeviseError, match=said):
        bring(folder, tmp_path / "a.npz", "clip", words="other")
    with closing(Store(folder)) as store:
        assert [space.name for space in store.model().spaces] == ["words", "features"]
        assert "clip" not in store.space_numbers()


def test_bad_lines_and_names(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    for text, said in (
        ('{"path": "red.png", "vector": [1, 2]}\n{"path": "blue.png", "vector": [1]}', "line 2: 1 numbers"),
        ('{"path": "red.png"}', "line 1 is no photo"),
        ("red.png 1 2", "line 1 is no photo"),
        ("", "holds no photo"),
    ):
        file.write_text(text)
        with pytest.raises(DeviseError, match=said):
            bring(folder, file, "clip")
    file.write_text("\n".join(json.dumps({"path": f"{n}.png", "vector": EYE[i].tolist()}) for i, n in enumerate(NAMES)))
    for name in ("words", "phash", "parts", "Clip", "a,b"):
        with pytest.raises(DeviseError, match="name"):
            bring(folder, file, name)
    bring(folder, file, "clip")
    with pytest.raises(DeviseError, match="--add or --replace"):
        bring(folder, file, "clip")
    assert bring(folder, file, "clip", words="other", mode="replace").num_photos == 6


def test_it_is_carried_and_merged(folder: Path, tmp_path: Path, draw) -> None:
    bring(folder, saved(tmp_path / "a.npz"), "clip")
    portable.export(folder, tmp_path / "all.devise")
    portable.import_(tmp_path / "all.devise", tmp_path / "copy")
    draw("more/pink.png", (250, 150, 200))
    with Library(tmp_path / "more-library", model=FakeEncoder()) as library:
        library.index([tmp_path / "more"])
    assert portable.merge(tmp_path / "copy", tmp_path / "more-library") == 1
    assert portable.merge(tmp_path / "more-library", folder) == 6
    with Library(tmp_path / "copy") as library:
        assert len(library.vectors("clip")[0]) == 6
        assert len(library.similar(tmp_path / "album" / "red.png", space="clip")) == 5
    assert check(tmp_path / "copy") == check(tmp_path / "more-library") == []
