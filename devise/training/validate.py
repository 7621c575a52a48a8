"""How good what was learnt is on photos that were not learnt from, and which epoch is the best."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from devise.training.assembly import Assembly
from devise.training.report import EpochReport


@torch.no_grad()
def validated(assembly: Assembly) -> dict[str, float]:
    """The figures of all objectives on the validation photos; none where there are no such photos."""
    if not len(assembly.validation):
        return {}
    heads = assembly.checkpoint.heads
    figures: dict[str, float] = {}
    for head in heads.values():
        head.eval()
    for objective in assembly.objectives:
        batches = assembly.source.batches(assembly.validation, assembly.options.batch, train=False)
        figures |= objective.validate(heads, batches)
    return figures


def is_best(figures: Mapping[str, float], best: EpochReport | None) -> bool:
    """Whether an epoch with these figures is the best so far: of equal ones the later, which has seen more."""
    return best is None or not figures or tuple(figures.values()) >= tuple(best.figures.values())
