"""Regular mistakes: classifiers for few photos, specialists for pairs, saying no to nothing, marks, and shuffling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import NUM_PHOTOS, classes, options, tiny_vectors  # noqa: F401 (fixtures)
from torch import Tensor
from typer.testing import CliRunner

from devise.analysis.classifiers import fitted
from devise.cli.main import app
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.classes import read_classes
from devise.descriptors.network.engine import open_encoder
from devise.descriptors.network.specialists import read_specialists
from devise.errors import TrainingError
from devise.evaluation import EvaluateOptions, evaluate
from devise.evaluation.specialists import with_specialists
from devise.library import Library
from devise.photos import load
from devise.photos.nothings import KINDS, write_nothings
from devise.training import TrainOptions, train
from devise.training.few import few_shots
from devise.training.objectives.table import OBJECTIVES
from devise.training.objectives.words import Words
from devise.vectors import unit


def rows_of(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(9).random((labels.shape[1], 12))
    return unit((labels @ centres + random.normal(0, 0.05, (len(labels), 12))).astype(np.float32))


@pytest.mark.parametrize("kind", ["logistic", "svm"])
def test_classifiers_of_one_and_of_several_labels(kind: str) -> None:
    one = np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    weights = fitted(kind, rows_of(one), one, np.ones_like(one))
    assert ((rows_of(one, 1) @ weights.T).argmax(1) == one.argmax(1)).mean() > 0.9
    several = (np.random.default_rng(3).random((60, 3)) < 0.4).astype(np.float32)
    known = np.ones_like(several)
    known[:5, 0] = 0
    weights = fitted(kind, rows_of(several), several, known)
    assert weights.shape == (3, 12)
    several[:, 2] = 0  # a label that no photo has
    assert not fitted(kind, rows_of(several), several, known)[2].any()


@pytest.mark.parametrize("kind", ["logistic", "svm"])
def test_the_layer_of_classes_may_be_fitted(options: TrainOptions, kind: str) -> None:  # noqa: F811
    plain = checkpoints.load(train(options).path)
    report = train(replace(options, classifier=kind, force=True))
    made = checkpoints.load(report.path)
    assert made.training["classifier"] == kind
    assert torch.equal(made.heads["words"].layers[0].weight, plain.heads["words"].layers[0].weight)
    assert not torch.equal(made.heads["classes"].weights, plain.heads["classes"].weights)
    assert read_classes(report.path).names == report.labels
    found = evaluate(EvaluateOptions(data=options.data, model=str(report.path), vectors="tiny", bootstrap=2,
                                     baselines=True))  # fmt: skip
    assert found.baselines["softmax"]["hit@1"] >= 0.75
    for change, text in ({"classifier": "forest"}, "no classifier 'forest'"), ({"unfreeze": 1}, "frozen features"):
        with pytest.raises(TrainingError, match=text):
            train(replace(options, **{"classifier": kind, "force": True} | change))


def test_accuracy_against_photos_a_label(options: TrainOptions) -> None:  # noqa: F811
    rows = few_shots(replace(options, epochs=2), counts=(1, 4, 50, 90), steps=4)
    assert [row.count for row in rows] == [1, 4]  # none has 50, and that of all is not shown twice
    assert [row.photos for row in rows] == [4, 16]
    assert set(rows[0].classifiers) == {"logistic", "svm"}
    assert rows[1].classifiers["logistic"] >= 0.75


def test_a_specialist_decides_between_its_two_labels() -> None:
    truth = np.eye(3, dtype=np.float32)[[0, 1, 2, 1]]
    scores = np.array([[0.5, 0.9, 0], [0.1, 0.9, 0], [0, 0, 1], [0, 0.1, 0.9]], np.float32)
    features = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    found = with_specialists({("a", "b"): np.eye(2, dtype=np.float32)}, ("a", "b", "c"), scores, features, truth)
    assert found["hit@1"] == 0.5
    assert found["hit@1 with specialists"] == 0.75
    assert found["photos asked about"] == 2
    assert (found["of these right before"], found["of these right"]) == (0.5, 1.0)
    assert with_specialists({("a", "d"): np.eye(2)}, ("a", "b", "c"), scores, features, truth) == {}


def test_pairs_that_are_confused_get_specialists(options: TrainOptions, draw: Callable[..., Path],  # noqa: F811
                                                 tmp_path: Path) -> None:  # fmt: skip
    for i in range(NUM_PHOTOS):  # two labels that nothing tells apart
        draw(f"classes/sofa/{i}.png", (220, 30, 30), seed=i + 1)
    report = train(replace(options, specialists=9, epochs=20, validation=0.5))
    heads = checkpoints.load(report.path).configs
    pairs = [set(head.labels) for name, head in heads.items() if name.startswith("specialist:")]
    assert {"red", "sofa"} in pairs
    found = evaluate(EvaluateOptions(data=options.data, model=str(report.path), vectors="tiny", bootstrap=2))
    assert found.specialists["photos asked about"] >= 2
    assert open_encoder(report.path).labels == report.labels  # both engines still read it
    photos = sorted(map(str, [*options.data.glob("red/*.png"), *options.data.glob("sofa/*.png")]))
    with Library(tmp_path / "library", model=report.path) as library:
        outside = {photo: library.tag(photo, 1, sure=0.0)[0].word for photo in photos}
        library.index([options.data])
        features = dict(zip(*library.vectors("features"), strict=True))
        pair = read_specialists(report.path)
        for photo, word in outside.items():
            assert library.tag(photo, 1, sure=0.0)[0].word == word
            assert pair.better(word, partial(features.__getitem__, photo)) == word  # it has had the last word
    assert set(outside.values()) & {"red", "sofa"}


def test_pictures_of_nothing(options: TrainOptions, classes: Path, tmp_path: Path) -> None:  # noqa: F811
    photos = sorted(map(str, classes.rglob("*.png")))
    made = write_nothings(photos, tmp_path / "nothing", 7, seed=1)
    assert [kind for kind, _ in made] == [*KINDS, *KINDS, KINDS[0]]
    pictures = {path: load(path, size=64, resize="squash") for _, path in made}
    times = [Path(path).stat().st_mtime_ns for _, path in made]
    assert write_nothings(photos, tmp_path / "nothing", 7, seed=1) == made
    assert [Path(path).stat().st_mtime_ns for _, path in made] == times
    again = write_nothings(photos, tmp_path / "other", 7, seed=1)
    assert all((load(path, size=64, resize="squash") == pictures[first]).all()
               for (_, path), (_, first) in zip(again, made, strict=True))  # fmt: skip
    assert write_nothings([str(tmp_path / "none.png")], tmp_path / "none", 3, seed=1) == []


def test_few_shots_stand_alone(options: TrainOptions) -> None:  # noqa: F811
    asked = ["evaluate", str(options.data), "--few-shot", "--html", "page.html", "--reject"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 1
    assert "leave out --reject, --html" in told.output


def test_a_model_learns_to_say_no(options: TrainOptions) -> None:  # noqa: F811
    asked = replace(options, epochs=30, batch=16)
    found = {}
    for reject in (0.0, 1.0):
        report = train(replace(asked, reject=reject, force=True))
        ask = EvaluateOptions(data=options.data, model=str(report.path), vectors="tiny", bootstrap=2, reject=True)
        found[reject] = evaluate(ask).rejection
    assert set(found[1.0]) == {"photos given a label", "no label: noise", "no label: patch", "no label: spliced"}
    assert found[1.0]["no label: spliced"] >= found[0.0]["no label: spliced"]
    with pytest.raises(TrainingError, match="takes sigmoid"):
        train(replace(asked, reject=0.5, loss="softmax", force=True))


def test_marks_are_learnt_and_told_of(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    first = train(replace(options, epochs=20))
    with Library(tmp_path / "library") as library:
        library.index([options.data], model=open_encoder(first.path, "tiny"))
        library.marks.add("green", [options.data / "red" / "1.png"], is_good=False)
        library.marks.add("red", [options.data / "red" / "2.png"], is_good=True)
    out = str(tmp_path / "out" / "second.safetensors")
    second = train(replace(options, epochs=20, feedback=tmp_path / "library", out=out))
    ask = EvaluateOptions(data=options.data, model=str(second.path), against=str(first.path), vectors="tiny",
                          bootstrap=2, feedback=tmp_path / "library")  # fmt: skip
    report = evaluate(ask)
    assert (report.marked["good answers"], report.marked["bad answers"]) == (1, 1)
    assert report.marked["of these still given"] <= report.marked_against["of these still given"]


def test_what_ordered_data_do(options: TrainOptions, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Photos of one label after the other: each batch teaches one answer, and the last one is remembered."""

    class Ordered(Words):
        def sampler(self, rows: Tensor) -> Tensor:
            return rows[self.lessons.truth[rows].argmax(1).argsort(stable=True)]

    asked = replace(options, epochs=25, batch=6, force=True)
    shuffled = train(asked).history[-1]
    monkeypatch.setitem(OBJECTIVES, "words", Ordered)
    ordered = train(asked).history[-1]
    assert shuffled.figures["hit@1"] > ordered.figures["hit@1"]
