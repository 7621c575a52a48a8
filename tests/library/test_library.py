"""The facade: words find photos, photos find words, and what does not fit together is told with its remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image

import devise
from devise import config
from devise.errors import LibraryError
from devise.library import Library
from devise.words import WordVectors, write_vectors

COLOURS = {"red": [1, 0, 0, 0.1], "green": [0, 1, 0, 0.1], "blue": [0, 0, 1, 0.1], "grey": [1, 1, 1, 0.1]}


def write_words(rows=COLOURS):
    """Real word vectors for colours, as the fake encoder sees them; their fingerprint."""
    path = config.own_folder("embeddings") / "tiny.safetensors"
    write_vectors(path, list(rows), np.array(list(rows.values())), source="these tests")
    return WordVectors.open("tiny").fingerprint


@pytest.fixture
def library(tmp_path, album):
    with Library(tmp_path / "library") as opened:
        opened.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


def test_words_find_photos(library, album):
    assert library.search("red", 1)[0].path == str(album / "red.png")
    assert library.search("red green", 1)[0].path == str(album / "yellow.png")
    assert len(library.search("blue")) == 6


def test_photos_find_words_without_a_model(library, album, monkeypatch):
    monkeypatch.setattr("devise.library.models.open_encoder", lambda *_: pytest.fail("opened"))
    with Library(library.path) as again:
        assert [match.word for match in again.tag(album / "red.png", 2)] == ["red", "grey"]
        assert again.tag(album / "white.png", 1, any_word=True)[0].word == "grey"
        with pytest.raises(LibraryError, match="k must be at least 1"):
            again.tag(album / "red.png", 0)


def test_tagging_needs_no_library(tmp_path, album, library):
    alone = Library(tmp_path / "none", model=FakeEncoder(vectors_fingerprint=write_words()))
    assert alone.tag(album / "below/blue.png", 1)[0].word == "blue"
    assert not alone.path.exists()


def test_a_photo_changed_since_it_was_indexed_is_read_again(library, album):
    Image.new("RGB", (8, 8), (0, 0, 255)).save(album / "red.png")
    assert library.tag(album / "red.png", 1)[0].word == "blue"
    (album / "green.png").unlink()
    assert library.tag(album / "green.png", 1)[0].word == "green", "a deleted photo is still known"


def test_word_vectors_that_are_not_those_of_the_model(library):
    write_words({**COLOURS, "red": [0, 1, 0, 0]})
    with (
        Library(library.path) as again,
        pytest.raises(LibraryError, match=r'"tiny" \([0-9a-f]{8}\).*holds others.*import'),
    ):
        again.search("red")


def test_a_model_without_words(tmp_path, album, library):
    class Looks(FakeEncoder):
        def __init__(self):
            super().__init__("looks", "1" * 64)
            self.info = type(self.info)(name="looks", fingerprint="1" * 64, spaces=self.info.spaces[1:])

        def encode(self, pixels):
            return {"features": super().encode(pixels)["features"]}

    with Library(tmp_path / "looks") as other:
        other.index([album], model=Looks())
        assert len(other.similar(album / "red.png", 2)) == 2
        with pytest.raises(LibraryError, match="knows no words; use: devise similar"):
            other.search("red")


def test_info(library, album):
    info = library.info()
    assert (info.exists, info.num_photos, info.num_contents, info.num_skipped) == (True, 6, 6, 0)
    assert info.model.name == "fake"
    assert info.roots == (str(album),)
    assert info.num_bytes > 0


def test_the_public_names_are_these():
    assert sorted(devise.__all__) == [
        *("Answer", "DeviseError", "Encoder", "EpochReport", "EvaluateOptions", "EvaluationReport"),
        *("IndexReport", "Library", "Match", "Note", "Progress", "Reading", "Tagger", "TrainOptions"),
        *("TrainReport", "Where", "WordMatch", "WordVectors", "__version__", "evaluate", "train"),
    ]
    for name in ("DeviseError", "IndexReport", "Library", "Match", "Progress", "WordMatch"):
        assert getattr(devise, name).__name__ == name
    with pytest.raises(AttributeError, match="Photo"):
        _ = devise.Photo


def test_a_word_search_imports_nothing_heavy(library):
    code = (
        "import sys, numpy as np\n"
        "from devise import Library\n"
        "from devise.vectors import unit\n"
        "assert len(Library(sys.argv[1]).nearest(unit(np.ones(4)), 3)) == 3\n"
        "print([name for name in ('torch', 'gensim', 'PIL', 'rich', 'typer') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, library.path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_library_remembers_where_its_model_lies(tmp_path: Path, album: Path, monkeypatch) -> None:
    model = tmp_path / "models" / "mine.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"")
    encoder = FakeEncoder(vectors_fingerprint=write_words())
    encoder.path = model
    asked: list[object] = []
    opened = "devise.descriptors.network.engine.open_encoder"
    monkeypatch.setattr(opened, lambda name=None, vectors=None: asked.append(name) or encoder)
    with Library(tmp_path / "library") as library:
        library.index([album], model=str(model))
    with Library(tmp_path / "library") as library:
        library.similar((album / "red.png").read_bytes() + b"\0", 1)  # in no library: it has to be encoded
    assert asked == [str(model), str(model)]
    model.unlink()
    encoder.fingerprint = "e" * 64
    told = f"which was {model}; commands without --model: DEVISE_MODEL"
    with Library(tmp_path / "library") as library, pytest.raises(LibraryError, match=told):
        library.similar((album / "red.png").read_bytes() + b"\0", 1)
