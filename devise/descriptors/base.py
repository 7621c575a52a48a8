"""What a descriptor is: pixels in, rows of its spaces out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from devise.spaces import Space
from devise.vectors import Vector


class Descriptor(Protocol):
    """Think of it as a function from photos to {space: rows}, with the way it wants photos scaled attached.

    A library needs nothing else of a model: a network (`devise.descriptors.network`), or ten lines of numpy.

    name, fingerprint: what a library calls it; descriptors of one fingerprint make the same rows.
    spaces: where its rows live. size, resize: of the pixels it looks at, as `devise.photos.load` takes them.
    labels: the words that it has learnt, if any. path: the file that it is from, if any.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def spaces(self) -> tuple[Space, ...]: ...
    @property
    def size(self) -> int: ...
    @property
    def resize(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def path(self) -> Path | None: ...

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
        """(n, size, size, 3) RGB -> {space: (n, dim)}, the rows of one photo at one number in all spaces.

        Several threads may call it. Of a space whose photos have parts beside the whole, also "parts": (n, parts, dim).
        Raises ValueError for pixels of another shape, and when a photo has no row (a vector of zeros).
        """
