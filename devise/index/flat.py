"""The best of many by score, a chunk at a time, so that equal photos have equal scores whatever stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Ids, Vector

Scores = NDArray[np.floating]
ROUNDING = 1e-5  # of a cosine, between a matrix product and rows by themselves
T = TypeVar("T", bound=np.generic)


def pieces(rows: NDArray[T], size: int) -> Iterator[NDArray[T]]:
    """An array a few rows at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


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


def best_of_each(chunks: Iterator[tuple[Ids, Vector]], vectors: Vector, k: int) -> list[tuple[Ids, Scores]]:
    """Of each of (n, dim) vectors the k best by cosine: each row is read once, and all cores tell which may be best."""
    best = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(vectors)
    for ids, rows in chunks:
        roughly = vectors @ rows.T if len(ids) else np.empty((0, 0), np.float32)
        for i, scores in enumerate(roughly):
            least = np.partition(scores, -k)[-k] - ROUNDING if k < len(ids) else -np.inf
            if len(best[i][0]) >= k:
                least = max(least, best[i][1].min() - ROUNDING)
            at = np.flatnonzero(scores >= least)
            best[i] = top(iter([best[i], (ids[at], row_cosines(rows[at], vectors[i]))]), k)
    return best


def row_cosines(rows: Vector, vector: Vector, *, rows_are_unit: bool = True) -> Scores:
    """(n, dim), (dim,) -> (n,), each row by itself.

    Not a matrix product: there a row's last digit depends on its neighbours, and equal photos would not be equal.
    """
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    if not rows_are_unit:
        scores = scores / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-12)
    return np.clip(scores, -1.0, 1.0)
