"""Losses that pull a photo's vector towards the word vectors of its labels.

All take x (n, views, dim) unit rows, targets (labels, dim) unit rows, truth (n, labels) of 0 and 1, and known
(n, labels), which is 0 where nobody said whether the label is true of the photo. They give a scalar, the mean over
photos. The first view is the whole photo, the others are parts of it; `pooled` says how they count.
The table LOSSES names them for `devise train --loss`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.vectors import num_best

MARGIN = 0.1  # Frome et al., "DeViSE", 2013, equation 1
UNKNOWN = -1e4  # the logit of a label that takes no part: no mass in any float type, and no NaN when multiplied by 0
SCALE = 30.0  # first scale of the cosines before a sigmoid or softmax: like words (dog, cat) are told apart sooner than
# with SigLIP's 10 (Zhai et al., 2023)
BIAS = -12.0  # first bias: nothing is likely


def pooled(scores: Tensor) -> Tensor:
    """Of a photo: (n, views, ...) -> (n, ...), the mean of the whole photo's score and of its best parts' mean."""
    whole, parts = scores[:, 0], scores[:, 1:]
    count = parts.shape[1]
    return (whole + parts.topk(num_best(count), dim=1).values.mean(1)) / 2 if count else whole


def cosines(x: Tensor, targets: Tensor) -> Tensor:
    """(n, views, dim), (labels, dim) -> (n, labels), pooled."""
    return pooled(x @ targets.T)


class CosineRegression(nn.Module):
    """1 - cos(x, mean of the photo's targets): the reference implementation's loss."""

    def forward(self, x: Tensor, targets: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        wanted = F.normalize(truth @ targets, dim=1)
        return (1 - pooled((x * wanted[:, None]).sum(2))).mean()


class HingeRank(nn.Module):
    """DeViSE's equation 1: sum over wrong j of max(0, margin - t_label . x + t_j . x), mean over right labels."""

    def forward(self, x: Tensor, targets: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        scores = cosines(x, targets)
        photo, label = truth.nonzero(as_tuple=True)
        right = scores[photo, label]
        violations = F.relu(MARGIN - right[:, None] + scores[photo]) * (known - truth)[photo]
        per_photo = truth.sum(1)[photo]
        return (violations.sum(1) / per_photo).sum() / len(x)


class LabelSigmoid(nn.Module):
    """One logistic regression per label on the scaled cosine, scale and bias learnt: for photos with several labels."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.bias = nn.Parameter(torch.tensor(BIAS))

    def forward(self, x: Tensor, targets: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        logits = cosines(x, targets) * self.log_scale.exp() + self.bias
        return F.binary_cross_entropy_with_logits(logits, truth, known, reduction="sum") / len(x)


class LabelSoftmax(nn.Module):
    """Cross entropy over the scaled cosines of all labels, the right ones sharing the mass."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))

    def forward(self, x: Tensor, targets: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        logits = cosines(x, targets) * self.log_scale.exp()
        return masked_cross_entropy(logits, truth, known)


def masked_cross_entropy(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Cross entropy among the known labels, the right ones sharing the mass: all (n, labels) -> scalar.

    A photo of nothing has no right label to put the mass on and gives 0.
    """
    share = truth / truth.sum(1, keepdim=True).clamp(min=1)
    return F.cross_entropy(logits.masked_fill(known == 0, UNKNOWN), share)


LOSSES: dict[str, type[nn.Module]] = {
    "cosine": CosineRegression,
    "hinge": HingeRank,
    "sigmoid": LabelSigmoid,
    "softmax": LabelSoftmax,
}
