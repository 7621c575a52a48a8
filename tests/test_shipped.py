"""What ships, used as a newcomer would: the model and the word vectors, on photographs that come with packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devise import Encoder, Library, WordVectors, config
from devise.model.checkpoint import load
from recipes.demo_album import make

MAX_MODEL_BYTES = 40_000_000  # the promise of the project


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shipped") / "album")


@pytest.fixture(scope="module")
def library(album: Path) -> Library:
    library = Library(album.parent / "library")
    report = library.index([album])
    assert report.added == len(list(album.iterdir()))
    assert not report.skipped
    return library


def test_model_and_vectors_fit_each_other() -> None:
    checkpoint, vectors = load(config.SHIPPED_MODEL), WordVectors.open(config.SHIPPED_VECTORS)
    assert checkpoint.configs["words"].fingerprint == vectors.fingerprint
    assert len(checkpoint.configs["classes"].labels) == 1000
    assert checkpoint.path is not None
    assert checkpoint.path.stat().st_size <= MAX_MODEL_BYTES
    assert len(vectors) >= 30_000
    assert vectors.dim == 300


def test_labels_and_near_words() -> None:
    vectors = WordVectors.open(config.SHIPPED_VECTORS)
    assert {match.word for match in vectors.nearest("sofa", 5)} & {"couch", "couches", "sofas"}
    assert "golden retriever" in vectors
    assert all(label in vectors or all(word in vectors for word in label.split()) for label in Encoder.open().labels)


def test_a_cat_is_found_and_named(library: Library, album: Path) -> None:
    cat = str(album / "chelsea.png")
    assert cat in [match.path for match in library.search("cat", 3)]
    assert "cat" in {word for match in library.tag(cat, 5) for word in match.word.split()}


def test_the_other_view_of_a_motorcycle_is_the_most_similar(library: Library, album: Path) -> None:
    assert library.similar(album / "motorcycle_left.png", 1)[0].path == str(album / "motorcycle_right.png")


def test_search_needs_neither_torch_nor_gensim_nor_pillow(library: Library) -> None:
    code = (
        "import sys; from devise.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{'torch', 'gensim', 'scipy', 'PIL', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "search", "sofa cat", "--json", "--library", str(library.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)) == config.TOP
    assert done.stderr.strip() == ""
