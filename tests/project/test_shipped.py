"""What ships, used as a newcomer would: the model and the word vectors, on photographs that come with packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devise import Encoder, Library, WordVectors, config
from devise.cli.main import app
from devise.descriptors.network.checkpoint import load
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


@pytest.mark.parametrize("name", [config.SHIPPED_VECTORS, config.FORMER_VECTORS])
def test_labels_and_near_words(name: str) -> None:
    vectors = WordVectors.open(name)
    assert {match.word for match in vectors.nearest("sofa", 5)} & {"couch", "couches", "sofas"}
    assert "golden retriever" in vectors
    assert all(label in vectors or all(word in vectors for word in label.split()) for label in Encoder.open().labels)


@pytest.mark.parametrize(
    ("query", "photo"),
    [
        ("cat", "chelsea.png"),
        ("flower", "flower.jpg"),
        ("coffee", "coffee.png"),
        ("buildings", "china.jpg"),
        ("motorcycle", "motorcycle_right.png"),
    ],
)
def test_photos_are_found_by_words(library: Library, album: Path, query: str, photo: str) -> None:
    assert str(album / photo) in [match.path for match in library.search(query, 2, min_probability=0)]


def test_a_cat_is_named_and_what_nothing_fits_is_not(library: Library, album: Path) -> None:
    best = library.tag(album / "chelsea.png", 1)[0]
    assert best.word == "cat"
    assert best.probability is not None
    assert best.probability > 0.9
    for name in ("brick.png", "gravel.png", "hubble_deep_field.jpg"):  # not coins and the moon: docs/model.md
        assert library.tag(album / name) == []


def test_the_model_speaks_glove_as_well() -> None:
    checkpoint = load(config.SHIPPED_MODEL)
    assert checkpoint.head_for("glove.6B.300d") == "words:glove.6B.300d"
    assert checkpoint.configs["words:glove.6B.300d"].anchored


def test_the_other_view_of_a_motorcycle_is_the_most_similar(library: Library, album: Path) -> None:
    assert library.similar(album / "motorcycle_left.png", 1)[0].path == str(album / "motorcycle_right.png")


def test_search_needs_neither_torch_nor_gensim_nor_pillow(library: Library) -> None:
    code = (
        "import sys; from devise.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{'torch', 'gensim', 'scipy', 'PIL', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "search",
        "sofa cat",
        "--min-score",
        "0",
        "--json",
        "--library",
        str(library.path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)) == config.SearchConfig.top
    assert not {"torch", "gensim", "scipy", "PIL", "matplotlib"} & {*done.stderr.split()}


def test_indexing_and_asking_need_neither_torch_nor_gensim(tmp_path: Path, album: Path) -> None:
    code = (
        "import socket, sys; sys.modules.update(dict.fromkeys(('torch', 'torchvision', 'gensim', 'scipy')))\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"  # nor a network, whatever OpenVINO brings along
        "from devise.cli.main import main\n"
        "try: main()\n"
        "finally: assert not sys.modules.get('openvino_telemetry')"
    )
    photo = str(album / "chelsea.png")
    for arguments in (["index", photo], ["tag", photo], ["search", photo, "cat"], ["explain", photo, "cat", "--cover"]):
        command = [sys.executable, "-c", code, *arguments, "--library", str(tmp_path / "library")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert arguments[0] == "index" or "chelsea.png" in done.stdout or "cat" in done.stdout


def test_training_without_torch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devise.errors.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["train", str(tmp_path), "--out", "x"])
    assert result.exit_code == 1
    assert (
        "training needs torch and torchvision, which are not installed; run: pip install torch torchvision"
        in result.stderr
    )
