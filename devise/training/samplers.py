"""Which photos an epoch looks at, and in which order."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(rows: Tensor, weights: Tensor) -> Tensor:
    """Each photo once in random order; with weights that differ, as many photos, drawn by them: (n,), (n,) -> (n,)."""
    is_even = bool((weights == weights[0]).all())
    return rows[torch.randperm(len(rows)) if is_even else torch.multinomial(weights, len(rows), replacement=True)]


def grouped(rows: Tensor, truth: Tensor, count: int) -> Tensor:
    """Each photo once, `count` of a label one after the other, so that a batch has pairs: (n,), (n, labels) -> (n,).

    A photo of several labels stands with one of them, drawn; those of none stand together.
    """
    drawn_label = (truth * torch.rand(truth.shape)).argmax(1) + (truth.sum(1) == 0) * truth.shape[1]
    order = torch.randperm(len(rows))
    order = order[drawn_label[order].argsort(stable=True)]
    starts = torch.cat([torch.zeros(1, dtype=torch.bool), drawn_label[order][1:] != drawn_label[order][:-1]])
    firsts = torch.where(starts, torch.arange(len(rows)), 0).cummax(0).values
    group = ((torch.arange(len(rows)) - firsts) % count == 0).cumsum(0) - 1
    return rows[order[torch.randperm(int(group.max()) + 1)[group].argsort(stable=True)]]
