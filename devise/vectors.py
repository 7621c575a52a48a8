"""What a vector is: float32, finite, length 1. The one place that makes them, so nothing else needs to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise import config

Vector = NDArray[np.float32]  # (dim,) or (n, dim), rows of length 1
Ids = NDArray[np.int64]  # (n,), of contents or of words
ROUNDED = 1e-2  # of a squared length: halves change it by less than 1e-3 (of 300 numbers), bytes would by more


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What one query found: ids and scores (n,), best first, equal scores by id. A higher score is nearer."""

    ids: Ids
    scores: Vector

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls) -> Hits:
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    @classmethod
    def best(cls, ids: Ids, scores: NDArray[Any], k: int) -> Hits:
        """The k best of (n,) ids in any order; k above n gives all."""
        if k < 1:
            return cls.none()
        if k < len(ids):
            keep = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[keep], scores[keep]
        order = np.lexsort((ids, -scores))[:k]
        return cls(ids[order], scores[order].astype(np.float32, copy=False))


def distinct(ids: Ids) -> Ids:
    """Ascending, each once. np.unique would do as well, but its first call imports numpy.ma: a tenth of a search."""
    ids = np.sort(ids)
    return ids[np.diff(ids, prepend=ids[:1] - 1) > 0]


def unit(rows: ArrayLike) -> Vector:
    """Scale one vector or the rows of a matrix to length 1.

    >>> unit([3.0, 4.0])
    array([0.6, 0.8], dtype=float32)

    rows: (dim,) or (n, dim). Raises ValueError for a zero or non-finite row: such a row has no direction.
    """
    # float64 while measuring: squares of float32 numbers overflow from 1e19 on
    wide = np.asarray(rows, dtype=np.float64)
    lengths = np.sqrt(np.einsum("...i,...i->...", wide, wide))
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("a vector must be finite and not zero")
    scaled: Vector = (wide / lengths[..., None]).astype(np.float32)
    return scaled


def is_unit(rows: NDArray[Any]) -> bool:
    """Whether (n, dim) rows are finite and of length 1, but for what halves round off."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = rows.astype(np.float32)
        return bool((np.abs(np.einsum("ij,ij->i", wide, wide) - 1) < ROUNDED).all())


def mean(rows: ArrayLike, weights: ArrayLike | None = None) -> Vector:
    """The direction of the (weighted) sum of unit vectors: (n, dim) -> (dim,). Raises ValueError if they cancel out."""
    rows = np.asarray(rows, dtype=np.float64)
    return unit(rows.mean(0) if weights is None else np.asarray(weights, dtype=np.float64) @ rows)


def pooled(whole: Vector, parts: Vector) -> Vector:
    """The score of a photo: (n,), (n, parts) -> (n,), the mean of the whole photo's and of its best parts' mean."""
    count = parts.shape[1]
    if not count:
        return whole
    best = num_best(count)
    highest = np.partition(parts, count - best, axis=1)[:, count - best :]
    scores: Vector = (whole + np.sort(highest, axis=1).mean(1)) / 2  # in one order, so that equal photos stay equal
    return scores


def num_best(parts: int) -> int:
    """How many of so many parts have to show a thing."""
    return max(1, round(parts * config.BEST_PARTS))
