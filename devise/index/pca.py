"""The few directions in which photos differ: an index holds those, and exact vectors rank what it finds.

Uncentred principal components, the eigenvectors of the second moment (Pearson, 1901): of all projections to so few
numbers the one that changes inner products between photos least. Of 300 or 1,280 numbers 128 are left, so a graph of a
million photos takes 0.65 GB instead of 1.35 or 5.3, and a search in it less time (docs/performance.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector

SAMPLE = 20_000  # rows that the directions come from: more change nothing that a search could tell
GROWTH = 4  # times as many photos as the directions come from: then new ones are found, and the index is built anew
SLACK = 1e-3  # of a column's squared length


@dataclass(frozen=True)
class Projection:
    """basis: (dim, d), columns of length 1 at right angles; None leaves vectors as they are."""

    basis: NDArray[np.float32] | None = None

    @classmethod
    def fit(cls, sample: Vector, dim: int) -> Projection:
        """To `dim` numbers, from rows (n, wide); None of it where those are short enough, or too few."""
        if sample.shape[1] <= dim or len(sample) < dim:
            return cls()
        _, directions = np.linalg.eigh(sample.T @ sample)  # ascending
        return cls(np.ascontiguousarray(directions[:, -dim:], dtype=np.float32))

    @classmethod
    def from_bytes(cls, stored: bytes | None, dim: int) -> Projection:
        """Raises ValueError for what is no projection of vectors of `dim` numbers."""
        if stored is None:
            return cls()
        basis = np.frombuffer(stored, "<f4").reshape(dim, -1)
        squares = np.einsum("ij,ij->j", basis, basis)
        if not basis.size or not np.allclose(squares, 1, atol=SLACK):  # also for what is not finite
            raise ValueError("directions of another length than 1")
        return cls(basis)

    def to_bytes(self) -> bytes | None:
        return None if self.basis is None else self.basis.astype("<f4").tobytes()

    def dim_of(self, dim: int) -> int:
        """How many numbers are left of `dim`."""
        return dim if self.basis is None else self.basis.shape[1]

    def project(self, rows: Vector) -> Vector:
        """(n, dim) -> (n, d)."""
        return rows if self.basis is None else rows @ self.basis
