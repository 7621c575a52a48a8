"""Losses against a few lines of numpy, and their gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from devise.model.losses import LOSSES, MARGIN, SCALE


def case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x, targets = rng.normal(size=(6, 8)), rng.normal(size=(5, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    truth = np.zeros((6, 5))
    truth[np.arange(6), rng.integers(5, size=6)] = 1
    truth[0, :2] = truth[3, 2:4] = 1
    known = np.maximum(truth, rng.random((6, 5)) < 0.7)
    return torch.tensor(x), torch.tensor(targets), torch.tensor(truth), torch.tensor(known)


def cosine(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    wanted = [t[row > 0].mean(0) / np.linalg.norm(t[row > 0].mean(0)) for row in y]
    return float(np.mean([1 - a @ b for a, b in zip(x, wanted, strict=True)]))


def hinge(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    photos = []
    for a, row, told in zip(x, y, known, strict=True):
        wrong = np.flatnonzero((row == 0) & (told == 1))
        per_label = [sum(max(0, MARGIN - t[i] @ a + t[j] @ a) for j in wrong) for i in np.flatnonzero(row)]
        photos.append(np.mean(per_label))
    return float(np.mean(photos))


def sigmoid(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-(SCALE * x @ t.T - SCALE / 2)))
    return float(-(known * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum() / len(x))


def softmax(x: np.ndarray, t: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    z = np.exp(SCALE * x @ t.T) * known
    share = y / y.sum(1, keepdims=True)
    p = z / z.sum(1, keepdims=True)
    logs = np.log(p, where=share > 0, out=np.zeros_like(p))
    return float(-(share * logs).sum(1).mean())


REFERENCES = {"cosine": cosine, "hinge": hinge, "sigmoid": sigmoid, "softmax": softmax}


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_loss_is_its_formula(name: str) -> None:
    x, targets, truth, known = case()
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
    assert loss(targets, targets, truth, known) < loss(targets.roll(1, 0), targets, truth, known)
