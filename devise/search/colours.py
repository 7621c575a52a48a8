"""Colours that a query asks for: which share of each photo looks like them, and how likely that is what was meant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from devise.descriptors import colour_words
from devise.descriptors.colour import PALETTE, palette_shares
from devise.descriptors.looks import COLOUR
from devise.index.flat import inner_products, scored_by, top
from devise.search.filtered import FilteredIds
from devise.search.snapshot import Snapshot
from devise.spaces import Calibration
from devise.vectors import Ids, Vector
from devise.words.colours import NAMED, colour_name

# A photo is of a colour with the probability sigmoid(SCALE log(share + LEAST) + BIAS): fitted on 1,865 product photos,
# nine colours by number and by name (python -m benchmarks.quality.shades)
SCALE, BIAS, LEAST = 1.0, 2.3, 0.001


def palette_weights(colour: str) -> Vector:
    """(64,): how much each colour of the palette counts as the one asked for, 1 at most.

    A number counts as pixels of that colour do; a name is what has no nearer name.
    """
    if colour in NAMED:
        return np.array([colour_name(f"{each:06x}") == colour for each in PALETTE], np.float32)
    (near,) = palette_shares(np.array([list(bytes.fromhex(colour))], np.float64))
    weights: Vector = near / near.max()
    return weights


def shares(snapshot: Snapshot, ids: Ids, palette: Vector) -> Vector:
    """(terms, 64) -> (terms, n): which share of each photo looks like each colour. ids: ascending.

    0 for photos that have no colours yet.
    """
    found = np.zeros((len(palette), len(ids)), np.float32)
    for some, rows in snapshot.rows(COLOUR, ids):
        found[:, np.searchsorted(ids, some)] = [inner_products(rows, weights) for weights in palette]
    return found


def nearest(snapshot: Snapshot, palette: Vector, among: FilteredIds | None, k: int) -> list[Ids]:
    """For each colour the k photos that have most of it: all are looked at."""
    ids = None if among is None else among.ids
    return [top(scored_by("inner", snapshot.rows(COLOUR, ids), weights), k)[0] for weights in palette]


def look_at_shades(
    snapshot: Snapshot, ids: Ids, cosines: Vector, shades: Sequence[tuple[int, str]], calibration: Calibration
) -> None:
    """Words for colours: the cosines (terms, n) of those terms become those of the probability that the model and the
    colours of a photo give together, the weighted mean of both in logits. Photos without colours stay as they are.
    """
    scale, bias = calibration.scale, calibration.bias
    for some, rows in snapshot.rows(COLOUR, ids):
        at = np.searchsorted(ids, some)
        weight = colour_words.weight(rows)
        for term, word in shades:
            told = (colour_words.logits(word, rows) - bias) / scale
            cosines[term, at] = (1 - weight) * cosines[term, at] + weight * told


def logits(shares: Vector) -> NDArray[np.float64]:
    """Of the probability that a photo is of a colour."""
    found: NDArray[np.float64] = SCALE * np.log(np.maximum(shares, 0).astype(np.float64) + LEAST) + BIAS
    return found
