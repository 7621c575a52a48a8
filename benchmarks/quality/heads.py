"""Train one head on cached features, as `devise train` does, but with any targets: for controls beside our own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.heads import WordsHead
from devise.training import TrainOptions
from devise.training.objectives.losses import LOSSES, cosines
from devise.training.sources import some_parts
from devise.vectors import Vector


@dataclass(frozen=True)
class Lessons:
    """features: (n, views, num_features) float16; truth: (n, labels) 0 or 1."""

    features: Tensor
    truth: Tensor

    @classmethod
    def of(cls, features: NDArray[np.float16], classes: NDArray[np.int64], num: int) -> Lessons:
        """One class each: features (n, num_features) or (n, views, num_features), classes (n,)."""
        views = torch.from_numpy(features if features.ndim == 3 else features[:, None])
        return cls(views, torch.nn.functional.one_hot(torch.from_numpy(classes), num).float())

    def __getitem__(self, rows: NDArray[np.int64]) -> Lessons:
        return Lessons(self.features[rows], self.truth[rows])


def trained(lessons: Lessons, targets: Vector, loss: str, *, seed: int, epochs: int, batch: int = 128) -> WordsHead:
    """A words head that regresses targets (labels, dim) with one of the losses of `devise train`."""
    torch.manual_seed(seed)
    head, criterion, rows = _head(lessons, targets.shape[1]), LOSSES[loss](), torch.from_numpy(targets)
    known = torch.ones(1, len(targets))

    def of(views: Tensor, truth: Tensor) -> Tensor:
        value: Tensor = criterion(head(views), rows, truth, known.expand_as(truth))
        return value

    _fit(head, [*head.parameters(), *criterion.parameters()], lessons, of, epochs, batch)
    return head


def softmax(lessons: Lessons, *, seed: int, epochs: int, batch: int = 128) -> Callable[[Tensor], Tensor]:
    """The same layers with one unit a class instead of 300, to log probabilities: the usual classifier."""
    torch.manual_seed(seed)
    head = _head(lessons, lessons.truth.shape[1])
    scale = torch.nn.Parameter(torch.tensor(10.0))  # the head's rows have length 1

    def of(views: Tensor, truth: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(head(views[:, 0]) * scale, truth)

    _fit(head, [*head.parameters(), scale], lessons, of, epochs, batch)

    @torch.inference_mode()
    def classify(views: Tensor) -> Tensor:
        rows = torch.cat([head(part[:, 0].float()) for part in views.split(512)])
        return (rows * scale).log_softmax(1)

    return classify


@torch.inference_mode()
def scores(head: WordsHead, views: Tensor, targets: Vector) -> NDArray[np.float32]:
    """(n, views, num_features), (labels, dim) -> (n, labels), pooled over the views."""
    rows = torch.from_numpy(targets)
    found = [cosines(head(part.float()), rows) for part in views.split(64)]
    return torch.cat(found).numpy()


def convex(probabilities: NDArray[np.float32], seen: Vector, wanted: Vector, best: int = 10) -> NDArray[np.float32]:
    """ConSE (Norouzi et al., 2014): the mean of the best classes' vectors by their probability, near to which targets.

    probabilities: (n, seen classes); seen: (seen classes, dim); wanted: (labels, dim) -> (n, labels).
    """
    order = np.argsort(-probabilities, axis=1)[:, :best]
    weights = np.take_along_axis(probabilities, order, axis=1)
    rows = np.einsum("nb,nbd->nd", weights / weights.sum(1, keepdims=True), seen[order])
    near: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ wanted.T
    return near


def _head(lessons: Lessons, num_out: int) -> WordsHead:
    config = HeadConfig(kind="words", num_features=lessons.features.shape[2], num_out=num_out, labels=(), input="power")
    return WordsHead(config)


def _fit(
    head: WordsHead,
    parameters: list[torch.nn.Parameter],
    lessons: Lessons,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch: int,
) -> None:
    optimizer = torch.optim.AdamW(parameters, lr=TrainOptions.learning_rate, weight_decay=TrainOptions.weight_decay)
    total, step = epochs * math.ceil(len(lessons.truth) / batch), 0
    head.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(lessons.truth)).split(batch):
            for group in optimizer.param_groups:
                group["lr"] = TrainOptions.learning_rate * (1 + math.cos(math.pi * step / total)) / 2
            step += 1
            if len(rows) < 2:
                continue
            loss = loss_of(some_parts(lessons.features[rows]).float(), lessons.truth[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    head.eval()
