"""A photo as its own class: a classifier of one photo against all others, in closed form.

Hariharan et al., "Discriminative decorrelation for clustering and classification", 2012: of a photo x the weights are
the inverse covariance of all photos' rows times (x - their mean). What is common to all photos counts less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devise.errors import LibraryError
from devise.spaces import Space
from devise.store.base import Store, together
from devise.vectors import Vector, unit

SAMPLE = 20_000  # rows that the covariance is of
SHRINKAGE = 10.0  # times the mean variance, added to each: of 0.1, 1 and 10 the best (docs/codes.md)


@dataclass(frozen=True)
class Exemplars:
    """mean: (dim,); inverse: (dim, dim)."""

    mean: Vector
    inverse: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Vector, shrinkage: float = SHRINKAGE) -> Exemplars:
        """rows: (n, dim) of a library."""
        mean = rows.mean(0)
        centred = rows - mean
        covariance = centred.T @ centred / len(rows)
        variance = max(float(np.trace(covariance)) / len(covariance), 1e-12)
        covariance[np.diag_indices_from(covariance)] += shrinkage * variance
        return cls(mean, np.linalg.inv(covariance).astype(np.float32))

    @classmethod
    def read(cls, store: Store, space: Space) -> Exemplars:
        """Of evenly spread photos of a library. Raises LibraryError."""
        if space.metric != "cosine":
            raise LibraryError(f"rows of {space.name} have no covariance; ask for exemplars in features or words")
        ids = store.ids()
        return cls.of(together(store.vectors.rows(space, ids[:: -(-len(ids) // SAMPLE)]))[1])

    def weights(self, rows: Vector) -> Vector:
        """Classifiers of photos, as rows of length 1: (n, dim). Raises LibraryError."""
        found = (rows - self.mean) @ self.inverse
        if not found.any(1).all():
            raise LibraryError("the photo is the only one of its library; there is nothing to tell it from")
        return unit(found)
