"""What programs get: answers as lists, tables and pages of a notebook, photos in any form, and what a prompt shows."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_library import write_words

from devise.config import SearchConfig, Settings, TagConfig
from devise.errors import DeviseError, LibraryError, PhotoError
from devise.library import Library
from devise.reports import IndexReport, Judgement, LibraryInfo, Skipped
from devise.results import Answer, Match, Note, TermScore, WordMatch

TOM = Match("/photos/tom.jpg", 0.4, 0.8, (TermScore("sofa", 1.0, 0.5, 0.9), TermScore("score", -2.0, 0.1)))
ADA = Match("/photos/ada.jpg", 0.3)
NOTE = Note("text_word", "it is in the names of 3 photos", {"word": "it"})


def test_an_answer_is_a_sequence() -> None:
    answer = Answer.of([TOM, ADA], [NOTE])
    assert (len(answer), answer[0], answer[-1], list(answer)) == (2, TOM, ADA, [TOM, ADA])
    assert answer == [TOM, ADA]
    assert [TOM, ADA] == answer  # noqa: SIM300 (either side)
    assert answer != [TOM]
    assert answer != "tom"
    assert [answer] == [[TOM, ADA]]
    assert answer == Answer.of([TOM, ADA])
    assert answer[1:] == [ADA]
    assert answer[1:].notes == (NOTE,)
    assert (bool(answer), bool(Answer()), ADA in answer) == (True, False, True)
    assert [*reversed(answer)] == [ADA, TOM]
    with pytest.raises(IndexError):
        _ = answer[2]
    with pytest.raises(TypeError):
        hash(answer)


def test_answers_as_json() -> None:
    assert Answer.of([TOM, ADA]).to_json() == [
        {"path": "/photos/tom.jpg", "score": 0.4, "probability": 0.8},
        {"path": "/photos/ada.jpg", "score": 0.3},
    ]
    assert Answer.of([TOM]).to_json(why=True)[0]["terms"][1] == {
        "term": "score", "weight": -2.0, "score": 0.1, "probability": None,
    }  # fmt: skip
    assert Answer.of([WordMatch("cat", 0.5, 0.7), WordMatch("dog", 0.4)]).to_json() == [
        {"word": "cat", "score": 0.5, "probability": 0.7},
        {"word": "dog", "score": 0.4},
    ]
    assert NOTE.to_json() == {"kind": "text_word", "text": NOTE.text, "word": "it"}


def test_answers_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A term whose name is that of a column does not take its place."""
    tables = []
    pandas = types.ModuleType("pandas")
    pandas.DataFrame = lambda rows, columns: tables.append((rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    monkeypatch.setattr("devise.errors.find_spec", lambda name: name)
    for answer in (Answer.of([TOM, ADA]), Answer.of([WordMatch("cat", 0.5)]), Answer()):
        answer.to_pandas()
    assert [columns for _, columns in tables] == [
        ["path", "score", "probability", "sofa"], ["word", "score", "probability"], ["path", "score", "probability"],
    ]  # fmt: skip
    assert tables[0][0] == [
        {"path": "/photos/tom.jpg", "score": 0.4, "probability": 0.8, "sofa": 0.9},
        {"path": "/photos/ada.jpg", "score": 0.3, "probability": pytest.approx(np.nan, nan_ok=True)},
    ]
    monkeypatch.setattr("devise.errors.find_spec", lambda name: None)
    with pytest.raises(DeviseError, match=r"to_pandas.*needs pandas.*pip install pandas"):
        answer.to_pandas()


def test_what_a_prompt_shows(library: Library) -> None:
    assert repr(Answer.of([TOM, ADA], [NOTE])).splitlines() == [
        "Answer of 2 matches",
        "  Match('/photos/tom.jpg', score=0.400, probability=0.80)",
        "  Match('/photos/ada.jpg', score=0.300)",
        "  note: it is in the names of 3 photos",
    ]
    assert repr(Answer.of([ADA] * 1_500)).splitlines()[-1] == "  ... and 1,491 more"
    assert repr(TOM.terms[1]) == "TermScore('score', weight=-2, score=0.100)"
    assert repr(WordMatch("cat", 0.5)) == "WordMatch('cat', score=0.500)"
    assert repr(library) == f"Library('{library.path}', 6 photos, model fake)"
    assert repr(Library("/nowhere")) == "Library('/nowhere', not there yet)"
    report = IndexReport(
        added=1200, updated=0, unchanged=5, moved=0, removed=1, skipped=(Skipped("a", "b"),), seconds=2
    )
    assert repr(report) == "IndexReport(1,200 added, 1 removed, 5 unchanged, 1 skipped in 2.0 s)"
    assert "6 photos (6 different)" in repr(library.info())
    assert "model fake" in repr(library.info())
    assert repr(LibraryInfo(path="/x", exists=False)) == "LibraryInfo('/x', not there yet)"
    assert Judgement("red", "/x.jpg", True, "2026").to_json() == {
        "query": "red", "mark": "good", "path": "/x.jpg", "marked": "2026",
    }  # fmt: skip


@pytest.fixture
def library(tmp_path: Path, album: Path):
    with Library(tmp_path / "library") as opened:
        opened.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


def test_a_notebook_shows_photos_and_words(library: Library, album: Path) -> None:
    (album / "below" / "blue.png").unlink()
    html = library.search("red")._repr_html_()
    assert html.count("data:image/jpeg;base64,") == 5
    assert "there is no such file" in html
    assert ">0.982<" in html
    assert library.tag(album / "red.png", sure=0)._repr_html_().count("<span") == 4
    odd = Match('/<script>"&.jpg', 0.5)
    told = Answer.of([odd], [Note("x", "<b>")])._repr_html_()
    assert "<script>" not in told
    assert "&lt;b&gt;" in told
    assert "no photos" in Answer()._repr_html_()
    assert Answer.of([odd] * 50)._repr_html_().count("aspect-ratio") == 36
    assert "14 more photos" in Answer.of([odd] * 50)._repr_html_()


def test_a_photo_in_any_form(library: Library, album: Path) -> None:
    path = album / "red.png"
    picture = Image.open(path)
    forms = [str(path), path, path.read_bytes(), picture, picture.convert("RGBA"), np.asarray(picture.convert("RGB"))]
    views = [library._photos.views(form) for form in forms]
    for some in views[1:]:
        np.testing.assert_allclose(some, views[0], atol=1e-3)  # the library has halves
    assert len({str(library.tag(form, 2)) for form in forms}) == 1
    for form in forms[:3]:  # in the library, which the others are not known to be
        assert path.name not in [Path(match.path).name for match in library.similar(form)]
    for form in forms[3:]:
        assert library.similar(form, 1)[0].path == str(path)
    for form in (path, forms[2], picture, forms[5]):
        assert library.search(form, 1)[0].path == str(path)
        assert library.search([form, "- green"], 1)[0].terms[0].score == pytest.approx(1, abs=1e-3)
        (found,) = library.explain(form, "red")
        assert found.term.score == pytest.approx(library.explain(path, "red")[0].term.score, abs=1e-3)
    assert library.search([forms[2], "red"], 1)[0].terms[0].text == "(a photo)"


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (
            np.zeros((4, 4, 3), np.float32),
            r"the array: it is \(4, 4, 3\) of float32; give \(height, width, 3\)",
        ),
        (np.zeros((4, 4), np.uint8), r"the array: it is \(4, 4\) of uint8"),
        (np.zeros((0, 4, 3), np.uint8), r"the array: it is \(0, 4, 3\)"),
        (3.5, "a float: it is no photo; give a path, the bytes of a file, a picture of Pillow"),
        (b"", "the file is empty"),
        (b"no photo", "the picture: "),
    ],
)
def test_what_is_no_photo(library: Library, photo: object, message: str) -> None:
    for ask in (library.tag, library.similar, library.search, lambda photo: library.explain(photo, "red")):
        with pytest.raises(PhotoError, match=message):
            ask(photo)


def test_a_picture_is_turned_upright(library: Library, tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), (220, 30, 30))
    picture.paste((30, 50, 210), (0, 0, 20, 20))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    file, opened = tmp_path / "turned.png", Image.open(tmp_path / "turned.png")
    np.testing.assert_array_equal(library._photos.vector(opened, "features")[1],
                                  library._photos.vector(file, "features")[1])  # fmt: skip


@pytest.mark.parametrize("space", ["words", "features"])
def test_all_vectors(library: Library, album: Path, space: str) -> None:
    (album / "copy.png").write_bytes((album / "red.png").read_bytes())
    library.index()
    paths, rows = library.vectors(space)
    assert paths == library.paths()
    assert (rows.shape, rows.dtype) == ((7, 4 if space == "words" else 48), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-3)
    for path, row in zip(paths, rows, strict=True):
        np.testing.assert_array_equal(row, library._photos.vector(path, space)[1])
    with pytest.raises(LibraryError, match="no space"):
        library.vectors("smells")
    with pytest.raises(LibraryError, match="there is no library"):
        Library(library.path / "none").vectors()


def test_settings_are_passed_in(library: Library, album: Path) -> None:
    settings = Settings(search=SearchConfig(top=2), tags=TagConfig(k=1, min_labels=0))
    with Library(library.path, settings=settings) as opened:
        assert len(opened.search("red")) == len(opened.similar(album / "red.png")) == 2
        assert len(opened.tag(album / "red.png", sure=0)) == 1
        assert len(opened.search("red", 3)) == 3
