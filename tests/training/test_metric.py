"""Losses of a metric against loops in numpy and finite differences; a space that is learnt, kept and searched."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise import Library
from devise.descriptors.network import checkpoint as checkpoints
from devise.errors import TrainingError
from devise.training import TrainOptions, train
from devise.training.objectives.metric import METRIC_LOSSES, TEMPERATURE, recall_at
from devise.training.samplers import grouped

N, MARGIN = 8, 0.3
MINERS = ["all", "semihard", "hard"]


def case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(N, 3))
    label = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    same = (label[:, None] == label) & ~np.eye(N, dtype=bool)
    unknown = np.zeros((N, N), bool)
    unknown[1, 4] = unknown[4, 1] = unknown[0, 2] = unknown[2, 0] = True
    other = ~same & ~np.eye(N, dtype=bool) & ~unknown
    rows = x / np.linalg.norm(x, axis=1, keepdims=True)
    return torch.tensor(rows), *(torch.tensor(part.astype(float)) for part in (same & ~unknown, other))


def triplet(x: np.ndarray, same: np.ndarray, other: np.ndarray, miner: str) -> float:
    d, found = 1 - x @ x.T, []
    for a in range(N):
        near, far = np.flatnonzero(same[a]), np.flatnonzero(other[a])
        if miner == "hard":
            found += [max(0, d[a, near].max() - d[a, far].min() + MARGIN)] if len(near) and len(far) else []
            continue
        for p in near:
            for n in far:
                costs = d[a, p] - d[a, n] + MARGIN
                if costs > 0 and (miner == "all" or d[a, n] > d[a, p]):
                    found.append(costs)
    return float(np.mean(found)) if found else 0.0


def contrastive(x: np.ndarray, same: np.ndarray, other: np.ndarray, miner: str) -> float:
    pairs = [(i, j) for i in range(N) for j in range(N)]
    near = [((x[i] - x[j]) ** 2).sum() for i, j in pairs if same[i, j]]
    far = [max(0, MARGIN - np.linalg.norm(x[i] - x[j])) ** 2 for i, j in pairs if other[i, j]]
    far = far if miner == "all" else [cost for cost in far if cost > 0] or [0.0]
    return float(np.mean(near) + np.mean(far))


def ntxent(x: np.ndarray, same: np.ndarray, other: np.ndarray, miner: str) -> float:
    e, found = np.exp(x @ x.T / TEMPERATURE), []
    for a in range(N):
        found += [-np.log(e[a, p] / (e[a, p] + e[a, other[a] > 0].sum())) for p in np.flatnonzero(same[a])]
    return float(np.mean(found))


REFERENCES = {"triplet": triplet, "contrastive": contrastive, "ntxent": ntxent}


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("name", sorted(METRIC_LOSSES))
def test_loss_is_its_formula(name: str, miner: str) -> None:
    for seed in range(3):
        x, same, other = case(seed)
        expected = REFERENCES[name](x.numpy(), same.numpy(), other.numpy(), miner)
        assert METRIC_LOSSES[name](x, same, other, MARGIN, miner).item() == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("name", sorted(METRIC_LOSSES))
def test_gradient_is_the_slope(name: str, miner: str) -> None:
    x, same, other = case(1)
    loss = METRIC_LOSSES[name]
    assert torch.autograd.gradcheck(lambda rows: loss(rows, same, other, MARGIN, miner), x.requires_grad_(), atol=1e-4)


def test_a_batch_without_pairs_costs_nothing_and_no_nan() -> None:
    x, same, other = case()
    for loss in METRIC_LOSSES.values():
        for miner in MINERS:
            assert torch.isfinite(loss(x, same * 0, other, MARGIN, miner))
            assert torch.isfinite(loss(x, same, other * 0, MARGIN, miner))


def test_photos_of_a_label_stand_together() -> None:
    torch.manual_seed(0)
    truth = torch.eye(5)[torch.arange(40) % 5]
    truth[7] = 0
    truth[8, 0] = 1  # of two labels
    rows = torch.arange(100, 140)
    found = grouped(rows, truth, 4)
    assert sorted(found.tolist()) == rows.tolist()
    labels = truth[found - 100]
    together = sum(bool((one * other).any()) for one, other in pairwise(labels))
    assert together >= 26  # of 39 neighbours; 8 by chance
    assert found.tolist() != grouped(rows, truth, 4).tolist()


def test_recall_of_a_small_case() -> None:
    scores = np.array([[9, 3, 2, 1], [3, 9, 2, 1], [3, 2, 9, 1], [3, 2, 1, 9]], float)
    truth = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], float)
    assert recall_at(scores, truth, (1, 2, 3)) == {1: 0.25, 2: 0.75, 3: 1.0}
    assert recall_at(scores, np.eye(4), (1, 2)) == {}


@pytest.mark.parametrize("loss", sorted(METRIC_LOSSES))
def test_colours_come_near_to_each_other(options: TrainOptions, loss: str, tmp_path: Path) -> None:  # noqa: F811
    report = train(replace(options, objectives=("metric",), loss=loss, epochs=40, dim=8, batch=16))
    assert report.best.figures["recall@1"] >= 0.75  # 0.14 by chance
    head = checkpoints.load(report.path).configs["metric"]
    assert head.num_out == 8
    with Library(tmp_path / "library", model=str(report.path)) as library:
        library.index([options.data])
        photo = library.paths()[0]
        near = library.similar(photo, 7, space="metric")
        assert sum(Path(match.path).parent == Path(photo).parent for match in near) >= 6
        _, rows = library.vectors("metric")
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-2)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"loss": "sigmiod"}, "no loss 'sigmiod'; choose one of sigmoid"), ({"miner": "none"}, "no miner 'none'"),
     ({"margin": 0.0}, "margin must be above 0"), ({"dim": 1}, "dim must be from 2"),
     ({"loss": "triplet", "learning_rate": 1e30}, "not a number any more at epoch 1, step 2"),
     ({"loss": "contrastive", "learning_rate": 1e30}, "not a number any more at epoch 1, step 2")],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(options: TrainOptions, change: dict[str, object], error: str) -> None:  # noqa: F811
    with pytest.raises(TrainingError, match=error):
        train(replace(options, objectives=("metric",), **change))  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="no loss 'triplet'"):
        train(replace(options, loss="triplet"))
