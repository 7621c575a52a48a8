"""The best of many by score, a chunk at a time, so that equal photos have equal scores whatever stands beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from devise.library.blobs import Ids
from devise.vectors import Vector

Scores = NDArray[np.floating]


def cosine_to(chunks: Iterator[tuple[Ids, Vector]], vector: Vector) -> Iterator[tuple[Ids, Scores]]:
    return ((ids, row_cosines(rows, vector)) for ids, rows in chunks if len(ids))


def top(scored: Iterator[tuple[Ids, Scores]], k: int) -> tuple[Ids, Scores]:
    """The ids and scores of the k best and of all that are as good as the k-th, in no order."""
    ids, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, theirs in scored:
        ids, scores = np.concatenate([ids, some]), np.concatenate([scores, theirs])
        if len(ids) > k:
            keep = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[keep], scores[keep]
    return ids, scores


def row_cosines(rows: Vector, vector: Vector, *, rows_are_unit: bool = True) -> Scores:
    """(n, dim), (dim,) -> (n,), each row by itself.

    Not a matrix product: there a row's last digit depends on its neighbours, and equal photos would not be equal.
    """
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    if not rows_are_unit:
        scores = scores / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-12)
    return np.clip(scores, -1.0, 1.0)
