"""Several attributes at once: a block of numbers each, one cosine, weights when asking."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import COLOURS, Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from devise import Library
from devise.cli.main import app
from devise.descriptors.network import checkpoint as checkpoints
from devise.errors import LibraryError, TrainingError
from devise.training import TrainOptions, train
from devise.training.objectives.attributes import SCALE, Proxies, attributes_of

WARM = {"red": "warm", "green": "cold", "blue": "cold", "light_sky": "cold"}


@pytest.fixture
def several(options: TrainOptions, classes: Path) -> TrainOptions:  # noqa: F811
    """A CSV of colour and warmth; some photos say nothing of warmth."""
    rows = [(f"{colour}/{i}.png", colour, "" if i == 0 else WARM[colour]) for colour in COLOURS for i in range(8)]
    file = classes / "labels.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "colour", "warmth"), *rows])
    return replace(options, data=file, objectives=("attributes",), vectors=None, dim=4, epochs=30)


def test_loss_is_a_softmax_an_attribute() -> None:
    names, attribute = attributes_of(["a: x", "a: y", "b: x", "b: y", "b: z"])
    assert (names, attribute.tolist()) == (("a", "b"), [0, 0, 1, 1, 1])
    torch.manual_seed(0)
    proxies = Proxies(5, 3).double()
    blocks = torch.nn.functional.normalize(torch.randn(4, 2, 3).double(), dim=2)
    directions = proxies.rows.detach().numpy() / np.linalg.norm(proxies.rows.detach().numpy(), axis=1, keepdims=True)
    expected = [[SCALE * row[a] @ one for a, one in zip(attribute.tolist(), directions, strict=True)]
                for row in blocks.numpy()]  # fmt: skip
    np.testing.assert_allclose(proxies(blocks, attribute).detach().numpy(), expected, rtol=1e-6)


def test_one_cosine_is_the_mean_of_attributes_and_queries_weigh_them(several: TrainOptions, tmp_path: Path) -> None:
    report = train(several)
    assert set(report.best.figures) == {"same in all", "same colour", "same warmth"}
    assert report.best.figures["same in all"] >= 0.75
    with Library(tmp_path / "library", model=str(report.path)) as library:
        library.index([several.data.parent])
        space = library._reader().model().space("attributes")
        assert (space.dim, space.attributes) == (8, ("colour", "warmth"))
        paths, rows = library.vectors("attributes")
        blocks = rows.reshape(len(rows), 2, 4)
        np.testing.assert_allclose(np.linalg.norm(blocks, axis=2), np.sqrt(0.5), atol=1e-3)
        cosines = 2 * (blocks * blocks[0]).sum(2)  # (photos, attributes)
        for weights in ({}, {"colour": 3.0}, {"colour": 0.0}):
            wanted = np.average(cosines, axis=1, weights=[weights.get("colour", 1.0), 1.0])
            expected = dict(zip(paths, wanted, strict=True))
            near = library.similar(paths[0], 100, space="attributes", weights=weights)
            assert len(near) > 20
            assert [match.score for match in near] == sorted((match.score for match in near), reverse=True)
            for match in near:
                assert match.score == pytest.approx(expected[match.path], abs=3e-3)
        for weights, error in (({"size": 1.0}, "no attribute size; the space attributes has colour, warmth"),
                               ({"colour": 0.0, "warmth": 0.0}, "all attributes weigh 0")):  # fmt: skip
            with pytest.raises(LibraryError, match=error):
                library.similar(paths[0], space="attributes", weights=weights)
        with pytest.raises(LibraryError, match="has no attributes to weigh"):
            library.similar(paths[0], weights={"colour": 1.0})
        run = CliRunner().invoke(app, ["similar", paths[0], "--space", "attributes", "--weight", "colour=no",
                                       "--library", str(library.path)])  # fmt: skip
        assert run.exit_code == 1
        assert "weighs no attribute" in run.stderr


def test_it_goes_on_after_a_kill(several: TrainOptions, tmp_path: Path) -> None:
    some = replace(several, epochs=4)
    whole = checkpoints.load(train(some).path).fingerprint
    stopped = replace(some, out=str(tmp_path / "other" / "codes.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        train(stopped, Stop(after=2))
    with pytest.raises(TrainingError, match="other options"):
        train(replace(stopped, resume=True, dim=8))
    assert checkpoints.load(train(replace(stopped, resume=True)).path).fingerprint == whole


def test_what_makes_no_sense_is_one_line(several: TrainOptions, classes: Path) -> None:  # noqa: F811
    with pytest.raises(TrainingError, match="names no attributes; give a CSV"):
        train(replace(several, data=classes))
    with pytest.raises(TrainingError, match="learnt without words"):
        train(replace(several, objectives=("attributes", "words")))
    text = several.data.read_text()
    several.data.write_text(text.replace(",warm\n", ",cold\n").replace(",warm\r", ",cold\r"))
    with pytest.raises(TrainingError, match='"warmth: cold" is the only label of warmth'):
        train(several)
    several.data.write_text(text.replace("red/1.png,red,warm", "red/1.png,red,hot"))
    with pytest.raises(TrainingError, match="labels with one photo: warmth: hot"):
        train(several)


def test_exemplars_are_their_closed_form(draw: Callable[..., Path], tmp_path: Path) -> None:
    from fakes import FakeEncoder

    from devise.search.exemplar import SHRINKAGE

    for i in range(12):
        draw(f"photos/{i}.png", (20 * i, 250 - 20 * i, (60 * i) % 250), seed=i)
    with Library(tmp_path / "library", model=FakeEncoder()) as library:
        library.index([tmp_path / "photos"], add=["phash"])
        paths, rows = library.vectors("features")
        centred = rows - rows.mean(0)
        covariance = centred.T @ centred / len(rows)
        shrunk = covariance + SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        weights = np.linalg.solve(shrunk, centred[3])
        expected = dict(zip(paths, rows @ weights / np.linalg.norm(weights), strict=True))
        near = library.similar(paths[3], 20, exemplar=True)
        assert [match.path for match in near] == sorted({*paths} - {paths[3]}, key=lambda path: -expected[path])
        assert near[0].score == pytest.approx(expected[near[0].path], abs=1e-3)
        with pytest.raises(LibraryError, match="asked for alone"):
            library.similar(paths[3], exemplar=True, order="words")
        with pytest.raises(LibraryError, match="have no covariance"):
            library.similar(paths[3], exemplar=True, space="phash")
        for i in range(12, 24):
            draw(f"photos/{i}.png", (250, 20 * (i - 12), 9), seed=i)
        library.index()
        grown = library.similar(paths[3], 30, exemplar=True)
    with Library(tmp_path / "library", model=FakeEncoder()) as opened_anew:
        assert grown == opened_anew.similar(paths[3], 30, exemplar=True)
