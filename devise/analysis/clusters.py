"""Groups of rows that lie near each other: k-means of scikit-learn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector

MOST = 60  # groups: more names than fit on a map


def num_groups(num_rows: int) -> int:
    """How many groups to look for: as many as people tell apart on one page.

    >>> num_groups(4), num_groups(1_880), num_groups(100_000)
    (2, 21, 60)
    """
    return max(1, min(MOST, num_rows, max(2, round(math.sqrt(num_rows) / 2.1))))


def groups(rows: Vector, count: int, seed: int) -> tuple[NDArray[np.int32], Vector]:
    """The group of each row, and the middle of each group: (n, dim) of length 1 -> (n,), (groups, dim).

    Batches of 4,096 rows (Sculley, "Web-scale k-means clustering", 2010); equal seeds give equal groups. The largest
    group is number 0. Middles are means, shorter than 1, so that `nearest` finds the same groups again.
    """
    from sklearn.cluster import MiniBatchKMeans

    fitted = MiniBatchKMeans(count, batch_size=4_096, n_init=3, random_state=seed).fit(rows)
    centres = np.asarray(fitted.cluster_centers_, np.float32)
    found = nearest(rows, centres)
    order = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    order = order[: len(np.unique(found))]  # without those that are empty
    number = np.empty(count, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number[found], centres[order]


def nearest(rows: Vector, centres: Vector) -> NDArray[np.int32]:
    """The centre of the least distance of each row: (n, dim), (groups, dim) -> (n,)."""
    scores = rows @ centres.T - 0.5 * (centres**2).sum(1)
    found: NDArray[np.int32] = scores.argmax(1).astype(np.int32)
    return found
