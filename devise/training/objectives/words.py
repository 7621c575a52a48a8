"""The objective of searching by words: a photo's vector near to the word vectors of its labels (DeViSE).

Frome et al., "DeViSE: a deep visual-semantic embedding model", 2013; its losses and others are in losses.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from devise.analysis.metrics import average_precision, hits, probability
from devise.descriptors.network.config import HeadConfig
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.losses import LOSSES, cosines
from devise.training.options import TrainOptions
from devise.training.samplers import drawn

MEAN_AP = "mAP"  # the figure of photos with several labels: of each label the photos that have it should come first
PAIRED = 512  # validation photos that are compared with each other: a quarter of a million pairs fit two numbers


class Words:
    """The head "words", 2000 units and then as many numbers as a word vector, by one of four losses."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons = lessons
        self._loss = LOSSES[options.loss if options.loss in LOSSES else TrainOptions.loss]().to(lessons.targets.device)
        self._fitted: dict[str, float] = {}

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"loss": self._loss}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        lessons = self.lessons
        head = HeadConfig(kind="words", num_features=num_features, num_out=lessons.targets.shape[1],
                          labels=lessons.labels, vectors=lessons.vectors, fingerprint=lessons.vectors_fingerprint,
                          input="power")  # fmt: skip
        return {"words": head.with_probabilities(self._fitted)}

    def sampler(self, rows: Tensor) -> Tensor:
        return drawn(rows, self.lessons.weights[rows])

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        truth, known = (part[rows].to(features.device) for part in (self.lessons.truth, self.lessons.known))
        loss: Tensor = self._loss(heads["words"](features), self.lessons.targets, truth, known)
        return loss

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """hit@k; and the scales and biases that make probabilities of scores are fitted."""
        self._fitted = {}
        scores, seen = [], []
        views: list[Tensor] = []
        for features, rows in batches:
            vectors = heads["words"](features)
            scores.append(cosines(vectors, self.lessons.targets).cpu())
            views += [vectors.cpu()] if sum(map(len, views)) < PAIRED else []
            seen.append(rows)
        if not scores:
            return {}
        rows, found = torch.cat(seen), torch.cat(scores)
        truth, known = self.lessons.truth[rows], self.lessons.known[rows]
        some = torch.cat(views)[:PAIRED]
        fitted = self._of_labels(rows, found) | _of_photos(some, truth[: len(some)], known[: len(some)])
        self._fitted = {name: round(value, 4) for name, value in fitted.items()}
        named = truth.any(1)
        hit = hits(found.masked_fill(known == 0, -1)[named].numpy(), truth[named].numpy()) if named.any() else {}
        figures = {f"hit@{k}": share for k, share in hit.items()}
        if (self.lessons.truth.sum(1) > 1).any():
            figures[MEAN_AP] = _mean_ap(found.numpy(), truth.numpy(), known.numpy())
        return figures

    def _of_labels(self, rows: Tensor, found: Tensor) -> dict[str, float]:
        """Scale and bias of the scores of labels, found (rows, labels), on photos that count as in training."""
        is_known = self.lessons.known[rows] > 0
        weights = self.lessons.weights[rows, None].expand_as(found)
        fitted = probability(found[is_known], self.lessons.truth[rows][is_known], weights[is_known])
        return dict(zip(("scale", "bias"), fitted, strict=True))


def _mean_ap(scores: np.ndarray, truth: np.ndarray, known: np.ndarray) -> float:
    """Mean over the labels that some photo has, among the photos of which it is known: all (photos, labels)."""
    said = [known[:, label] > 0 for label in range(truth.shape[1])]
    each = [average_precision(scores[of, label], truth[of, label]) for label, of in enumerate(said)
            if truth[of, label].any()]  # fmt: skip
    return float(np.mean(each)) if each else 0.0


def _of_photos(views: Tensor, truth: Tensor, known: Tensor) -> dict[str, float]:
    """Scale and bias of the scores between photos, of which some share a label: all (photos, ...)."""
    others = ~torch.eye(len(views), dtype=torch.bool)
    is_known = (known @ truth.T > 0) & others  # somebody said whether the labels of one are true of the other
    shared = truth @ truth.T > 0
    scores = cosines(views, views[:, 0])
    fitted = probability(scores[is_known], shared[is_known])
    return dict(zip(("photo_scale", "photo_bias"), fitted, strict=True))
