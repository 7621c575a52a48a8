"""Importing vectors of others, in every form that they come in, whole and damaged."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from devise import config
from devise.errors import VectorsError
from devise.progress import Progress
from devise.vectors import Vector, unit
from devise.words import WordVectors, import_vectors

WORDS = [f"word{i}" for i in range(18)] + ["sofa", "straße"]
DIM = 5


@pytest.fixture
def rows() -> Vector:
    return np.random.default_rng(3).standard_normal((len(WORDS), DIM)).astype(np.float32)


def text(rows: Vector, header: str = "") -> bytes:
    lines = [" ".join([word, *(repr(float(x)) for x in row)]) for word, row in zip(WORDS, rows, strict=True)]
    return (header + "\n".join(lines) + "\n").encode()


def binary(rows: Vector) -> bytes:
    body = [word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, rows, strict=True)]
    return f"{len(WORDS)} {DIM}\n".encode() + b"".join(body)


HEADER = f"{len(WORDS)} {DIM}\n"
FORMS: dict[str, Callable[[Vector], bytes]] = {
    "glove.txt": text,
    "glove.txt.gz": lambda rows: gzip.compress(text(rows)),
    "w2v.txt": lambda rows: text(rows, HEADER),
    "w2v.vec": lambda rows: text(rows, HEADER),
    "w2v.txt.gz": lambda rows: gzip.compress(text(rows, HEADER)),
    "w2v.bin": binary,
    "w2v.bin.gz": lambda rows: gzip.compress(binary(rows)),
    "no-suffix": binary,
}


def check(vectors: WordVectors, rows: Vector) -> None:
    assert vectors.words() == WORDS
    np.testing.assert_allclose(vectors.rows(range(len(WORDS))), unit(rows), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_text_and_binary(form: str, tmp_path: Path, rows: Vector) -> None:
    (tmp_path / form).write_bytes(FORMS[form](rows))
    vectors = import_vectors(str(tmp_path / form))
    assert vectors.path == config.own_folder("embeddings") / f"{form.split('.')[0]}.safetensors"
    assert vectors.source == form
    check(vectors, rows)
    check(WordVectors.open(vectors.name), rows)


@pytest.mark.parametrize("form", ["keyed.kv", "whole.model"])
def test_gensims_own_files(form: str, tmp_path: Path, rows: Vector) -> None:
    from gensim.models import KeyedVectors, Word2Vec

    keyed = KeyedVectors(DIM)
    keyed.add_vectors(WORDS, rows)
    for word in WORDS:
        keyed.set_vecattr(word, "count", 1)
    saved = keyed
    if form == "whole.model":
        saved = Word2Vec(vector_size=DIM)
        saved.wv = keyed
    saved.save(str(tmp_path / form))
    check(import_vectors(str(tmp_path / form), "mine"), rows)


def test_own_files_are_copied(tmp_path: Path, rows: Vector) -> None:
    (tmp_path / "a.txt").write_bytes(text(rows))
    first = import_vectors(tmp_path / "a.txt")
    assert import_vectors(first.path, "b").fingerprint == first.fingerprint


def test_useless_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("dog 1 2\nzero 0 0\ncat 2 1\nnan nan 1\ndog 9 9\ninf inf 1\n")
    vectors = import_vectors(tmp_path / "a.txt")
    assert vectors.words() == ["dog", "cat"]
    assert vectors.source == "a.txt; left out: 3 without direction, 1 repeated"
    np.testing.assert_allclose(vectors.vector("dog"), unit([1, 2]), atol=1e-6)


@pytest.mark.parametrize(
    "data",
    [
        b"new york 1 2\ncat 2 1\n. . . 1 1\n1984 3 1\n",
        b"\nnew york 1 2\n\ncat 2 1\n   \n. . . 1 1\n1984 3 1\n\n",
        b"new york\t1\t2\ncat\t2\t1\n. . .\t1\t1\n1984\t3\t1",
        b"4 2\r\nnew york 1 2\r\ncat 2 1\r\n. . . 1 1\r\n\r\n1984 3 1\r\n",
        b"4\t2\nnew  york  1  2 \ncat 2 1\n. . . 1 1\n1984 3 1\n",
    ],
)
def test_words_with_spaces_tabs_and_blank_lines(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    vectors = import_vectors(tmp_path / "a.txt")
    assert vectors.words() == ["new york", "cat", ". . .", "1984"]
    np.testing.assert_allclose(vectors.rows(range(4)), unit(np.array([[1, 2], [2, 1], [1, 1], [3, 1]])), atol=1e-6)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"dog 1 2\nnew york 1 2\nnew york 1 2 3\n", "line 3: 3 numbers, the first row has 2"),
        (b"dog 1 2\nnew york 1 zz\n", 'line 2: "zz" is no number'),
        (b"\x00\x01\x02\x03" * 99, "line 1: neither"),
        (b"hello world\nthis is text\n", "line 1: neither"),
        (b"dog 1 2\ncat 1\nsofa 3 4\n", "line 2: 1 numbers, the first row has 2"),
        (b"dog 1 2\ncat 1 x2\nsofa 3 4\n", 'line 2: "x2" is no number'),
        (b"3 2\ndog 1 2\ncat 1 2 3\nsofa 3 4\n", "line 3: 3 numbers"),
        (b"3 2\ndog 1 2\ncat 1 2\n", "promises 3 words, it holds 2"),
        (b"0 300\n", "line 1: 0 words"),
        (b"dog 0 0\n", "no word with a usable vector"),
        (b"3 2\ndog \x00\x00", "promises 3 words"),
        (struct.pack("<2s", b"\x80\x04") + b"nonsense", "no KeyedVectors file"),
        (b"\x1f\x8bnonsense", "damaged or cut off"),
    ],
)
def test_damaged_files_say_where_and_what(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(data)
    with pytest.raises(VectorsError, match=r"(get|give|check) ") as caught:
        import_vectors(tmp_path / "bad.txt")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not config.own_folder("embeddings").exists()


@pytest.mark.parametrize("form", FORMS)
def test_truncated_files(form: str, tmp_path: Path, rows: Vector) -> None:
    whole = FORMS[form](rows)
    middle = len(whole) // 2
    end = whole.rindex(b" ", 0, middle) if form.endswith((".txt", ".vec")) else middle  # a cut number is a number
    (tmp_path / form).write_bytes(whole[:end])
    with pytest.raises(VectorsError, match=form):
        import_vectors(tmp_path / form)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(VectorsError, match=r"no file .*none\.txt"):
        import_vectors(tmp_path / "none.txt")
    with pytest.raises(VectorsError, match="is a folder"):
        import_vectors(tmp_path)


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", config.SHIPPED_VECTORS])
def test_names_that_cannot_be(name: str, tmp_path: Path, rows: Vector) -> None:
    (tmp_path / "minilm.txt").write_bytes(text(rows))
    with pytest.raises(VectorsError, match="name"):
        import_vectors(tmp_path / "minilm.txt", name)


def test_names_of_gensims_downloader(tmp_path: Path, rows: Vector, monkeypatch: pytest.MonkeyPatch) -> None:
    import gensim.downloader as api

    (tmp_path / "glove.gz").write_bytes(gzip.compress(text(rows, HEADER)))
    monkeypatch.setattr(api, "info", lambda: {"models": {"glove-wiki-gigaword-300": {}}})
    monkeypatch.setattr(api, "load", lambda name, return_path: str(tmp_path / "glove.gz"))
    check(import_vectors("glove-wiki-gigaword-300"), rows)
    with pytest.raises(VectorsError, match="it has: glove-wiki-gigaword-300"):
        import_vectors("glove-wiki-gigaword")


def test_no_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    import gensim.downloader as api

    def offline(*_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(api, "urlopen", offline)
    monkeypatch.setattr(api, "BASE_DIR", str(tmp_path))
    with pytest.raises(VectorsError, match="check the network, or import a file you have") as caught:
        import_vectors("glove-wiki-gigaword-300")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_an_import_moves_a_progress_line(tmp_path: Path, rows: Vector) -> None:
    (tmp_path / "a.txt").write_bytes(text(rows))
    seen: list[tuple[int, int]] = []

    class Seen(Progress):
        def building(self, space: str, done: int, total: int) -> None:
            assert space == "words"
            seen.append((done, total))

    import_vectors(tmp_path / "a.txt", None, Seen())
    assert seen[-1] == (len(WORDS), len(WORDS))


def test_arrays_of_words_and_rows(tmp_path: Path) -> None:
    """As other models' texts come; what does not match, or is of photos, is told."""
    words, rows = np.array(["cat", "sofa"]), np.eye(2)
    np.savez(tmp_path / "clip.npz", words=words, vectors=rows)
    assert import_vectors(tmp_path / "clip.npz").vector("sofa").tolist() == [0, 1]
    for given, said in (
        ({"words": words, "vectors": np.eye(3)}, "2 words and 3 vectors"),
        ({"paths": words, "vectors": rows}, "--space NAME"),
        ({"b16": rows}, "it|word vectors are words and vectors"),
        ({"words": words.astype(object), "vectors": rows}, "cannot be read"),
    ):
        np.savez(tmp_path / "odd.npz", **given)
        with pytest.raises(VectorsError, match=said):
            import_vectors(tmp_path / "odd.npz")
