"""What each attribute of a photo counts when it is asked with: its blocks of numbers, longer or shorter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from devise.errors import LibraryError, listed
from devise.spaces import Space
from devise.vectors import Vector, unit

HEAVIEST = 100.0


def weights_of(texts: Sequence[str]) -> dict[str, float]:
    """Raises LibraryError.

    >>> weights_of(["colour=2", "type=0.5"])
    {'colour': 2.0, 'type': 0.5}
    """
    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name.strip() or not 0 <= weight <= HEAVIEST:
            raise LibraryError(f'"{text}" weighs no attribute; write NAME=NUMBER, from 0 to {HEAVIEST:g}: colour=2')
        found[name.strip()] = weight
    return found


def weighed(row: Vector, space: Space, weights: Mapping[str, float]) -> tuple[Vector, float]:
    """A row (dim,) to ask with, and what its scores are to be multiplied by: they then are the weighted mean of the
    cosines of the attributes. Attributes that are not named weigh 1. Raises LibraryError.
    """
    names = space.attributes
    if not names:
        raise LibraryError(f"the space {space.name} has no attributes to weigh; leave --weight out, or ask in a space "
                           "of devise train --objective attributes")  # fmt: skip
    if unknown := sorted({*weights} - {*names}):
        raise LibraryError(f"no attribute {listed(unknown)}; the space {space.name} has {', '.join(names)}")
    each = np.array([weights.get(name, 1.0) for name in names], np.float32)
    if not each.any():
        raise LibraryError("all attributes weigh 0; give one of them a weight above that")
    blocks = row.reshape(len(names), -1) * each[:, None]
    factor = math.sqrt(len(names)) * float(np.sqrt((each**2).sum())) / float(each.sum())
    return unit(blocks.reshape(-1)), factor
