"""The objective of a metric: photos that share a label are nearer to each other than to others, in a space of its own.

The losses see which pairs of a batch share a label and of which that is known, as matrices: photos may have several
labels, and labels of other data sets say nothing. pytorch-metric-learning takes one class number a photo, so it
does not serve here; for such photos its losses are the same formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.analysis.metrics import hits
from devise.descriptors.network.config import HeadConfig
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.hashing import JUDGED, shared
from devise.training.options import METRIC_LOSS_NAMES, TrainOptions
from devise.training.samplers import drawn, grouped, paired

TEMPERATURE = 0.1  # as in Khosla et al., "Supervised contrastive learning", 2020; not tuned
DIM = 128  # numbers of a row, as in FaceNet
PER_LABEL = 4  # photos of a label that stand together in a batch: twelve positive pairs of each label
RECALL_AT = (1, 4)


def triplet(x: Tensor, same: Tensor, other: Tensor, margin: float, miner: str) -> Tensor:
    """The mean of max(0, d(a, p) - d(a, n) + margin) over the triplets of the miner that cost something.

    x: (n, dim) unit rows; same, other: (n, n), which pairs share a label and which do not; d: 1 - cosine.
    Schroff et al., "FaceNet", 2015: semi-hard negatives are farther than the positive, by less than the margin; hard:
    of each anchor the farthest positive and the nearest negative (Hermans et al., "In defense of the triplet loss").
    """
    d = 1 - x @ x.T
    if miner == "hard":
        positive = torch.where(same > 0, d, -torch.inf).amax(1)
        negative = torch.where(other > 0, d, torch.inf).amin(1)
        is_valid = torch.isfinite(positive) & torch.isfinite(negative)
        each = F.relu(positive[is_valid] - negative[is_valid] + margin)
        return each.sum() / is_valid.sum().clamp(min=1)
    gaps = d[:, None, :] - d[:, :, None]  # (anchor, positive, negative)
    valid = (same[:, :, None] > 0) & (other[:, None, :] > 0) & (gaps < margin)
    if miner == "semihard":
        valid &= gaps > 0
    each = torch.where(valid, margin - gaps, 0)
    return each.sum() / valid.sum().clamp(min=1)


def contrastive(x: Tensor, same: Tensor, other: Tensor, margin: float, miner: str) -> Tensor:
    """d^2 of photos that belong together, max(0, margin - d)^2 of others, the means of both; d: Euclidean.

    Hadsell et al., "Dimensionality reduction by learning an invariant mapping", 2006. The miner "hard" leaves the
    pairs out of the mean that cost nothing; so does "semihard".
    """
    d = (2 - 2 * x @ x.T).clamp(min=1e-9).sqrt()
    near, far = same * d**2, other * F.relu(margin - d) ** 2
    counted = other if miner == "all" else (far > 0).to(x.dtype)
    return near.sum() / same.sum().clamp(min=1) + far.sum() / counted.sum().clamp(min=1)


def ntxent(x: Tensor, same: Tensor, other: Tensor, margin: float, miner: str) -> Tensor:
    """-log of the share of a positive pair among it and the anchor's negatives, the mean over positive pairs.

    Chen et al., "SimCLR", 2020, equation 1, with several positives. It has no margin, and all negatives count.
    """
    scores = x @ x.T / TEMPERATURE
    negatives = torch.logsumexp(scores.masked_fill(other == 0, -1e4), dim=1)
    each = torch.logaddexp(scores, negatives[:, None]) - scores
    return (same * each).sum() / same.sum().clamp(min=1)


METRIC_LOSSES = {"triplet": triplet, "contrastive": contrastive, "ntxent": ntxent}


class Metric:
    """The head "metric", one layer from the features of the whole photo to unit rows."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons, self.options = lessons, options
        self._loss = METRIC_LOSSES[options.loss if options.loss in METRIC_LOSS_NAMES else METRIC_LOSS_NAMES[0]]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        labels, dim = self.lessons.labels, self.options.dim or DIM
        return {"metric": HeadConfig(kind="metric", num_features=num_features, num_out=dim, labels=labels)}

    def sampler(self, rows: Tensor) -> Tensor:
        if len(self.lessons.pairs):
            return paired(rows, self.lessons.pairs, PER_LABEL)
        if self.options.unlabelled:
            return drawn(rows, self.lessons.weights[rows])
        return grouped(rows, self.lessons.truth[rows], PER_LABEL)

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        options = self.options
        if options.unlabelled:  # two of the views of each photo are a pair
            one, other = torch.randperm(features.shape[1])[:2].tolist()
            features = torch.cat([features[:, one], features[:, other]])[:, None]
        z: Tensor = heads["metric"](features[:, 0])
        if not math.isfinite(z.detach().norm(dim=1).sum()):  # comparisons with such rows are false: a loss of 0
            return z.sum() * math.nan
        x = F.normalize(z, dim=1)
        same, apart = (part.to(x) for part in self._related(rows))
        return self._loss(x, same, apart, options.margin, options.miner)

    def _related(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Which pairs of a batch belong together, and which do not: (m, m) each."""
        if self.options.unlabelled:
            n = len(rows)
            same = torch.eye(2 * n).roll(n, 1)
            return same, 1 - same - torch.eye(2 * n)
        if len(self.lessons.pairs):
            return related(rows, self.lessons.pairs, len(self.lessons.paths), is_rest=self._loss is ntxent)
        same, is_known = shared(self.lessons.truth[rows], self.lessons.known[rows])
        return same * is_known, (1 - same) * is_known

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """recall@k: the share of photos with one of their label among the k nearest others.

        Of pairs how often a similar one is nearer than one that is not; without labels the share of views whose nearest
        photo is their own.
        """
        found, views, seen = [], [], []
        for features, rows in batches:
            found.append(F.normalize(heads["metric"](features[:, 0]), dim=1).cpu())
            views.append(F.normalize(heads["metric"](features[:, -1]), dim=1).cpu())
            seen.append(rows)
        if not found:
            return {}
        x, rows = torch.cat(found)[:JUDGED], torch.cat(seen)[:JUDGED]
        if self.options.unlabelled:
            nearest = (torch.cat(views)[:JUDGED] @ x.T).argmax(1)
            return {"own view@1": float((nearest == torch.arange(len(x))).float().mean())}
        if len(self.lessons.pairs):
            return nearer(x, *related(rows, self.lessons.pairs, len(self.lessons.paths)))
        recalls = recall_at((x @ x.T).numpy(), self.lessons.truth[rows].numpy(), RECALL_AT)
        return {f"recall@{k}": recall for k, recall in recalls.items()}


def related(rows: Tensor, pairs: Tensor, num_photos: int, *, is_rest: bool = False) -> tuple[Tensor, Tensor]:
    """Of rows (n,): which pairs are said to be similar, and which not: (n, n) each.

    is_rest: all that are not said to be similar are not, but for a photo and itself.
    """
    keys = rows[:, None] * num_photos + rows
    both = torch.cat([pairs, pairs[:, [1, 0, 2]]])
    said = both[:, 0] * num_photos + both[:, 1]
    same = torch.isin(keys, said[both[:, 2] == 1])
    other = ~same & (rows[:, None] != rows) if is_rest else torch.isin(keys, said[both[:, 2] == 0])
    return same.float(), other.float()


def nearer(x: Tensor, same: Tensor, other: Tensor) -> dict[str, float]:
    """How often a similar pair is nearer than one that is not (the area under the ROC curve); none without either."""
    scores = x @ x.T
    right, wrong = scores[same > 0].sort().values, scores[other > 0].sort().values
    if not len(right) or not len(wrong):
        return {}
    below = (torch.searchsorted(wrong, right) + torch.searchsorted(wrong, right, right=True)) / 2
    return {"nearer": float(below.mean() / len(wrong))}


def recall_at(scores: np.ndarray, truth: np.ndarray, at: Sequence[int]) -> dict[int, float]:
    """Of the photos whose label another has: scores (n, n), truth (n, labels) -> {k: share}; none where none has."""
    is_right = truth @ truth.T > 0
    np.fill_diagonal(is_right, False)
    scores = scores.copy()
    np.fill_diagonal(scores, -np.inf)
    asked = is_right.any(1)
    return hits(scores[asked], is_right[asked], at) if asked.any() else {}
