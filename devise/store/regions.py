"""The regions of a photo in few bytes: their vectors are mostly mixtures of a few, so those and the mixtures are kept.

The 64 regions of a photo, of 300 numbers each, are a matrix; its singular value decomposition, cut off at rank 8 and
rounded to bytes, is 2,945 bytes instead of 38,400 (half precision), and pairs of words find as well
(docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector

Floats = NDArray[np.float32]
RANK = 8  # vectors that the regions are mixtures of: 2,945 bytes; with 4, pairs of words lose a point


class Regions(NamedTuple):
    """Of n photos: basis (n, rank, dim), scale (n, rank) and mix (n, regions, rank).

    The regions' vectors are mix times the rows of the basis, each of those times its scale.
    """

    basis: Floats
    scale: Floats
    mix: Floats

    @classmethod
    def none(cls, count: int, dim: int) -> Regions:
        return cls(*(np.empty((count, *shape), np.float32) for shape in ((0, dim), (0,), (0, 0))))

    def cosines(self, vector: Vector) -> Floats:
        """(dim,) -> (n, regions), each photo by itself: no row's last digit depends on its neighbours."""
        near = np.einsum("nrd,d->nr", self.basis, vector) * self.scale
        scores: Floats = np.clip(np.einsum("npr,nr->np", self.mix, near), -1.0, 1.0)
        return scores

    def vectors(self) -> Vector:
        """(n, regions, dim), of length 1 but for what was cut off."""
        rows: Vector = np.einsum("npr,nrd->npd", self.mix, self.basis * self.scale[:, :, None])
        return rows


def pack(vectors: Vector, rank: int = RANK) -> bytes:
    """The regions of one photo, (regions, dim) unit rows: rank (a byte), scales, basis, mix."""
    rank = min(rank, *vectors.shape)
    rows = vectors.astype(np.float64)
    mix = np.linalg.eigh(rows @ rows.T)[1][:, -rank:]  # left singular vectors; faster than the whole decomposition
    basis = mix.T @ rows
    sides = np.abs(basis).max(1), np.abs(mix).max(0)
    steps = [np.maximum(side, 1e-12) / 127 for side in sides]  # a component that nothing needs has no size
    whole = [np.round(basis / steps[0][:, None]), np.round(mix / steps[1])]
    return b"".join([bytes([rank]), (steps[0] * steps[1]).astype("<f4").tobytes(),
                     *(numbers.astype(np.int8).tobytes() for numbers in whole)])  # fmt: skip


def unpack(blobs: Sequence[bytes | None], dim: int) -> Regions:
    """What `pack` made, of photos of one library; None: photos without regions. Raises ValueError for anything else."""
    sizes = {len(blob or b"") for blob in blobs}
    if sizes <= {0}:
        if b"" in blobs:
            raise ValueError("regions without a rank")
        return Regions.none(len(blobs), dim)
    if len(sizes) > 1 or len({blob[0] for blob in blobs if blob}) > 1:
        raise ValueError("photos with different numbers of regions")
    (size,), rank = sizes, int((blobs[0] or b"\0")[0])
    num_regions, rest = divmod(size - 1 - rank * (4 + dim), rank or 1)
    if not rank or rest or num_regions < 1:
        raise ValueError(f"{size} bytes are no regions of rank {rank}")
    numbers = np.frombuffer(b"".join([blob or b"" for blob in blobs]), np.uint8).reshape(len(blobs), size)
    scale = numbers[:, 1 : 1 + 4 * rank].copy().view("<f4")  # (n, rank)
    if not (np.isfinite(scale).all() and (scale >= 0).all() and (scale * 127 * 127 <= 2 * num_regions**0.5).all()):
        raise ValueError("scales that no unit rows have")
    basis, mix = (part.view(np.int8).astype(np.float32)
                  for part in np.split(numbers[:, 1 + 4 * rank :], [dim * rank], axis=1))  # fmt: skip
    return Regions(basis.reshape(-1, rank, dim), scale.astype(np.float32), mix.reshape(-1, num_regions, rank))
