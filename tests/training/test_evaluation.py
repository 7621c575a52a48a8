"""Evaluating what was trained: figures against numpy, a page, and two models on the same photos."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from test_training import NUM_PHOTOS, classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise.descriptors.network.engine import open_encoder
from devise.errors import TrainingError
from devise.evaluation import EvaluateOptions, evaluate, measures, page, rivals
from devise.library import Library
from devise.progress import Progress
from devise.training import TrainOptions, TrainReport, train


def test_figures_of_a_small_case() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.3, 0.1], [0.0, 0.1, 0.2], [0.5, 0.6, 0.4]], np.float32)
    truth = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], np.float32)
    known = np.ones_like(truth)
    found = measures.figures(scores, truth, known)
    assert found["hit@1"] == pytest.approx(2 / 3)  # the last photo shows nothing
    assert found["mAP"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)
    assert measures.confusion(scores, truth).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    samples = np.tile(np.arange(4), (10, 1))
    drawn = measures.resampled(scores, truth, known, samples)
    assert drawn["hit@1"] == pytest.approx(np.full(10, 2 / 3))
    assert drawn["mAP"] == pytest.approx(np.full(2, found["mAP"]))


def test_probabilities_that_keep_their_word() -> None:
    random = np.random.default_rng(0)
    said = random.random((2000, 5)).astype(np.float32)
    true = (random.random((2000, 5)) < said).astype(np.float32)
    bins, error = measures.calibration(said, true, np.ones_like(true))
    assert error < 0.02
    assert sum(count for *_, count in bins) == said.size
    assert measures.calibration(said**3, true, np.ones_like(true))[1] > 0.15


def test_hierarchical_precision_forgives_what_is_near() -> None:
    labels = ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat", "airliner", "warplane")
    truth = np.eye(7, dtype=np.float32)[:1]
    cats = np.array([[9, 8, 7, 6, 5, 1, 0]], np.float32)
    assert measures.hierarchical_precision(cats, truth, labels) == 1.0
    planes = np.array([[9, 1, 0, 6, 5, 8, 7]], np.float32)
    assert measures.hierarchical_precision(planes, truth, labels) == pytest.approx(3 / 5)
    assert measures.hierarchical_precision(cats, truth, tuple("abcdefg")) is None


def test_a_model_is_judged_by_what_its_training_kept(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained = train(replace(options, epochs=8))
    asked = EvaluateOptions(data=options.data, model=str(trained.path), vectors="tiny", baselines=True, bootstrap=50)
    report = evaluate(replace(asked, against=str(trained.path)))
    assert report.photos == trained.num_validation
    assert report.figures["hit@1"] == pytest.approx(trained.best.hits[1], abs=0.26)
    assert report.difference["hit@1"] == (0, 0, 0)
    assert report.confusion.sum() == report.photos
    assert {*report.baselines} == {"ConSE", "softmax", "random targets"}
    assert json.loads(json.dumps(report.to_json()))["photos"] == report.photos
    page.write(tmp_path / "page.html", report)
    assert "Confusion" in (tmp_path / "page.html").read_text()
    assert evaluate(replace(asked, split="all")).photos == 32
    with pytest.raises(TrainingError, match="no split all photos"):
        evaluate(replace(asked, split="all photos"))
    with pytest.raises(TrainingError, match="no photo is for test"):
        evaluate(replace(asked, split="test"))


def test_labels_that_are_held_out_are_told_apart(
    options: TrainOptions,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt: list[TrainReport] = []

    def watched(options: TrainOptions, progress: Progress) -> TrainReport:
        learnt.append(train(options, progress))
        return learnt[-1]

    trained = train(replace(options, hold_out=("Red", "light_sky"), epochs=2))
    assert trained.labels == ("blue", "green")
    assert trained.held_out == ("light sky", "red")
    asked = EvaluateOptions(data=options.data, model=str(trained.path), vectors="tiny", bootstrap=10)
    report = evaluate(asked)
    assert report.photos == trained.num_validation + 2 * NUM_PHOTOS
    assert report.zero_shot["photos"] == 2 * NUM_PHOTOS
    assert [row.label for row in report.labels if not row.learnt] == ["light sky", "red"]
    other = evaluate(replace(asked, hold_out=("1",)))
    assert other.model.endswith(", 1 label held out")
    assert other.zero_shot["labels"] == 1
    assert other.zero_shot["hit@1 among them"] == 1.0
    monkeypatch.setattr(rivals, "train", watched)
    evaluate(replace(asked, baselines=True))  # random targets may not learn what is asked for
    assert (learnt[0].held_out, learnt[0].num_training) == (trained.held_out, trained.num_training)
    with pytest.raises(TrainingError, match=r"no label pink to hold out; there are blue, green, light sky, red"):
        train(replace(options, hold_out=("pink",), force=True))
    with pytest.raises(TrainingError, match="at least two are to be learnt"):
        evaluate(replace(asked, hold_out=("3",)))


def test_a_library_is_judged_by_what_it_answers(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained = train(replace(options, epochs=8))
    with Library(tmp_path / "library") as library:
        library.index([options.data], model=open_encoder(trained.path, "tiny"))
    asked = EvaluateOptions(data=options.data, vectors="tiny", split="all", bootstrap=10, k=4)
    ours = evaluate(replace(asked, library=tmp_path / "library", baselines=True))
    theirs = evaluate(replace(asked, model=str(trained.path)))
    assert ours.figures == pytest.approx(theirs.figures, abs=0.04)  # stored as float16
    assert {"P@4", "recall@4"} <= {*ours.figures}
    assert ours.calibration_error == pytest.approx(theirs.calibration_error, abs=0.02)
    assert any("random targets are not shown" in note for note in ours.notes)
    (options.data / "red" / "0.png").rename(options.data / "red" / "new.png")
    later = evaluate(replace(asked, library=tmp_path / "library"))
    assert (later.photos, len(later.skipped)) == (31, 1)
    with pytest.raises(TrainingError, match="leave out --library"):
        evaluate(replace(asked, library=tmp_path / "library", hold_out=("1",)))


def test_confusion_as_a_table_and_as_a_picture(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained = train(options)
    report = evaluate(EvaluateOptions(data=options.data, model=str(trained.path), vectors="tiny", bootstrap=2))
    page.write_confusion(tmp_path / "a.csv", report)
    with (tmp_path / "a.csv").open() as opened:
        head, *rows = csv.reader(opened)
    assert head == ["shows", "blue", "green", "light sky", "red"]
    assert [[int(cell) for cell in row[1:]] for row in rows] == report.confusion.tolist()
    page.write_confusion(tmp_path / "a.svg", report)
    ElementTree.parse(tmp_path / "a.svg")
