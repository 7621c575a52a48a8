"""What a run shows on the way and leaves behind, how it is stopped and gone on with."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from test_training import Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise.charts.curves import curves
from devise.charts.matrix import confusion
from devise.charts.reliability import reliability
from devise.charts.svg import ticks
from devise.cli.output.progress import BarProgress, Stages, time_left
from devise.errors import TrainingError
from devise.training import TrainOptions, TrainProgress, train
from devise.training.report import EpochReport
from devise.training.validate import is_best


class Notes(TrainProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_run_is_logged_and_no_epoch_is_discarded_in_silence(options: TrainOptions) -> None:  # noqa: F811
    with pytest.raises(KeyboardInterrupt):
        train(options, Stop(after=2))
    with pytest.raises(TrainingError, match=r"holds 2 epochs of an interrupted run; go on with --resume"):
        train(options)
    told = Notes()
    report = train(replace(options, resume=True), told)
    assert "going on after epoch 2 of 4" in told.notes
    assert [epoch.epoch for epoch in report.history] == [1, 2, 3, 4]
    assert report.folder is not None
    with (report.folder / "epochs.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert [float(row["loss"]) for row in rows] == pytest.approx([e.loss for e in report.history], rel=1e-4)
    assert all(math.isfinite(float(row["validation loss"])) for row in rows)
    assert "blue" in (report.folder / "labels.csv").read_text()
    ElementTree.parse(report.folder / "curves.svg")
    drawn = (report.folder / "curves.svg").read_text()
    assert "hit@1<" in drawn
    assert "hit@5" not in drawn  # of four labels a right one is always among five


def test_a_rate_is_found_and_a_run_ends_early(options: TrainOptions) -> None:  # noqa: F811
    told = Notes()
    report = train(replace(options, find_rate=True, patience=2, epochs=60), told)
    assert any(note.startswith("learning rate found: ") for note in told.notes)
    assert len(report.history) <= report.best.epoch + 2
    again = train(replace(options, find_rate=True, patience=2, epochs=60, force=True))
    assert again.history[0].loss == report.history[0].loss


def test_which_epoch_is_best() -> None:
    def one(**figures: float) -> EpochReport:
        return EpochReport(epoch=1, loss=1.0, figures=figures, is_best=True)

    assert is_best({"hit": 0.5, "mAP": 0.1}, one(hit=0.5, mAP=0.9))
    assert not is_best({"hit": 0.6, "mAP": 0.1}, one(hit=0.5, mAP=0.9), by="mAP")
    with pytest.raises(TrainingError, match="no figure map; there are hit, mAP"):
        is_best({"hit": 0.6, "mAP": 0.1}, None, by="map")


def test_lines_of_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    shown = BarProgress(Stages())
    report = EpochReport(epoch=3, loss=0.5, figures={"hit@1": 0.8, "hit@10": 1.0}, is_best=True, epochs=20,
                         validation_loss=0.6, seconds_left=200.0)  # fmt: skip
    shown.epoch(report)
    line = capsys.readouterr().err.strip()
    assert line == "epoch   3 of 20  loss 0.5000  validation loss 0.6000  hit@1 80.0%  best so far  3 min left"
    assert time_left(7200) == "2.0 h"


def test_charts_are_whole_pictures() -> None:
    for picture in (
        curves("a < b", {"loss": {"x": [2.0, None, 1.0], "y": [float("nan")] * 3}, "none": {}}, best=2),
        confusion("several", ("a", "b&c"), np.array([[3, 1], [0, 0]])),
        confusion("many", tuple(map(str, range(70))), np.eye(70, dtype=int)),
        reliability("p", [(0.1, 0.2, 5), (0.9, 0.8, 1)]),
    ):
        ElementTree.fromstring(picture)
    assert ticks(0, 1) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
