"""Words that name classes of the model: which those are, and what the classes head says of photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeEncoder, rows_of
from PIL import Image

from devise.config import IndexConfig, SearchConfig, Settings
from devise.descriptors.network.classes import Classes, read_classes
from devise.errors import CheckpointError
from devise.library import Library
from devise.library.models import open_class_words
from devise.search import explain
from devise.search.class_weights import class_weights
from devise.search.class_words import FEATURE_NORM, LEARNT, OPEN, ClassWords, NamedClasses, may_name_classes
from devise.search.interpret import Options, Sources, interpret
from devise.search.scoring import Scoring
from devise.spaces import Calibration
from devise.vectors import unit
from devise.words.embeddings import WordVectors
from devise.words.format import write_vectors
from devise.words.naming import Named
from devise.words.queries import Term

NAMES = ("tabby", "Siamese cat", "cougar", "studio couch", "goldfish")
NAMED = Named({"tabby": ("cat", "animal"), "siamese cat": ("cat", "animal"), "cougar": ("animal",)},
              {"couch": "sofa", "studio couch": "sofa"})  # fmt: skip
DIM = 48


def classes() -> Classes:
    random = np.random.default_rng(4)
    weights, biases = random.normal(size=(len(NAMES), DIM)), random.normal(size=len(NAMES))
    return Classes(NAMES, weights.astype(np.float32), "fake", "f" * 64, biases.astype(np.float32))


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("cat", ["tabby", "Siamese cat"]),
        ("Cats", ["tabby", "Siamese cat"]),
        ("siamese_cat", ["Siamese cat"]),
        ("sofa", ["studio couch"]),  # by another name
        ("couches", ["studio couch"]),
        ("goldfish", ["goldfish"]),
        ("animal", ["tabby", "Siamese cat", "cougar"]),
        ("stone", []),
        ("", []),
    ],
)
def test_a_word_names_classes_by_name_or_kind(word: str, names: list[str]) -> None:
    known = ClassWords(classes(), NAMED)
    assert [NAMES[number] for number in known.numbers(word)] == names
    assert (known.of(word, is_learnt=False) is None) == (not names)


def test_a_class_is_not_also_what_is_of_its_name_as_a_kind() -> None:
    """ "convertible" is the car, though a studio couch is a kind of convertible as well."""
    named = Named({"studio couch": ("convertible",)}, {})
    both = Classes(("studio couch", "convertible"), np.eye(2, DIM, dtype=np.float32), "fake", "f")
    assert ClassWords(both, named).numbers("convertible") == [1]


def test_a_layer_may_have_no_biases() -> None:
    known = classes()
    with_zeros, without = (replace(known, biases=np.zeros(n, np.float32)) for n in (len(NAMES), 0))
    features = unit(np.random.default_rng(1).normal(size=(7, DIM)).astype(np.float32))
    one, other = (ClassWords(layer, NAMED).of("cat", is_learnt=True) for layer in (with_zeros, without))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.log_ratios(features), other.log_ratios(features))


@pytest.mark.parametrize("word", ["castle", "Tigers", "insect", "Siamese_cat", "sofa", "white shark"])
def test_tables_know_the_words_that_the_shipped_model_knows(word: str) -> None:
    assert may_name_classes(word)
    assert ClassWords(read_classes("slim")).numbers(word)


def test_tables_know_no_other_words() -> None:
    assert not any(map(may_name_classes, ("love", "sunset", "person", "")))


def test_log_ratios_are_those_of_the_softmax() -> None:
    known, features = classes(), unit(np.random.default_rng(1).normal(size=(7, DIM)).astype(np.float32))
    logits = FEATURE_NORM * features @ known.weights.T + known.biases
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = np.log(share[:, :2].sum(1)) - np.log(share).mean(1)
    named = ClassWords(known, NAMED).of("cat", is_learnt=True)
    assert named is not None
    np.testing.assert_allclose(named.log_ratios(features), expected, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(named.directions, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("is_learnt", [False, True])
def test_both_heads_make_one_probability(is_learnt: bool) -> None:
    known = Calibration(scale=30.0, bias=-9.0, open_scale=8.0, open_bias=-4.0)
    named = ClassWords(classes(), NAMED).of("cat", is_learnt=is_learnt)
    assert named is not None
    features = unit(np.random.default_rng(2).normal(size=(5, DIM)).astype(np.float32))
    cosines = np.linspace(-0.1, 0.4, 5, dtype=np.float32)
    fusion, scale, bias = (LEARNT, 30.0, -9.0) if is_learnt else (OPEN, 8.0, -4.0)
    expected = fusion.by_word * (scale * cosines + bias) + fusion.by_class * named.log_ratios(features) + fusion.bias
    found = named.cosines(cosines, named.log_ratios(features), known)
    np.testing.assert_allclose(30 * found - 9, expected, rtol=1e-4, atol=1e-4)  # read as a learnt word's


@pytest.fixture(params=[False, True], ids=["scan", "graph"])
def library(request, tmp_path):
    random = np.random.default_rng(3)
    (tmp_path / "photos").mkdir()
    for i in range(90):
        picture = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        picture.save(tmp_path / "photos" / f"{i:03}.png")
    search = SearchConfig(min_candidates_regions=10, min_candidates_weighted=10, candidates=2)
    few = Settings(index=IndexConfig(exact_below=50), search=search)
    encoder = FakeEncoder()
    calibration = Calibration(scale=10.0, bias=-5.0, open_scale=4.0, open_bias=-3.0)
    words, features = encoder.spaces
    encoder.spaces = (replace(words, calibration=calibration), features)
    with Library(tmp_path / "library", settings=few if request.param else Settings()) as opened:
        opened.index([tmp_path / "photos"], model=encoder)
        yield opened


def test_a_photo_is_found_by_its_features(library: Library) -> None:
    """Also where an index names the candidates, among which it is not by the word; with the probability of both."""
    store = library._reader()
    ids, rows = rows_of(store, "words")
    features = rows_of(store, "features")[1]
    vector = rows[0]
    wanted = int(np.argmin(rows @ vector))  # the photo that is farthest from the word
    weights = unit((features[wanted] - features.mean(0))[None]) * np.float32(60)
    named = NamedClasses(weights, np.zeros(1, np.float32))
    term = Term("cat", vector, classes=named, is_learnt=True)
    first, *_ = library._search().showing(Scoring.of([term]), 3)
    assert first.path == store.paths_of(ids[wanted : wanted + 1])[ids[wanted]][0]
    by_word = 4 * float(rows[wanted] @ vector) - 3
    by_both = OPEN.by_word * by_word + OPEN.by_class * named.log_ratios(features[wanted : wanted + 1])[0] + OPEN.bias
    assert first.probability == pytest.approx(1 / (1 + np.exp(-by_both)), abs=2e-3)
    without = library._search().showing(Scoring.of([replace(term, classes=None, is_learnt=False)]), 3)
    assert first.path not in [match.path for match in without]


def test_classes_of_ones_own_are_not_asked() -> None:
    assert not classes().are_imagenets
    assert read_classes("slim").are_imagenets


def test_a_library_without_its_model_is_asked_by_words_alone(library: Library) -> None:
    assert open_class_words(library._reader(), None) is None


@pytest.mark.parametrize("parts", [0, 4])
def test_what_is_explained_is_what_a_search_gives(library: Library, parts: int) -> None:
    """The whole photo by both heads; parts by their own cosines, and by the class of the whole."""
    store = library._reader()
    row, feature = rows_of(store, "words")[1][0], rows_of(store, "features")[1][0]
    named = NamedClasses(np.eye(1, DIM, dtype=np.float32), np.ones(1, np.float32))
    scoring = Scoring.of([Term("cat", unit(np.ones(4, np.float32)), classes=named, is_learnt=True)])
    views = np.tile(row, (1 + parts, 1)) if parts else np.concatenate([row[None], row[None]])
    heats = explain.by_parts(views, scoring, store.space("words"))
    (found,) = explain.with_classes(heats, views, scoring, store.space("words"), lambda: feature)
    path = store.paths_of(np.array([1]))[1][0]
    (wanted,) = [match for match in library._search().showing(scoring, 90) if match.path == path]
    assert found.term.probability == pytest.approx(wanted.probability, abs=1e-6)
    assert found.term.score == pytest.approx(wanted.score, abs=1e-6)
    np.testing.assert_allclose(found.heat, wanted.probability, atol=1e-5)


@pytest.fixture
def sources(tmp_path) -> Sources:
    words = ["tiger", "cat", "love", "orange"]
    write_vectors(tmp_path / "w.safetensors", words, np.eye(4, dtype=np.float32), source="these tests")
    vectors = WordVectors.open(tmp_path / "w.safetensors")
    return Sources(
        words=lambda: vectors, photo=lambda photo: np.ones(4, np.float32), num_photos=lambda word: 0,
        class_weights=lambda name: class_weights(name, classes(), vectors), learnt=lambda: ["cat"],
    )  # fmt: skip


def test_it_is_said_that_the_model_is_not_at_hand(sources: Sources) -> None:
    def gone() -> ClassWords:
        raise CheckpointError("no checkpoint slim")

    without = sources._replace(class_words=gone)
    (note,) = interpret("tigers cat love", Options(), without).notes[-1:]
    assert (note.kind, note.data) == ("one_head", {"words": ["tigers"]})
    assert "no checkpoint slim" in note.text
    assert "one_head" not in [one.kind for one in interpret("cat love", Options(), without).notes]


def test_which_terms_are_asked_of_classes(sources: Sources) -> None:
    known = ClassWords(replace(classes(), names=("tiger", "tabby", "orange", "a", "b")), NAMED)
    terms = interpret("tiger cat love orange", Options(), sources._replace(class_words=lambda: known)).terms
    assert [term.classes is not None for term in terms] == [True, True, False, False]  # orange is a colour
    assert [term.classes.is_learnt for term in terms[:2] if term.classes] == [False, True]
    assert [term.is_learnt for term in terms] == [True, True, False, False]
