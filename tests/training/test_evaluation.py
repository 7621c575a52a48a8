"""Evaluating what was trained: figures against numpy, a page, and two models on the same photos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training import classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise.errors import TrainingError
from devise.evaluation import EvaluateOptions, evaluate, measures, page
from devise.training import TrainOptions, train


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
    assert {"ConSE", "softmax"} == {*report.baselines}
    assert json.loads(json.dumps(report.to_json()))["photos"] == report.photos
    page.write(tmp_path / "page.html", report)
    assert "Confusion" in (tmp_path / "page.html").read_text()
    assert evaluate(replace(asked, split="all")).photos == 32
    with pytest.raises(TrainingError, match="no split all photos"):
        evaluate(replace(asked, split="all photos"))
    with pytest.raises(TrainingError, match="no photo is for test"):
        evaluate(replace(asked, split="test"))
