"""Which photos an epoch looks at, and in which order."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(rows: Tensor, weights: Tensor) -> Tensor:
    """Each photo once in random order; with weights that differ, as many photos, drawn by them: (n,), (n,) -> (n,)."""
    is_even = bool((weights == weights[0]).all())
    return rows[torch.randperm(len(rows)) if is_even else torch.multinomial(weights, len(rows), replacement=True)]


def paired(rows: Tensor, pairs: Tensor, count: int) -> Tensor:
    """All pairs whose photos are among `rows` once, up to `count` of a photo's one after the other: (m,).

    pairs: (n, 3), rows of two photos and whether they are similar. A photo comes as often as groups name it.
    """
    ours = pairs[torch.isin(pairs[:, 0], rows) & torch.isin(pairs[:, 1], rows)]
    ours = ours[torch.randperm(len(ours))]
    of_anchor: dict[int, list[list[int]]] = {}
    for a, b, _ in ours.tolist():
        groups = of_anchor.setdefault(a, [[]])
        if len(groups[-1]) == count:
            groups.append([])
        groups[-1].append(b)
    units = [[a, *group] for a, groups in of_anchor.items() for group in groups]
    order = torch.randperm(len(units)).tolist()
    return torch.tensor([row for number in order for row in units[number]], dtype=torch.long)


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
