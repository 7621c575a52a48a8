"""A query is read once, and what was understood comes with the answer, in Python and on the command line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_cli import devise, encoder, indexed, tiny  # noqa: F401 (fixtures)
from test_cli_queries import knowing  # noqa: F401 (fixture)
from typer.testing import Result

from devise.config import IndexConfig, SearchConfig, Settings
from devise.errors import WordError
from devise.library import Library, Where
from devise.results import Answer, Note
from devise.search.class_weights import ClassWeights
from devise.search.interpret import Options, Sources, interpret
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words import WordVectors, understanding
from devise.words.format import write_vectors

Run = Callable[..., Result]
SMALL = SearchConfig(candidates=1, min_candidates=1, min_candidates_regions=1, min_candidates_weighted=1)
PHOTO = unit(np.array([1.0, 1, 1, 1]))


@pytest.fixture
def vectors(tmp_path: Path) -> WordVectors:
    write_vectors(tmp_path / "w.safetensors", ["sofa", "cat", "dog", "wine"], np.eye(4), source="these tests")
    return WordVectors(tmp_path / "w.safetensors")


def sources(vectors: WordVectors, **texts: int) -> Sources:
    """texts: words of names and captions, and how many photos have them."""
    return Sources(
        words=lambda: vectors,
        photo=lambda photo: PHOTO,
        num_photos=lambda quoted: texts.get(quoted.strip('"'), 0),
        class_weights=lambda name: ClassWeights(name, ("Siamese cat", "tabby"), PHOTO, is_class=False),
    )


def test_what_a_request_says(vectors: WordVectors) -> None:
    options = Options(class_name="kitten", filter=Where(kind="jpg", without=("x",)))
    asked = interpret("2:sofa zugspitze -@tom -rain", options, sources(vectors, zugspitze=3, rain=1))
    assert asked.text == "2:sofa zugspitze -@tom -rain"
    assert [(term.text, term.weight, term.is_photo) for term in asked.terms] == [("sofa", 2, False), ("tom", -1, True)]
    assert asked.filter == Where(kind="jpg", text='"zugspitze"', without=("x", '"rain"'))
    assert asked.options is options
    assert [(note.kind, note.data) for note in asked.notes] == [
        ("classes", {"asked": "kitten", "names": ["Siamese cat", "tabby"], "is_class": False}),
        ("text_word", {"word": "zugspitze", "num_photos": 3, "is_wanted": True}),
        ("text_word", {"word": "rain", "num_photos": 1, "is_wanted": False}),
    ]


def test_words_that_only_texts_know_may_be_all(vectors: WordVectors) -> None:
    asked = interpret("zugspitze", Options(filter=Where(text="snow")), sources(vectors, zugspitze=3))
    assert (asked.terms, asked.filter.text) == ((), 'snow "zugspitze"')
    assert interpret("", Options(filter=Where(text="snow")), sources(vectors)).terms == ()


@pytest.mark.parametrize(
    ("query", "message"),
    [("-rain", "only says what to push away"), ("the", "says nothing"), (" ", "is empty"), ("sofa fog", '"fog"')],
)
def test_what_cannot_be_read(vectors: WordVectors, query: str, message: str) -> None:
    with pytest.raises(WordError, match=message):
        interpret(query, Options(), sources(vectors, rain=1))


def test_each_word_is_looked_up_once(vectors: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: Counter[str] = Counter()
    slot = vectors.slot
    monkeypatch.setattr(vectors, "slot", lambda word: looked_up.update([word]) or slot(word))
    texts: Counter[str] = Counter()
    given = sources(vectors, zugspitze=1)
    counting = Sources(
        words=given.words,
        photo=given.photo,
        num_photos=lambda word: texts.update([word]) or given.num_photos(word),
        class_weights=given.class_weights,
    )
    interpret('sofa cat zugspitze, cat 2:"sofa" zugspitze "zugspitze"', Options(), counting)
    assert {"sofa", "cat", "zugspitze"} <= set(looked_up)
    assert set(looked_up.values()) == {1}
    assert texts == {'"zugspitze"': 1}


def test_a_search_reads_its_query_once(devise: Run, knowing: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    (knowing / "red.txt").write_text("zugspitze")
    devise("index")
    calls: Counter[str] = Counter()
    parse, having, open_ = understanding.parse, Store.having, WordVectors.open
    monkeypatch.setattr(understanding, "parse", lambda query: calls.update(["parse"]) or parse(query))
    monkeypatch.setattr(Store, "having", lambda store, word: calls.update([word]) or having(store, word))
    monkeypatch.setattr(WordVectors, "open", lambda *name: calls.update(["vectors"]) or open_(*name))
    result = devise("search", "red", "zugspitze", "--json")
    assert [Path(match["path"]).stem for match in json.loads(result.stdout)] == ["red"]
    assert '"zugspitze" has no word vector; it is in the names or captions of 1 photos: only those' in result.stderr
    assert calls == {"parse": 1, '"zugspitze"': 1, "vectors": 1}


def notes(answer: Answer) -> list[Note]:
    return [note for note in answer.notes if note.kind == "nothing"]


def test_why_nothing_was_found(devise: Run, knowing: Path) -> None:  # noqa: F811
    """The same note in Python as on the command line."""
    cases = [
        (("red", "--min-score", "0.999999"), {"query": "red", "min_probability": 0.999999}, "probability"),
        (("red", "--after", "2019"), {"query": "red", "where": Where(after="2019")}, "filter"),
        (("--text", "zugspitze"), {"where": Where(text="zugspitze")}, "filter"),
    ]
    for arguments, asked, reason in cases:
        with Library() as library:
            answer = library.search(**asked)
        (note,) = notes(answer)
        assert (len(answer), note.data["reason"]) == (0, reason)
        assert f"{note.text}\n" in devise("search", *arguments).stderr
        assert json.loads(devise("search", *arguments, "--json").stdout) == []
    with Library() as library:
        (undated,) = notes(library.search("red", where=Where(after="2019")))
        assert undated.data["undated"] == 6
        assert "; 6 do not say when they were taken" in undated.text
        assert not notes(library.search("red"))


def test_a_photo_alone(devise: Run, tmp_path: Path, encoder, draw: Callable[..., Path]) -> None:  # noqa: F811
    photo = draw("album/red.png", (220, 30, 30))
    devise("index", photo.parent)
    with Library() as library:
        (note,) = library.similar(photo).notes
        assert (note.kind, note.text) == ("nothing", f"no photo besides {photo}; add some with: devise index FOLDER")
        (note,) = library.similar(photo, where=Where(kind="png")).notes
        assert note.text == "no other photo of the library is of that kind"
    assert f"no photo besides {photo}" in devise("similar", photo).stderr


@pytest.mark.parametrize(("damage", "state"), [("gone", "missing"), ("flipped", "damaged"), ("never", "missing")])
def test_an_index_of_no_use_is_a_note(devise: Run, indexed: Path, encoder, damage: str, state: str):  # noqa: F811
    """Of the graph of features, and of the flat file of words; the answers are those of a scan."""
    settings = Settings(index=IndexConfig(exact_below=2), search=SMALL)
    ask = (lambda lib: lib.search("red", 1), lambda lib: lib.similar(indexed / "red.png", 1))
    with Library(settings=settings) as library:
        if damage != "never":
            library._resources.readers.leave()
            (indexed / "new.png").write_bytes((indexed / "red.png").read_bytes() + b"\0")
            library.index(model=encoder)
            assert sorted(file.suffix for file in library.path.glob("*-*")) == [".flat", ".graph", ".ids"]
        if damage != "never":
            assert [asking(library).notes for asking in ask] == [(), ()]
        for file in [*library.path.glob("*.flat"), *library.path.glob("*.graph")]:
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 0xFF
            file.unlink() if damage == "gone" else file.write_bytes(data)
    with Library() as library:
        exact = [asking(library) for asking in ask]
    with Library(settings=settings) as library:
        for asking, answer, space in zip(ask, exact, ("words", "features"), strict=True):
            for _ in range(2):
                again = asking(library)
                assert again == answer
                (note,) = again.notes
                assert (note.kind, note.data) == ("index", {"space": space, "state": state})
                assert f"the index of {space} is {state}" in note.text
                assert "run: devise index" in note.text
        (note,) = library.nearest(answer_vector(library), 1).notes
        assert note.kind == "index"
        library.index(model=encoder)
        assert [asking(library).notes for asking in ask] == [(), ()]


def answer_vector(library: Library) -> np.ndarray:
    return library.vectors()[1][0]


def test_each_filter_that_is_empty_by_itself_is_named(devise: Run, knowing: Path) -> None:  # noqa: F811
    nothing = devise("search", "red", "--in", "/nowhere", "--after", "2019", "--type", "png").stderr
    assert nothing.startswith(
        "no photo of the library is in /nowhere, and none taken since 2019; "
        f"its folders are {knowing}; 6 do not say when they were taken"
    )
    (knowing / "red.txt").write_text("zugspitze")
    devise("index")
    both = devise("search", "red", "--in", knowing / "below", "--text", "zugspitze").stderr
    assert f"all at once: in {knowing}/below, called or captioned zugspitze; leave one out" in both
    assert "of the type nef" in devise("search", "red", "--type", "nef").stderr
    assert "its folders" not in devise("similar", knowing / "red.png", "--type", "gif").stderr


def test_a_word_that_is_to_be_read_is_pointed_to(devise: Run, knowing: Path) -> None:  # noqa: F811
    (knowing / "green.txt").write_text("a yellow thing")
    devise("index")
    answer = devise("search", "yellow", "--min-score", "0.999999")
    assert "2 photos have yellow in their names or captions: --text yellow" in answer.stderr
