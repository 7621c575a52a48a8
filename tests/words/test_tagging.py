"""Probabilities: fitted on scores, carried by the checkpoint, and no tag where none is likely."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from typer.testing import CliRunner, Result

from devise.analysis.metrics import probability
from devise.cli.main import app
from devise.errors import LibraryError
from devise.library import Library
from devise.spaces import Calibration, ModelInfo, Space
from devise.vectors import unit
from devise.words import Tagger, WordVectors
from devise.words.format import write_vectors

SPACE = Space(
    name="words", dim=4, vectors="tiny", calibration=Calibration(scale=20.0, bias=-10.0)
)  # even at a score of 0.5


@pytest.fixture
def colours(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVISE_EMBEDDINGS", str(tmp_path / "embeddings"))
    rows = [[1, 0, 0, 0.1], [0, 1, 0, 0.1], [0, 0, 1, 0.1], [1, 0.2, 0, 0.1]]
    write_vectors(
        tmp_path / "embeddings/tiny.safetensors", ["red", "green", "blue", "reds"], np.array(rows), source="made up"
    )
    return WordVectors.open("tiny")


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_that_the_truth_was_drawn_with(seed):
    random = np.random.default_rng(seed)
    scores = random.uniform(-0.2, 0.8, 20_000)
    truth = random.random(20_000) < 1 / (1 + np.exp(-(14 * scores - 6)))
    scale, bias = probability(scores, truth)
    assert scale == pytest.approx(14, rel=0.08)
    assert bias == pytest.approx(-6, rel=0.08)


@pytest.mark.parametrize("truth", [[0, 0, 0], [1, 1, 1], [1, 1, 0]], ids=["none true", "all true", "lower is truer"])
def test_no_probabilities_where_scores_say_nothing(truth):
    assert probability([0.1, 0.2, 0.9], truth) == (0.0, 0.0)


def test_perfectly_told_apart_is_still_finite():
    scale, bias = probability([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert np.isfinite([scale, bias]).all()
    assert 0 < scale < 1e4


def test_only_likely_words_are_tags(colours):
    tagger = Tagger(colours, ["red", "green", "blue"], SPACE)
    violet = unit([1, 0, 0.9, 0.1])
    tags = tagger.tags(violet, 5, 0.5)
    assert [tag.word for tag in tags] == ["red", "blue"]
    assert tags[0].probability == pytest.approx(1 / (1 + np.exp(-(20 * tags[0].score - 10))))
    assert tagger.tags(unit([-1, -1, -1, 0.1]), 5, 0.5) == []
    assert len(tagger.tags(violet, 5, 0.0)) == 3


def test_any_word_has_the_score_and_probability_of_the_same_word_in_a_vocabulary(colours):
    views = unit([[1, 0, 0.9, 0.1], [0.1, 0, 1, 0.1]])
    chosen = Tagger(colours, ["red", "green", "blue"], SPACE).tags(views, 2)
    assert Tagger(colours, None, SPACE).tags(views, 2) == chosen


def test_a_steep_fit_gives_probabilities_of_0_and_1():
    steep = Space(name="words", dim=4, calibration=Calibration(scale=1e5))
    assert [steep.calibration.probability(score) for score in (-1.0, 0.0, 1.0)] == [0.0, 0.5, 1.0]


def test_without_probabilities_the_best_words_are_tags(colours):
    tags = Tagger(colours, ["red", "green", "blue"]).tags(unit([-1, -1, -1, 0.1]), 2, 0.99)
    assert len(tags) == 2
    assert tags[0].probability is None
    assert tags[0].worth == tags[0].score


def test_a_part_can_give_a_tag(colours):
    """Mostly green with a blue corner: the score is the mean of the whole photo's and the corner's."""
    views = unit([[0, 1, 0.3, 0.1], [0, 1, 0, 0.1], [0, 0, 1, 0.1]])
    tags = {tag.word: tag.score for tag in Tagger(colours, ["red", "green", "blue"], SPACE).tags(views, 5)}
    blue = colours.vector("blue")
    assert tags["blue"] == pytest.approx((views[0] @ blue + views[2] @ blue) / 2, abs=1e-5)


def test_a_second_look_exchanges_words_and_no_scores(colours: WordVectors) -> None:
    tagger, views = Tagger(colours, ["red", "green", "blue"], SPACE), unit([0.8, 0.5, 0.1, 0.1])
    first = tagger.tags(views, 3)
    assert [tag.word for tag in first] == ["red", "green", "blue"]
    second = tagger.tags(views, 3, better={"red": "blue"}.__getitem__)
    assert [tag.word for tag in second] == ["blue", "green", "red"]
    assert [tag.probability for tag in second] == [tag.probability for tag in first]


def test_a_photo_of_nothing_known_has_no_tags(colours, tmp_path):
    encoder = FakeEncoder(vectors_fingerprint=colours.fingerprint)
    spaces = (
        Space(
            name="words",
            dim=4,
            vectors="tiny",
            vectors_fingerprint=colours.fingerprint,
            calibration=Calibration(scale=20.0, bias=-16.0),
        ),
        encoder.info.spaces[1],
    )
    encoder.info = ModelInfo(name="fake", fingerprint="e" * 64, spaces=spaces)
    (tmp_path / "photos").mkdir()
    for name, colour in (("red", (255, 0, 0)), ("grey", (120, 120, 120))):
        Image.new("RGB", (32, 32), colour).save(tmp_path / "photos" / f"{name}.png")
    with Library(tmp_path / "library") as library:
        library.index([tmp_path / "photos"], model=encoder)
        assert library.tag(tmp_path / "photos/grey.png") == []
        assert [tag.word for tag in library.tag(tmp_path / "photos/red.png")] == ["red"]
        with pytest.raises(LibraryError, match="from 0 to 1"):
            library.tag(tmp_path / "photos/red.png", sure=2)

    def devise(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    shown = devise("tag", tmp_path / "photos", "--library", tmp_path / "library", "--json")
    grey, red = json.loads(shown.stdout)
    assert grey["tags"] == []
    assert set(red["tags"][0]) == {"word", "score", "probability"}
    more = devise("tag", tmp_path / "photos", "--library", tmp_path / "library", "--json", "--sure", "0")
    assert json.loads(more.stdout)[0]["tags"]
