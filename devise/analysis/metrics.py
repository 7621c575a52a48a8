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


def probability(scores: ArrayLike, truth: ArrayLike, weights: ArrayLike = 1.0) -> tuple[float, float]:
    """Scale and bias so that sigmoid(scale * score + bias) is the probability that a score's label is true.

    scores, truth, weights: (n,). Newton's method on the log loss, targets smoothed (Platt, "Probabilistic outputs for
    support vector machines", 1999). (0, 0) when all or none are true, or when higher scores are not likelier.
    """
    x, y = np.asarray(scores, np.float64).ravel(), np.asarray(truth).ravel() > 0
    weight = np.broadcast_to(np.asarray(weights, np.float64).ravel(), x.shape)
    positive, negative = float(weight[y].sum()), float(weight[~y].sum())
    if not positive or not negative:
        return 0.0, 0.0
    wanted = np.where(y, (positive + 1) / (positive + 2), 1 / (negative + 2))
    design = np.stack([x, np.ones_like(x)], 1)
    found = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        slope = design.T @ (weight * (p - wanted))
        curve = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found -= step * min(1.0, 10 / np.abs(step).max(initial=1e-9))
        if np.abs(step).max() < 1e-6:
            break
    return (float(found[0]), float(found[1])) if found[0] > 0 else (0.0, 0.0)


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
