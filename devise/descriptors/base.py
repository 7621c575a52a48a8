"""What a descriptor is: pixels in, rows of its spaces out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from devise.spaces import ModelInfo
from devise.vectors import Vector


class Descriptor(Protocol):
    """What a library needs of a model: `devise.descriptors.network.encoder.Encoder`, or anything like it."""

    info: ModelInfo
    size: int
    resize: str
    labels: tuple[str, ...]

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
        """(n, size, size, 3) -> a vector per photo in each space. ValueError when a photo has none."""
