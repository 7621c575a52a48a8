"""What the layers mend that decide between two labels which are often confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from devise.evaluation.scores import Array


def with_specialists(pairs: Mapping[tuple[str, str], Array], labels: Sequence[str], scores: Array, features: Array,
                     truth: Array) -> dict[str, float]:  # fmt: skip
    """hit@1 where the layer of a pair decides between its two labels, wherever the best label is one of them.

    scores, truth: (photos, labels); features: (photos, width) rows of length 1. {} where no photo is asked about.
    """
    column = {label: i for i, label in enumerate(labels)}
    best: NDArray[np.intp] = scores.argmax(1)
    named: NDArray[np.bool_] = np.asarray(truth.any(1))
    touched = np.zeros(len(best), bool)
    before = np.take_along_axis(truth, best[:, None], 1)[:, 0] > 0
    for pair, weights in pairs.items():
        if all(label in column for label in pair):
            numbers = np.array([column[label] for label in pair])
            rows = np.isin(best, numbers)
            touched |= rows
            best = np.where(rows, numbers[(features @ weights.T).argmax(1)], best)
    if not (touched & named).any():
        return {}
    after = np.take_along_axis(truth, best[:, None], 1)[:, 0] > 0
    return {"hit@1": float(before[named].mean()), "hit@1 with specialists": float(after[named].mean()),
            "photos asked about": float((touched & named).sum()),
            "of these right before": float(before[touched & named].mean()),
            "of these right": float(after[touched & named].mean())}  # fmt: skip
