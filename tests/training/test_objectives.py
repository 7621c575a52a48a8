"""A new objective is one file and a row in the table: here the mean brightness of a photo, learnt by a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)
from torch import Tensor, nn

from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.config import HeadConfig
from devise.errors import TrainingError
from devise.photos import load
from devise.training import TrainOptions, train
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.table import OBJECTIVES


class Brightness:
    """Mean squared error of a linear head; its unit of measure is learnt beside the head."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:  # noqa: F811
        self.truth = torch.tensor([load(path, size=32, resize="squash").mean() / 255 for path in lessons.paths])
        self.offset = nn.ParameterList([nn.Parameter(torch.zeros(()))])

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"offset": self.offset}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        config = HeadConfig(kind="classes", num_features=num_features, num_out=1, labels=("brightness",))
        return {"brightness": config}

    def sampler(self, rows: Tensor) -> Tensor:
        return rows.flip(0)

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        found = heads["brightness"](features[:, 0])[:, 0] + self.offset[0]
        return ((found - self.truth[rows]) ** 2).mean()

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        found = [(float(error), len(rows)) for features, rows in batches
                 for error in [self.loss(heads, features, rows)]]  # fmt: skip
        error = sum(error * count for error, count in found) / sum(count for _, count in found)
        return {"minus error": -error}


@pytest.fixture(autouse=True)
def _row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OBJECTIVES, "brightness", Brightness)


def test_an_objective_of_ones_own(options: TrainOptions) -> None:  # noqa: F811
    alone = replace(options, objectives=("brightness",), epochs=60, learning_rate=0.1)
    report = train(alone)
    error = -report.best.figures["minus error"]
    means = [load(str(path), size=32, resize="squash").mean() / 255 for path in options.data.rglob("*.png")]
    assert 0 < error < np.var(means) / 4  # what the mean of all would give, four times less
    assert report.best.hits == {}
    trained = checkpoints.load(report.path)
    assert set(trained.heads) == {"brightness"}
    assert trained.training["objectives"] == ["brightness"]
    assert trained.training["hits"] == {"minus error": pytest.approx(-error, abs=1e-4)}
    assert train(replace(alone, resume=True)).best.figures == trained.training["hits"]


def test_beside_words_it_changes_nothing_of_them(options: TrainOptions) -> None:  # noqa: F811
    """Its head is drawn after theirs, and its gradient reaches none of theirs."""
    plain = checkpoints.load(train(options).path)
    more = replace(options, objectives=("words", "classes", "brightness"), force=True)
    report = train(more)
    both = checkpoints.load(report.path)
    assert set(both.heads) == {"words", "classes", "brightness"}
    assert [*report.best.figures] == ["hit@1", "hit@5", "hit@10", "minus error"]
    for name in ("words", "classes"):
        for key, tensor in plain.heads[name].state_dict().items():
            assert torch.equal(tensor, both.heads[name].state_dict()[key])


def test_what_it_learns_beside_its_head_is_resumed(options: TrainOptions) -> None:  # noqa: F811
    alone = replace(options, objectives=("brightness",))
    whole = checkpoints.load(train(alone).path).fingerprint
    with pytest.raises(KeyboardInterrupt):
        train(replace(alone, force=True), Stop(after=2))
    assert checkpoints.load(train(replace(alone, resume=True)).path).fingerprint == whole


@pytest.mark.parametrize("names", [("brightness",), ("words", "classes", "brightness")])
def test_a_loss_that_is_no_number_is_told_with_its_step(
    options: TrainOptions,  # noqa: F811
    names: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loss, steps = Brightness.loss, iter(range(1, 100))

    def broken(self: Brightness, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        is_fifth = heads["brightness"].training and next(steps) == 5
        return loss(self, heads, features, rows) * (np.nan if is_fifth else 1)

    monkeypatch.setattr(Brightness, "loss", broken)
    with pytest.raises(TrainingError, match=r"not a number any more at epoch 2, step 2; try a smaller --lr"):
        train(replace(options, objectives=names))  # three steps an epoch


def test_what_judges_badly_beyond_all_numbers_is_not_kept_as_the_best(options: TrainOptions) -> None:  # noqa: F811
    """One step an epoch: its loss was a number, and so are the weights that it has left."""
    some = replace(options, objectives=("hash",), batch=64, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"not a number any more at epoch 1, on the validation photos; try"):
        train(some)
    assert not Path(some.out).exists()
    assert train(replace(some, learning_rate=0.01)).best.epoch == 4  # which nothing refuses


def test_objectives_that_are_none(options: TrainOptions) -> None:  # noqa: F811
    with pytest.raises(TrainingError, match=f"wrods; choose from {', '.join(OBJECTIVES)}"):
        train(replace(options, objectives=("wrods",)))
    with pytest.raises(TrainingError, match="must be an objective"):
        train(replace(options, objectives=()))
