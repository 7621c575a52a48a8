"""Colours in queries: by number and as most of a photo, by the share of a photo that looks so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_library import write_words

from devise.library import Library
from devise.search.colours import palette_weights
from devise.store.filter import Filter
from devise.words.colours import NAMED, colour_of

RED, BLUE = (220, 44, 36), (68, 100, 196)  # of the palette


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Photos of blue ground, of which a tenth, a half and nine tenths are red, from the right."""
    with Library(tmp_path / "library") as opened:
        for tenths in (1, 5, 9):
            image = Image.new("RGB", (320, 320), BLUE)
            image.paste(RED, (320 - 32 * tenths, 0, 320, 320))
            (tmp_path / "photos").mkdir(exist_ok=True)
            image.save(tmp_path / "photos" / f"{tenths}.png")
        opened.index([tmp_path / "photos"], model=FakeEncoder(vectors_fingerprint=write_words()), add=["colour"])
        yield opened


def test_photos_are_in_the_order_of_their_shares(library: Library) -> None:
    for query, order in (("#dc2c24", "951"), ("mostly blue", "159"), ("-#dc2c24", "159")):
        assert "".join(Path(match.path).stem for match in library.search(query)) == order
    shares = [match.score for match in library.search("#dc2c24")]
    assert shares == pytest.approx([0.9, 0.5, 0.1], abs=0.1)
    both = {Path(match.path).stem: match.terms for match in library.search("mostly red #4464c4")}
    assert [term.score for term in both["5"]] == pytest.approx([0.5, 0.5], abs=0.1)


def test_a_word_beside_a_colour_a_filter_and_an_explanation(library: Library) -> None:
    found = library.search("2:#dc2c24 blue", where=Filter(text="1"))
    assert [Path(match.path).stem for match in found] == ["1"]
    assert [(term.text, term.weight) for term in found[0].terms] == [("#dc2c24", 2.0), ("blue", 1.0)]
    red, blue = library.explain(found[0].path, "#dc2c24 blue")
    assert red.term.score == pytest.approx(found[0].terms[0].score, abs=1e-3)
    assert red.heat[:, -1].min() > 0.7 > 0.01 > red.heat[:, :-2].max()
    assert red.heat.shape == blue.heat.shape


def test_a_library_without_colours_says_how_to_have_them(library: Library, tmp_path: Path) -> None:
    told = [note for note in library.search("mostly red").notes if note.kind == "colour"]
    assert [note.text for note in told] == ['"mostly red" is looked for in the colours of photos']
    with Library(tmp_path / "plain") as plain:
        plain.index([tmp_path / "photos"], model=FakeEncoder(vectors_fingerprint=write_words()))
        answer = plain.search("#dc2c24")
    assert len(answer) == 3
    assert [note.text for note in answer.notes if note.kind == "read_as"] == [
        '"#dc2c24" is read as "red", as the library knows no colours; add them with: devise index --add colour'
    ]


def test_what_is_a_colour() -> None:
    asked = ["#C03020", "#fff", "mostly Grey", "mainly #fff", "blue", "#bee", "#12345", "mostly cats", "c03020", ""]
    assert [colour_of(text) for text in asked] == ["c03020", "ffffff", "gray", "ffffff"] + [None] * 6


def test_each_colour_of_the_palette_has_one_name() -> None:
    assert (sum(palette_weights(name) for name in NAMED) == np.ones(64)).all()
    assert palette_weights("dc2c24").max() == 1
