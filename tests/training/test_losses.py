"""Losses against a few lines of numpy, and their gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from devise.training.objectives.losses import BIAS, LOSSES, MARGIN, SCALE


def case(seed: int = 0, views: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x, targets = rng.normal(size=(6, views, 8)), rng.normal(size=(5, 8))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    truth = np.zeros((6, 5))
    truth[np.arange(6), rng.integers(5, size=6)] = 1
    truth[0, :2] = truth[3, 2:4] = 1
    known = np.maximum(truth, rng.random((6, 5)) < 0.7)
    return torch.tensor(x), torch.tensor(targets), torch.tensor(truth), torch.tensor(known)


def scores(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Half the whole photo's cosine and half its best part's."""
    each = np.einsum("nvd,ld->nvl", x, t)
    return each[:, 0] if each.shape[1] == 1 else (each[:, 0] + each[:, 1:].max(1)) / 2


def cosine(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    wanted = [t[row > 0].mean(0) / np.linalg.norm(t[row > 0].mean(0)) for row in y]
    return float(np.mean([1 - scores(a[None], b[None]) for a, b in zip(x, wanted, strict=True)]))


def hinge(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    photos = []
    for a, row, told in zip(scores(x, t), y, known, strict=True):
        wrong = np.flatnonzero((row == 0) & (told == 1))
        per_label = [sum(max(0, MARGIN - a[i] + a[j]) for j in wrong) for i in np.flatnonzero(row)]
        photos.append(np.mean(per_label))
    return float(np.mean(photos))


def sigmoid(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-(SCALE * scores(x, t) + BIAS)))
    return float(-(known * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum() / len(x))


def softmax(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    z = np.exp(SCALE * scores(x, t)) * known
    share = y / y.sum(1, keepdims=True)
    p = z / z.sum(1, keepdims=True)
    logs = np.log(p, where=share > 0, out=np.zeros_like(p))
    return float(-(share * logs).sum(1).mean())


REFERENCES = {"cosine": cosine, "hinge": hinge, "sigmoid": sigmoid, "softmax": softmax}


@pytest.mark.parametrize("views", [1, 4])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_loss_is_its_formula(name: str, views: int) -> None:
    x, targets, truth, known = case(views=views)
    expected = REFERENCES[name](x.numpy(), targets.numpy(), truth.numpy(), known.numpy())
    assert LOSSES[name]()(x, targets, truth, known).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradient_is_the_slope(name: str) -> None:
    x, targets, truth, known = case(1)
    loss = LOSSES[name]().double()
    assert torch.autograd.gradcheck(lambda rows: loss(rows, targets, truth, known), x.requires_grad_(), atol=1e-4)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_pointing_at_the_label_costs_less(name: str) -> None:
    _, targets, _, _ = case()
    truth = torch.eye(5, dtype=targets.dtype)
    loss = LOSSES[name]()
    known = torch.ones_like(truth)
    right, wrong = targets[:, None], targets.roll(1, 0)[:, None]
    assert loss(right, targets, truth, known) < loss(wrong, targets, truth, known)
