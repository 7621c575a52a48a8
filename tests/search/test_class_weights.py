"""Class-weighted reranking: against the formula by brute force, and what a class may be called."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from fakes import FakeEncoder, rows_of
from PIL import Image
from safetensors.numpy import save_file

from devise.config import IndexConfig, SearchConfig, Settings
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.classes import Classes, read_classes, synonyms
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.format import fingerprint, read
from devise.descriptors.network.preprocess import Preprocessing
from devise.errors import CheckpointError, DeviseError, LibraryError
from devise.library import Library
from devise.search.class_weights import class_weights
from devise.spaces import ModelInfo, Space, speaking
from devise.vectors import unit
from devise.words.aliases import put_alias
from devise.words.embeddings import WordVectors
from devise.words.format import write_vectors

NUM = 90
NAMES = ("tabby", "Siamese cat", "cougar", "beer bottle", "pop bottle")


def classes(dim: int = 48, fingerprint: str = "f" * 64) -> Classes:
    weights = np.random.default_rng(4).normal(size=(len(NAMES), dim)).astype(np.float32)
    return Classes(NAMES, weights, "fake", fingerprint)


@pytest.fixture
def vectors(tmp_path) -> WordVectors:
    """kitten is near to the cats, stone to nothing."""
    words = ["tabby", "siamese", "cat", "cougar", "beer", "pop", "bottle", "kitten", "stone"]
    rows = np.eye(9, dtype=np.float32)
    rows[7, :3] = 1
    rows[7, 7] = 0.2
    write_vectors(tmp_path / "w.safetensors", words, unit(rows), source="these tests")
    return WordVectors.open(tmp_path / "w.safetensors")


@pytest.fixture(params=[False, True], ids=["scan", "graph"])
def library(request, tmp_path):
    random = np.random.default_rng(3)
    (tmp_path / "photos").mkdir()
    for i in range(NUM):
        picture = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        picture.save(tmp_path / "photos" / f"{i:03}.png")
    settings = Settings()
    if request.param:
        settings = Settings(
            index=IndexConfig(exact_below=50), search=SearchConfig(min_candidates_weighted=40, candidates=4)
        )
    with Library(tmp_path / "library", settings=settings) as opened:
        opened.index([tmp_path / "photos"], model=FakeEncoder())
        opened._resources.put("classes", classes())
        yield opened


def test_photos_are_ranked_by_the_weighted_cosine(library):
    library._resources.put("words", None)
    store = library._reader()
    ids = store.ids()
    rows, paths = rows_of(store, "features", ids)[1].astype(np.float64), store.paths_of(ids)
    w = classes().weights[1].astype(np.float64)
    found = 0
    for asked in range(0, NUM, 9):
        q = w * rows[asked]
        scores = (rows * w) @ q / np.linalg.norm(rows * w, axis=1) / np.linalg.norm(q)
        order = [i for i in np.argsort(-scores) if i != asked][:5]
        matches = library.similar(paths[ids[asked]][0], 5, like="siamese_CAT")
        by_path = {match.path: match.score for match in matches}
        expected = {paths[ids[i]][0]: scores[i] for i in order}
        found += len(by_path.keys() & expected.keys())
        for path in by_path.keys() & expected.keys():
            assert by_path[path] == pytest.approx(expected[path], abs=1e-3)  # features are stored as halves
    assert found >= (50 if len(list(library.path.glob("*.graph"))) == 0 else 40)


def test_like_is_on_features_only(library):
    with pytest.raises(LibraryError, match="on features, not on words"):
        library.similar(library.paths()[0], space="words", like="tabby")


def test_a_word_search_is_ranked_like_a_class(library, tmp_path):
    rows = unit(np.abs(np.random.default_rng(0).normal(size=(1, 4))))
    write_vectors(tmp_path / "colours.safetensors", ["red"], rows, source="these tests")
    with Library(library.path, settings=Settings(search=SearchConfig(like_from=1))) as opened:
        opened._resources.put("words", WordVectors(tmp_path / "colours.safetensors"))
        opened._resources.put("classes", classes())
        best = opened.search("red", 4, like="tabby")
        alone = opened.search("red", 1)
    assert len(best) == 4
    assert best[0].path == alone[0].path  # the best photo of the search itself
    assert best[0].score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["tabby", "TABBY", "tabby cat", "tabby_cat"])
def test_names_and_synonyms(name, vectors):
    found = class_weights(name, classes(), vectors)
    assert (found.names, found.is_class) == (("tabby",), True)


def test_puma_is_cougar(vectors):
    assert class_weights("mountain lion", classes(), vectors).names == ("cougar",)
    assert "puma" in synonyms()["cougar"]


def test_a_word_that_is_no_class_stands_for_the_nearest(vectors):
    found = class_weights("kitten", classes(), vectors)
    assert not found.is_class
    assert set(found.names) == {"tabby", "Siamese cat"} or found.names == ("Siamese cat",)
    numbers = [NAMES.index(name) for name in found.names]
    np.testing.assert_allclose(found.weights, unit(unit(classes().weights[numbers]).mean(0)), rtol=1e-5)


def test_a_word_of_ones_own_is_a_class_too(vectors):
    put_alias("Puma", "mountain lion")
    found = class_weights("puma", classes(), vectors)
    assert found.names == ("cougar",)
    assert [note.text for note in found.notes()] == ['"puma" stands for "mountain lion"']


def test_what_is_neither_class_nor_word(vectors):
    with pytest.raises(LibraryError, match=r"siamse catt.*no class.*Siamese cat"):
        class_weights("siamse catt", classes(), vectors)
    with pytest.raises(LibraryError, match="no class is named"):
        class_weights(" ", classes(), vectors)


def test_a_class_without_weights(vectors):
    dead = Classes(NAMES, np.zeros((5, 48), np.float32), "fake", "f")
    with pytest.raises(LibraryError, match="no weights"):
        class_weights("tabby", dead, vectors)


def checkpoint(path, *, heads=("classes",)):
    torch.manual_seed(0)
    backbone = BackboneConfig(
        name="tiny", layers=(4, "M"), batch_norm=True, first_stride=2, top="conv", num_features=6,
        preprocessing=Preprocessing(size=32, resize="squash"),
    )  # fmt: skip
    made = Checkpoint(name="tiny", backbone=Backbone(backbone))
    for kind in heads:
        labels = ("cat", "dog", "cow")
        made.add_head(HeadConfig(kind=kind, num_features=6, num_out=3, labels=labels, vectors="toy"))
    checkpoints.save(made, path)
    return made


def test_classes_are_read_as_they_were_saved(tmp_path):
    made = checkpoint(tmp_path / "tiny.safetensors")
    found = read_classes(tmp_path / "tiny.safetensors")
    assert found.names == ("cat", "dog", "cow")
    assert found.fingerprint == made.fingerprint
    np.testing.assert_allclose(found.weights, made.heads["classes"].weights.detach().numpy(), atol=1e-3)


def test_a_word_that_is_like_no_class(vectors):
    with pytest.raises(LibraryError, match="nor a word near to one"):
        class_weights("stone", classes(), vectors)


def test_a_name_of_several_classes(vectors):
    two = Classes(("Cardigan", "cardigan"), np.eye(2, 48, dtype=np.float32), "fake", "f")
    assert class_weights("cardigan", two, vectors).names == ("cardigan",)
    both = class_weights("CARDIGAN", two, vectors)
    assert both.names == ("Cardigan", "cardigan")
    (note,) = both.notes()
    assert (note.kind, note.data["names"]) == ("classes", ["Cardigan", "cardigan"])
    assert "several classes" in note.text
    assert not class_weights("Cardigan", two, vectors).notes()


@pytest.mark.parametrize("size", [1e25, 1e-30])
def test_weights_of_any_size(vectors, size):
    wish = class_weights("tabby", Classes(NAMES, classes().weights * np.float32(size), "fake", "f"), vectors)
    np.testing.assert_allclose(wish.weights, unit(classes().weights[0]), rtol=1e-4)


@pytest.mark.parametrize(
    "heads",
    [[], {"classes": {}}, {"classes": 5}, {"classes": {"labels": None}}, {"classes": {"labels": [1, 2, 3]}},
     {"classes": {"labels": ["a"]}}],
)  # fmt: skip
def test_hostile_classes(tmp_path, heads):
    path = tmp_path / "tiny.safetensors"
    checkpoint(path)
    about, arrays = read(path)
    about["heads"] = heads
    about["fingerprint"] = fingerprint(about, arrays)
    save_file(arrays, path, metadata={"devise": json.dumps(about)})
    with pytest.raises(CheckpointError, match="tiny"):
        read_classes(path)


def test_a_checkpoint_without_classes(tmp_path):
    checkpoint(tmp_path / "tiny.safetensors", heads=("words",))
    with pytest.raises(CheckpointError, match="no classes"):
        read_classes(tmp_path / "tiny.safetensors")


def test_another_checkpoint_than_the_library_was_built_with(library, tmp_path, monkeypatch):
    checkpoint(tmp_path / "tiny.safetensors")
    library._resources._opened.pop("classes")
    monkeypatch.setenv("DEVISE_MODEL", str(tmp_path / "tiny.safetensors"))
    with pytest.raises(DeviseError, match="another one"):
        library.similar(library.paths()[0], like="cat")


def test_a_library_that_speaks_other_vectors_is_of_the_same_checkpoint():
    space = Space(name="words", dim=4, vectors="glove")
    info = ModelInfo(name="a", fingerprint=speaking("abc", "words:glove"), spaces=(space,))
    assert info.is_of("abc")
    assert not info.is_of("abd")
