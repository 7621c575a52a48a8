"""How good what was learnt is on photos that were not learnt from, and which epoch is the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from devise.errors import TrainingError
from devise.training.assembly import Assembly
from devise.training.objectives.base import Batch
from devise.training.objectives.words import MEAN_AP
from devise.training.report import EpochReport
from devise.training.settle import settle


@torch.no_grad()
def validated(assembly: Assembly) -> tuple[dict[str, float], float | None]:
    """The figures of all objectives on the validation photos, and the first one's loss; none without such photos.

    Batch norms are settled first: what is judged is what a checkpoint of now would be.
    """
    settle(assembly)
    if not len(assembly.validation):
        return {}, None
    heads = assembly.checkpoint.heads
    figures: dict[str, float] = {}
    for head in heads.values():
        head.eval()
    losses: list[tuple[float, int]] = []

    def watched(batches: Iterator[Batch]) -> Iterator[Batch]:
        for features, rows in batches:
            losses.append((assembly.objectives[0].loss(heads, features, rows).item(), len(rows)))
            yield features, rows

    for number, objective in enumerate(assembly.objectives):
        batches = assembly.source.batches(assembly.validation, assembly.options.batch, train=False)
        figures |= objective.validate(heads, batches if number else watched(batches))
    count = sum(count for _, count in losses)
    return figures, sum(loss * count for loss, count in losses) / count if count else None


def is_best(figures: Mapping[str, float], best: EpochReport | None, by: str = "") -> bool:
    """Whether an epoch with these figures is the best so far: of equal ones the later, which has seen more.

    by: the figure that decides; without one all in their order, but for the mean average precision, which earlier
    versions did not know. Raises TrainingError for a figure that is none.
    """
    if by and figures and by not in figures:
        raise TrainingError(f"no figure {by}; there are {', '.join(figures)}")
    if best is None or not figures:
        return True
    if by:
        return figures[by] >= best.figures[by]
    ours, theirs = ([x for name, x in one.items() if name != MEAN_AP] for one in (figures, best.figures))
    return ours >= theirs
