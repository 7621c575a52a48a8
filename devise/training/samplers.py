"""Which photos an epoch looks at, and in which order."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(rows: Tensor, weights: Tensor) -> Tensor:
    """Each photo once in random order; with weights that differ, as many photos, drawn by them: (n,), (n,) -> (n,)."""
    is_even = bool((weights == weights[0]).all())
    return rows[torch.randperm(len(rows)) if is_even else torch.multinomial(weights, len(rows), replacement=True)]
