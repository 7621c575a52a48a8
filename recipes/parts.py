"""Parts of photos that CLIP is asked about by themselves, so that the student knows what is where.

The student sees the photo around a part, and the mean of its map over the part learns what CLIP says of the part alone
(Wu et al., "CLIPSelf: vision transformer distills itself for open-vocabulary dense prediction", ICLR 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipes.photo_cache import Box

COUNT = 2  # parts of a photo
STRENGTH = 90  # of 255: the detector's score from which a thing is worth a part
LARGEST = 0.6  # share of the photo's area: larger things are seen in all of it
AROUND = 1.2  # sides of a part beside those of its thing
SHORTEST = 0.25  # side of a part: smaller ones are a blur
AREAS = (0.12, 0.45)  # of parts chosen by chance
INSIDE = 0.9  # share of a part that a view must hold

Boxes = NDArray[np.uint8]


def chosen(boxes: Boxes, kinds: NDArray[np.uint8], strengths: NDArray[np.uint8], rng: np.random.Generator) -> Boxes:
    """Of one photo's things, (m, 4) in 255ths, (m,), (m,): COUNT parts, (COUNT, 4): things of different kinds first."""
    corners = boxes.astype(np.float32) / 255
    areas = (corners[:, 2:] - corners[:, :2]).clip(0).prod(1)
    found = [i for i in rng.permutation(len(boxes)) if strengths[i] >= STRENGTH and 0 < areas[i] <= LARGEST]
    first = {int(kinds[i]): i for i in found}
    order = [*first.values(), *(i for i in found if i not in first.values())][:COUNT]
    parts = [_around(corners[i]) for i in order] + [_anywhere(rng) for _ in range(COUNT - len(order))]
    return np.rint(np.array(parts) * 255).astype(np.uint8)


def weights(parts: NDArray[np.float32], crop: Box, side: int) -> NDArray[np.float32]:
    """(k, 4) in 0..1 of the photo -> (k, side, side): each position's share in a part's mean; zeros where outside."""
    origin, sides = np.array(crop[:2]), np.array(crop[2:]) - crop[:2]
    low, high = (parts[:, :2] - origin) / sides, (parts[:, 2:] - origin) / sides
    inside = (high.clip(0, 1) - low.clip(0, 1)).prod(1) >= INSIDE * (high - low).prod(1)
    edges = np.arange(side + 1) / side
    shared = np.minimum(high[..., None], edges[1:]) - np.maximum(low[..., None], edges[:-1])  # (k, 2, side)
    across, down = shared.clip(0).transpose(1, 0, 2)
    covered = down[:, :, None] * across[:, None, :]
    total = covered.sum((1, 2), keepdims=True)
    found: NDArray[np.float32] = np.where(inside[:, None, None], covered / total.clip(1e-9), 0).astype(np.float32)
    return found


def _around(thing: Sequence[float]) -> Box:
    """A box around a thing, no side shorter than SHORTEST, within the photo."""
    spans = []
    for low, high in ((thing[0], thing[2]), (thing[1], thing[3])):
        length = min(1.0, max(SHORTEST, (high - low) * AROUND))
        start = min(max(0.0, (low + high - length) / 2), 1 - length)
        spans.append((start, start + length))
    (left, right), (top, bottom) = spans
    return (left, top, right, bottom)


def _anywhere(rng: np.random.Generator) -> Box:
    area, ratio = rng.uniform(*AREAS), math.exp(rng.uniform(-0.3, 0.3))
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return (x, y, x + width, y + height)
