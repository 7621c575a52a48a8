"""What labelled photos say of each label, as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from devise.training.datasets.example import Example


def truth(examples: Sequence[Example], labels: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(photos, labels) each: whether a label is true of a photo, and whether anybody said so."""
    column = {label: i for i, label in enumerate(labels)}
    groups = {example.group: torch.zeros(len(labels)) for example in examples}
    true = torch.zeros(len(examples), len(labels))
    for row, example in enumerate(examples):
        columns = [column[label] for label in example.labels]
        true[row, columns] = 1
        groups[example.group][columns] = 1
    every = torch.ones(len(labels))  # of a photo of nothing it is known that no label is true
    known = torch.stack([groups[example.group] if example.labels or example.wrong else every for example in examples])
    for row, example in enumerate(examples):
        known[row, [column[label] for label in example.wrong if label in column]] = 1
    return true, known
