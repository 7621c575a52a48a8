"""How good a words space is on labelled photos: hit@k and mean average precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

HIT_AT = (1, 5, 10)  # flat hit@k as in DeViSE's table 1


def hits(scores: ArrayLike, truth: ArrayLike, at: Sequence[int] = HIT_AT) -> dict[int, float]:
    """Share of photos with a right label among their k best: scores, truth (photos, labels) -> {k: share}.

    >>> hits([[0.9, 0.1], [0.2, 0.3]], [[1, 0], [1, 0]], at=(1, 2))
    {1: 0.5, 2: 1.0}
    """
    order = np.argsort(-np.asarray(scores), axis=1, kind="stable")
    found = np.take_along_axis(np.asarray(truth) > 0, order, axis=1)
    return {k: float(found[:, :k].any(1).mean()) for k in at}


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean of the precision at each relevant photo: scores, truth (photos,) -> 0..1; NaN when nothing is relevant.

    >>> round(average_precision([0.9, 0.8, 0.7], [1, 0, 1]), 4)
    0.8333
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    relevant = np.asarray(truth)[order] > 0
    ranks = np.flatnonzero(relevant) + 1
    precisions: NDArray[np.float64] = np.arange(1, len(ranks) + 1) / ranks
    return float(precisions.mean()) if len(ranks) else float("nan")
