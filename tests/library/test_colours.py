"""Colours in queries: by number and as most of a photo, by the share of a photo that looks so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_library import write_words

from devise.descriptors import colour_words
from devise.descriptors.colour import shares
from devise.library import Library
from devise.search.colours import palette_weights
from devise.spaces import Calibration
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


def test_a_word_for_a_colour_is_asked_of_the_model_and_of_the_colours(tmp_path: Path) -> None:
    """The probability of both: their logits' mean, by the weight that the photo's ground gives to its colours."""
    for name, patch in (("red", RED), ("blue", BLUE)):
        image = Image.new("RGB", (320, 320), (255, 255, 255))
        image.paste(patch, (80, 80, 240, 240))
        image.save(tmp_path / f"{name}.png")
    model = FakeEncoder(vectors_fingerprint=write_words())
    model.labels = ("red", "blue")
    line = Calibration(scale=20.0, bias=-18.0)
    model.spaces = tuple(replace(space, calibration=line) if space.name == "words" else space for space in model.spaces)
    with Library(tmp_path / "library") as library:
        library.index([tmp_path], model=model)
        alone = {Path(match.path).stem: match.score for match in library.search("red")}
        plain_green = [match.score for match in library.search("green")]
    with Library(tmp_path / "coloured") as library:
        library.index([tmp_path], model=model, add=["colour"])
        paths, rows = library.vectors("colour")
        found = {Path(match.path).stem: match for match in library.search("red")}
        assert not any(note.kind == "colour" for note in library.search("red").notes)
        assert found["blue"].probability < found["red"].probability
        by_colours = dict(zip((Path(path).stem for path in paths), colour_words.logits("red", rows), strict=True))
        weights = dict(zip(by_colours, colour_words.weight(rows), strict=True))
        for name, match in found.items():
            assert 0.25 < weights[name] <= 0.5
            logit = (1 - weights[name]) * (20 * alone[name] - 18) + weights[name] * by_colours[name]
            assert match.terms[0].probability == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-3)
        green = [match.score for match in library.search("green")]  # which it has not learnt: as the model says
    assert green == pytest.approx(plain_green)


@pytest.mark.parametrize("word", sorted(set(colour_words.WORDS) - {"gray", "purple"}))
def test_a_patch_is_called_by_its_colour(word: str) -> None:
    shades = NAMED[word]
    patch = np.full((1, 8, 8, 3), list(shades[len(shades) // 2].to_bytes(3)), np.uint8)
    told = {one: float(colour_words.logits(one, shares(patch))[0]) for one in colour_words.WORDS}
    assert max(told, key=lambda one: told[one]) == word


def test_each_basic_colour_has_weights() -> None:
    assert sorted(colour_words.WORDS) == sorted(NAMED)


def test_what_is_a_colour() -> None:
    asked = ["#C03020", "#fff", "mostly Grey", "mainly #fff", "blue", "#bee", "#12345", "mostly cats", "c03020", ""]
    assert [colour_of(text) for text in asked] == ["c03020", "ffffff", "gray", "ffffff"] + [None] * 6


def test_each_colour_of_the_palette_has_one_name() -> None:
    assert (sum(palette_weights(name) for name in NAMED) == np.ones(64)).all()
    assert palette_weights("dc2c24").max() == 1
