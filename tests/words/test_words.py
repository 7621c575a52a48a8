"""Word vectors on a file of twenty words: look-up, phrases, hints, nearness, damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from safetensors.numpy import load_file

from devise import config
from devise.config import IndexConfig, Settings
from devise.errors import DeviseError, VectorsError, WordError, WriteError
from devise.index.hnsw import HnswIndex
from devise.vectors import Vector, unit
from devise.words import (
    Tagger,
    WordVectors,
    list_vectors,
    neighbours,
    use_vectors,
    visible_words,
    write_vectors,
)
from devise.words.spelling import distance

_SINGLE = "the a of dog dogs cat sofa couch beach golden_retriever golden retriever potted plant hot-dog Paris aardvark"
WORDS = [*_SINGLE.split(), "wine", "red", "the_end", "dining table"]
DIM = 8


@pytest.fixture
def rows() -> Vector:
    return unit(np.random.default_rng(1).standard_normal((len(WORDS), DIM)))


@pytest.fixture
def vectors(tmp_path: Path, rows: Vector) -> WordVectors:
    write_vectors(tmp_path / "tiny.safetensors", WORDS, rows, source="drawn by a test")
    return WordVectors.open(tmp_path / "tiny.safetensors")


@pytest.fixture
def many(tmp_path: Path) -> WordVectors:
    rows = np.random.default_rng(2).standard_normal((3000, DIM))
    write_vectors(tmp_path / "many.safetensors", [f"word{i}" for i in range(3000)], rows, source="a test")
    return WordVectors.open(tmp_path / "many.safetensors")


def test_what_is_written_is_read(vectors: WordVectors, rows: Vector) -> None:
    assert (vectors.name, vectors.dim, len(vectors), vectors.source) == ("tiny", DIM, len(WORDS), "drawn by a test")
    assert vectors.words() == WORDS == [vectors.word(slot) for slot in range(len(WORDS))]
    np.testing.assert_allclose(vectors.rows(range(len(WORDS))), rows, atol=1e-6)
    assert [vectors.slot(word) for word in WORDS] == list(range(len(WORDS)))


def test_the_file_is_plain_safetensors(vectors: WordVectors, rows: Vector) -> None:
    np.testing.assert_allclose(load_file(vectors.path)["rows"], rows, atol=1e-6)


def test_halves_are_given_as_unit_rows(tmp_path: Path, rows: Vector) -> None:
    write_vectors(tmp_path / "half.safetensors", WORDS, 5 * rows, source="a test", dtype="float16")
    half = WordVectors.open(tmp_path / "half.safetensors").rows([0, 7])
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(half, rows[[0, 7]], atol=1e-3)


def test_bytes_are_given_as_unit_rows(tmp_path: Path, rows: Vector) -> None:
    write_vectors(tmp_path / "bytes.safetensors", WORDS, 5 * rows, source="a test", dtype="int8")
    vectors = WordVectors.open(tmp_path / "bytes.safetensors")
    found = vectors.rows(range(len(WORDS)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert np.einsum("ij,ij->i", found, rows).min() > 0.9999
    assert load_file(vectors.path)["rows"].dtype == np.int8
    assert [match.score for match in vectors.nearest(found[3], 1)] == pytest.approx([1], abs=1e-6)


def test_a_byte_row_of_zeros_is_damage(tmp_path: Path, rows: Vector) -> None:
    path = tmp_path / "bytes.safetensors"
    write_vectors(path, WORDS, rows, source="a test", dtype="int8")
    stored = load_file(path)["rows"]
    data = bytearray(path.read_bytes())
    at = data.find(stored[0].tobytes())
    data[at : at + stored.shape[1]] = bytes(stored.shape[1])
    path.write_bytes(data)
    with pytest.raises(VectorsError, match="damaged near word 0"):
        WordVectors.open(path).rows([0])


def test_the_fingerprint_follows_words_and_rows(vectors: WordVectors, tmp_path: Path, rows: Vector) -> None:
    def fingerprint(words: list[str], rows: Vector) -> str:
        write_vectors(tmp_path / "other.safetensors", words, rows, source="elsewhere")
        return WordVectors.open(tmp_path / "other.safetensors").fingerprint

    assert fingerprint(WORDS, rows) == vectors.fingerprint
    assert fingerprint(WORDS, -rows) != vectors.fingerprint
    assert fingerprint(["x", *WORDS[1:]], rows) != vectors.fingerprint


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("dog", "dog"),
        ("DOG", "dog"),
        ("Paris", "Paris"),
        ("golden retriever", "golden_retriever"),
        ("Golden-Retriever", "golden_retriever"),
        ("hot dog", "hot-dog"),
        ("hot_dog", "hot-dog"),
        ("dining_table", "dining table"),
        ("Dining-Table", "dining table"),
    ],
)
def test_look_up_rule(vectors: WordVectors, asked: str, word: str) -> None:
    assert asked in vectors
    assert vectors.slot(asked) == WORDS.index(word)


def test_an_unknown_phrase_is_the_mean_of_its_words(vectors: WordVectors) -> None:
    expected = unit(vectors.vector("red") + vectors.vector("wine"))
    for text in ("red wine", "red_wine", "red-wine"):
        np.testing.assert_allclose(vectors.vector(text), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("sofa cat", ["sofa", "cat"]),
        ("a cat on the sofa", ["cat", "sofa"]),
        ("golden retriever on a beach", ["golden retriever", "beach"]),
        ("golden cat", ["golden", "cat"]),
        ("hot dog, dining table", ["hot dog", "dining table"]),
        ("the end", ["the end"]),
        ('"the" cat', ["the", "cat"]),
        ('"potted plant" cat', ["potted plant", "cat"]),
        ("cat's sofa!", ["cat's", "sofa"]),
    ],
)
def test_terms(vectors: WordVectors, query: str, terms: list[str]) -> None:
    assert [term.text for term in vectors.terms(query)] == terms


@pytest.mark.parametrize("query", ["sofa -a", "sofa - the beach", "2:the beach"])
def test_a_sign_before_what_says_nothing(vectors: WordVectors, query: str) -> None:
    with pytest.raises(WordError, match="which says nothing"):
        vectors.terms(query)


def test_weights_and_signs(vectors: WordVectors) -> None:
    terms = vectors.terms('2:sofa -"golden retriever" beach')
    assert [(term.text, term.weight) for term in terms] == [("sofa", 2), ("golden retriever", -1), ("beach", 1)]
    with pytest.raises(WordError, match="only says what to push away"):
        vectors.terms("-sofa -beach")


def test_a_query_is_the_mean_of_its_terms(vectors: WordVectors) -> None:
    expected = unit(vectors.vector("golden retriever") + vectors.vector("beach"))
    np.testing.assert_allclose(vectors.query("golden retriever beach"), expected, atol=1e-6)


def test_all_unknown_words_are_named_with_hints(vectors: WordVectors) -> None:
    with pytest.raises(WordError) as caught:
        vectors.query("cqt sofa qqqqqq")
    assert str(caught.value) == (
        'no word vector for "cqt" (did you mean "cat"?), "qqqqqq"; '
        "queries are English words; your own: devise words alias cqt MEANING"
    )
    assert caught.value.hints["cqt"] == ["cat"]


@pytest.mark.parametrize("query", ["", "  ", '""', "the of a", "\n"])
def test_a_query_that_asks_nothing(vectors: WordVectors, query: str) -> None:
    with pytest.raises(WordError, match='as in "sofa cat"'):
        vectors.query(query)


def test_words_that_cancel_out(tmp_path: Path) -> None:
    write_vectors(tmp_path / "a.safetensors", ["up", "down"], np.array([[1.0, 0], [-1, 0]]), source="a test")
    with pytest.raises(WordError, match="cancel"):
        WordVectors.open(tmp_path / "a.safetensors").query("up down")


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("abcd", "abdc", 1), ("abc", "abc", 0), ("a", "abcd", 3), ("xy", "ab", 2)]
)
def test_edits(a: str, b: str, edits: int) -> None:
    assert distance(a, b, 3) == edits


def test_nearest_is_what_numpy_finds(vectors: WordVectors, rows: Vector) -> None:
    cosines = rows @ rows[3]
    expected = [WORDS[i] for i in np.argsort(-cosines) if i != 3]
    found = vectors.nearest("dog", 100)
    assert [match.word for match in found] == expected
    np.testing.assert_allclose([match.score for match in found], np.sort(cosines)[::-1][1:], atol=1e-6)
    assert vectors.nearest(rows[3], 1)[0].word == "dog"  # a vector has no word of its own to leave out


@pytest.mark.parametrize("k", [0, -1])
def test_k_must_be_positive(vectors: WordVectors, k: int) -> None:
    with pytest.raises(WordError, match="k must be at least 1"):
        vectors.nearest("dog", k)
    with pytest.raises(WordError, match="k must be at least 1"):
        Tagger(vectors, None).tags(vectors.vector("dog"), k)


@pytest.mark.parametrize("words", [1, 5])
def test_the_graph_finds_what_a_scan_finds(many: WordVectors, words: int) -> None:
    rows = many.rows(range(50 * words)).reshape(50, words, -1).mean(1)
    scanned = [many.nearest(row, 10) for row in rows]
    assert neighbours.build(many)
    fresh = WordVectors.open(many.path, Settings(index=IndexConfig(scans=0)))
    assert fresh.graph is not None
    found = [fresh.nearest(row, 10) for row in rows]
    same = sum(len({m.word for m in a} & {m.word for m in b}) for a, b in zip(scanned, found, strict=True))
    assert same / 500 >= 0.995


def test_means_of_words_are_looked_for_with_a_higher_ef(many: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours.build(many)
    efs, asked = [], HnswIndex.search
    monkeypatch.setattr(HnswIndex, "search", lambda *given, **how: efs.append(how.get("ef")) or asked(*given, **how))
    near = IndexConfig(scans=0, near_word=0.9999)  # eight numbers: some word is near anything
    fresh = WordVectors.open(many.path, Settings(index=near))
    fresh.nearest("word7")
    assert efs == [None]
    fresh.nearest(many.rows(range(5)).mean(0))
    assert efs[1:] == [None, near.ef_means]


def test_a_graph_is_loaded_when_it_is_asked_often(many: WordVectors) -> None:
    expected = many.nearest("word7", 5)
    neighbours.build(many)
    fresh = WordVectors.open(many.path)
    for number in range(2 * IndexConfig.scans):
        assert fresh.nearest("word7", 5) == expected
        assert ("graph" in vars(fresh)) == (number >= IndexConfig.scans)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
@pytest.mark.parametrize("cache_bytes", [IndexConfig.cache_bytes, 0])
def test_small_numbers_are_made_floats_once(
    tmp_path: Path, cache_bytes: int, dtype: Literal["float16", "int8"]
) -> None:
    rows = np.random.default_rng(0).standard_normal((len(WORDS), 20))
    write_vectors(tmp_path / "halves.safetensors", WORDS, rows, source="test", dtype=dtype)
    settings = Settings(index=IndexConfig(cache_bytes=cache_bytes))
    vectors = WordVectors(tmp_path / "halves.safetensors", settings)
    first = vectors.nearest("dog", 5)
    assert all(vectors.nearest("dog", 5) == first for _ in range(4))
    assert (vectors._whole is not None) == bool(cache_bytes)
    wide = unit(rows)
    assert [m.word for m in first] == [WORDS[i] for i in np.argsort(-wide @ wide[WORDS.index("dog")])[1:6]]


@pytest.mark.parametrize("harm", ["graph", "stamp", "stale", "missing"])
def test_a_useless_graph_means_a_scan(many: WordVectors, harm: str) -> None:
    expected = many.nearest("word7", 5)
    neighbours.build(many)
    graph, stamp = neighbours.graph_path(many.path), neighbours.stamp_path(many.path)
    if harm == "graph":
        graph.write_bytes(graph.read_bytes()[:-9])
    elif harm == "stamp":
        stamp.write_text("{]")
    elif harm == "stale":
        stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "fingerprint": "other"}))
    else:
        graph.unlink()
    fresh = WordVectors.open(many.path)
    assert fresh.graph is None
    assert fresh.nearest("word7", 5) == expected


def test_every_flipped_byte_is_found(vectors: WordVectors) -> None:
    """No damage anywhere gives another number: it is an error, or (in the padding) changes nothing."""
    whole = vectors.path.read_bytes()
    expected = vectors.rows(range(len(WORDS)))
    header = int.from_bytes(whole[:8], "little")
    used = 8 + len(whole[8 : 8 + header].rstrip())
    for at in [*range(0, used, 3), *range(8 + header, len(whole), 3)]:
        damaged = bytearray(whole)
        damaged[at] ^= 4
        vectors.path.with_name("bad.safetensors").write_bytes(damaged)
        try:
            bad = WordVectors.open(vectors.path.with_name("bad.safetensors"))
            rows = bad.rows(range(len(WORDS)))
        except VectorsError:
            continue
        assert bad.words() == WORDS, at
        np.testing.assert_array_equal(rows, expected, err_msg=str(at))
        raise AssertionError(f"the flipped byte {at} was not noticed")


@pytest.mark.parametrize("size", [0, 1, 8, 100, 4095, 4096, 4500, -1])
def test_truncated_files(vectors: WordVectors, size: int) -> None:
    short = vectors.path.with_name("short.safetensors")
    short.write_bytes(vectors.path.read_bytes()[:size])
    with pytest.raises(VectorsError, match=r"short\.safetensors .*; (copy or import|bring)"):
        WordVectors.open(short)


def test_foreign_and_missing_files(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"rows": np.zeros((2, 2), np.float32)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("dog 1 2 3\n" * 10)
    for name in ("foreign", "text"):
        with pytest.raises(VectorsError, match="no word vectors of devise; bring in others"):
            WordVectors.open(tmp_path / f"{name}.safetensors")
    with pytest.raises(VectorsError, match="devise vectors list"):
        WordVectors.open(tmp_path / "none.safetensors")
    with pytest.raises(DeviseError):
        WordVectors.open(tmp_path)
    with pytest.raises(VectorsError, match='called "nothing"; there are: '):
        WordVectors.open("nothing")


def test_a_write_that_breaks_off_leaves_what_was_there(vectors: WordVectors, rows: Vector) -> None:
    before = vectors.path.read_bytes()
    bad = rows.copy()
    bad[-1] = 0
    with pytest.raises(ValueError, match="zero"):
        write_vectors(vectors.path, WORDS, bad, source="broken")
    assert [path.name for path in vectors.path.parent.iterdir()] == ["tiny.safetensors"]
    assert vectors.path.read_bytes() == before


def test_a_place_that_cannot_be_written(tmp_path: Path, rows: Vector) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        write_vectors(tmp_path / "file" / "a.safetensors", WORDS, rows, source="a test")


def test_choosing_vectors(rows: Vector) -> None:
    write_vectors(config.own_folder("embeddings") / "mine.safetensors", WORDS, rows, source="a test")
    assert not next(info for info in list_vectors() if info.name == "mine").in_use
    use_vectors("mine")
    assert next(info for info in list_vectors() if info.name == "mine").in_use
    assert WordVectors.open().name == "mine"
    with pytest.raises(VectorsError, match="mine"):
        use_vectors("yours")
    (config.user_data() / "settings.json").write_text("broken")
    assert WordVectors.open().name == config.SHIPPED_VECTORS


def test_tags_name_each_thing_once(vectors: WordVectors) -> None:
    query = unit(vectors.vector("dog") + 0.9 * vectors.vector("dogs") + 0.3 * vectors.vector("sofa"))
    tags = Tagger(vectors, ["dog", "dogs", "sofa", "red wine"]).tags(query, 3)
    assert {tag.word for tag in tags} == {"dog", "sofa", "red wine"}
    assert tags[0].score == pytest.approx(float(query @ vectors.vector("dog")), abs=1e-6)
    assert len({tag.word.rstrip("s") for tag in Tagger(vectors, None).tags(query, 5)}) == 5


def test_a_vocabulary_with_unknown_words(vectors: WordVectors) -> None:
    with pytest.raises(WordError, match="aardvrk, qqq; leave them out"):
        Tagger(vectors, ["dog", "aardvrk", "qqq"])


def test_what_ships() -> None:
    shipped = WordVectors.open()
    assert len(shipped) >= 30_000
    assert shipped.dim == 300
    words = visible_words(shipped)
    assert len(words) == len((config.PACKAGE / "words" / "visible.txt").read_text().splitlines()) > 2000
    assert {"couch", "studio couch"} & {match.word for match in shipped.nearest("sofa", 5)}
    assert "elephant" in shipped.hints("elephent")


def test_words_load_neither_torch_nor_gensim() -> None:
    code = (
        "import sys; from devise.words import WordVectors; WordVectors.open().nearest('sofa cat', 3);"
        "print({name.split('.')[0] for name in sys.modules} & {'torch', 'gensim', 'scipy', 'PIL', 'safetensors'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
