"""The objective of short codes: photos that share a label differ in few bits.

Four methods, each by the loss of its paper; z (n, bits) is what the head "bits" gives, and a bit is z > 0.
The last layer is the one of the head; a linear classifier that some of them need is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.analysis.metrics import average_precision
from devise.descriptors.network.config import HeadConfig
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.losses import masked_cross_entropy
from devise.training.options import TrainOptions
from devise.training.samplers import drawn

JUDGED = 2_000  # validation photos that ask each other: four million distances
DSH_PULL = 0.01  # the weight of the regulariser in Liu et al., 2016
DPSH_QUANTIZATION = 0.1  # times the squared distance to the signs: not tuned
GREEDY_PENALTY = 0.1  # times the cubed distance to the signs: not tuned


def shared(truth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of a batch share a label, and of which that is known; no photo with itself: (n, labels) -> (n, n)."""
    same = truth @ truth.T > 0
    is_other = ~torch.eye(len(truth), dtype=torch.bool, device=truth.device)
    is_known = (known @ truth.T > 0) & (truth @ known.T > 0) & is_other
    return same.to(truth.dtype), is_known.to(truth.dtype)


class Lin2015(nn.Module):
    """Softmax over a sigmoid layer: Lin et al., "Deep learning of binary hash codes", CVPRW 2015."""

    def __init__(self, bits: int, num_labels: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(bits, num_labels)

    def forward(self, z: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        return masked_cross_entropy(self.classifier(torch.sigmoid(z)), truth, known)


class GreedyHash(nn.Module):
    """Softmax over the signs, through which the gradient passes as it is: Su et al., "Greedy hash", NeurIPS 2018."""

    def __init__(self, bits: int, num_labels: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(bits, num_labels, bias=False)

    def forward(self, z: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        signs = torch.where(z > 0, 1.0, -1.0).to(z.dtype)
        passed = z + (signs - z).detach()  # the value of the signs, the slope of z
        return masked_cross_entropy(self.classifier(passed), truth, known) + GREEDY_PENALTY * (
            (z - signs).abs().pow(3).mean()
        )


class Dsh(nn.Module):
    """Contrastive, margin 2 * bits, with a pull to -1 or 1: Liu et al., "Deep supervised hashing", CVPR 2016."""

    def __init__(self, bits: int, num_labels: int) -> None:
        super().__init__()
        self.margin = 2.0 * bits

    def forward(self, z: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        same, is_known = shared(truth, known)
        squares = (z * z).sum(1)
        distance = (squares[:, None] + squares - 2 * z @ z.T).clamp(min=0)  # squared, (n, n)
        each = (same * distance + (1 - same) * F.relu(self.margin - distance)) / 2
        pull = 2 * (z.abs() - 1).abs().sum(1).mean()  # of both photos of a pair
        return (is_known * each).sum() / is_known.sum().clamp(min=1) + DSH_PULL * pull


class Dpsh(nn.Module):
    """The likelihood of the pairs: Li et al., "Feature learning based deep supervised hashing with pairwise labels"."""

    def __init__(self, bits: int, num_labels: int) -> None:
        super().__init__()

    def forward(self, z: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        same, is_known = shared(truth, known)
        products = z @ z.T / 2
        each = F.softplus(products) - same * products
        quantization = ((z - torch.where(z > 0, 1.0, -1.0)) ** 2).sum(1).mean() / z.shape[1]
        return (is_known * each).sum() / is_known.sum().clamp(min=1) + DPSH_QUANTIZATION * quantization


METHODS: dict[str, type[Lin2015] | type[GreedyHash] | type[Dsh] | type[Dpsh]] = {
    "greedyhash": GreedyHash,
    "lin2015": Lin2015,
    "dsh": Dsh,
    "dpsh": Dpsh,
}


class Hashing:
    """The head "bits", one layer from the features of the whole photo."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons, self.bits = lessons, options.bits
        self._loss = METHODS[options.method](options.bits, len(lessons.labels)).to(lessons.targets.device)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"hash": self._loss}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        labels = self.lessons.labels
        return {"bits": HeadConfig(kind="bits", num_features=num_features, num_out=self.bits, labels=labels)}

    def sampler(self, rows: Tensor) -> Tensor:
        return drawn(rows, self.lessons.weights[rows])

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        truth, known = (part[rows].to(features.device) for part in (self.lessons.truth, self.lessons.known))
        loss: Tensor = self._loss(heads["bits"](features[:, 0]), truth, known)
        return loss

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """Mean average precision of the codes, where each photo asks the others."""
        found, seen = [], []
        for features, rows in batches:
            found.append(torch.where(heads["bits"](features[:, 0]) > 0, 1.0, -1.0).cpu())
            seen.append(rows)
        if not found:
            return {}
        codes, rows = torch.cat(found)[:JUDGED], torch.cat(seen)[:JUDGED]
        precision = mean_ap((codes @ codes.T).numpy(), self.lessons.truth[rows].numpy())
        return {} if precision is None else {"mAP of bits": precision}


def mean_ap(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Mean average precision where each photo asks all others for those of its labels: (n, n), (n, labels).

    None where no photo has a label that another has.
    """
    is_right, each = truth @ truth.T > 0, []
    for row in range(len(scores)):
        others = np.arange(len(scores)) != row
        if is_right[row, others].any():
            each.append(average_precision(scores[row, others], is_right[row, others]))
    return float(np.mean(each)) if each else None
