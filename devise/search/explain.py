"""Why a photo was found: what each term of a query gives it, and which part of the photo shows the term.

Where the model looks at a square of parts, each part's own cosine with the term says where it is (the words head on
every position of the last map, as in class activation mapping; Zhou et al., 2016). Else parts of the photo are covered
one after the other, and where the score falls most, the term is (occlusion; Zeiler and Fergus, 2014). Colours are where
the pixels have them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from devise.config import IngestConfig
from devise.descriptors.base import Descriptor
from devise.results import TermHeat
from devise.search.scoring import Scoring
from devise.spaces import Space
from devise.vectors import Vector, pooled

GRID = 8  # cells a side that are covered, where the model looks at no parts
COVERED = 2  # cells a side of what covers: a cell alone hides too little


def by_parts(views: Vector, scoring: Scoring, space: Space) -> list[TermHeat]:
    """views: (1 + parts, dim), the parts from left to right and top to bottom. Heat is a part's own probability."""
    near = views @ scoring.vectors.T  # (1 + parts, terms)
    side = math.isqrt(len(views) - 1)
    likely = scoring.shown(near[1:].T, space)  # (terms, parts)
    heats = _stretched(near[1:].T) if likely is None else likely
    return _heats(views, scoring, space, heats.reshape(-1, side, side))


def by_occlusion(
    photo: str | bytes, views: Vector, encoder: Descriptor, scoring: Scoring, space: Space
) -> list[TermHeat]:
    """Heat is how far a grey square over the (upright, whole) photo lowers its score as a whole. Raises PhotoError.

    views: (1 + parts, dim) of the photo without a cover.
    """
    from devise.photos import covered

    near: list[Vector] = []
    covers = covered(photo, GRID, COVERED, size=encoder.size, resize=encoder.resize)  # the photo, then each cover
    while batch := list(islice(covers, IngestConfig.batch)):
        near.append(encoder.encode(np.stack(batch))["words"] @ scoring.vectors.T)
    scores = np.concatenate(near)  # (1 + cells, terms)
    falls = np.maximum(scores[:1] - scores[1:], 0).T  # (terms, cells)
    heats = falls / np.maximum(falls.max(1, keepdims=True), 1e-6)
    return _heats(views, scoring, space, heats.reshape(-1, GRID, GRID))


def _heats(views: Vector, scoring: Scoring, space: Space, heats: NDArray[np.floating]) -> list[TermHeat]:
    """With the scores that a search gives."""
    near = views @ scoring.vectors.T
    scores = np.stack([pooled(of_term[:1], of_term[None, 1:])[0] for of_term in near.T])
    (terms,) = scoring.terms(scores[:, None], space)
    return [TermHeat(term, heat.astype(np.float32)) for term, heat in zip(terms, heats, strict=True)]


def _stretched(near: Vector) -> NDArray[np.floating]:
    """Where nobody knows probabilities: from the least to the most."""
    low, high = near.min(1, keepdims=True), near.max(1, keepdims=True)
    stretched: Vector = (near - low) / np.maximum(high - low, 1e-6)
    return stretched


def with_colours(heats: list[TermHeat], scoring: Scoring, pixels: Callable[[], NDArray[np.uint8]]) -> list[TermHeat]:
    """Terms that are colours by which share of each cell looks so. pixels: (320, 320, 3), as looks are made of."""
    if not len(scoring.palette):
        return heats
    from devise.descriptors.colour import shares
    from devise.descriptors.looks import SIZE, SMALL
    from devise.photos.miniatures import averaged
    from devise.search import colours

    side = len(heats[0].heat)
    pixel_shares = shares(averaged(pixels()[None], SIZE // SMALL).reshape(-1, 1, 1, 3))  # (SMALL * SMALL, 64)
    edges = np.arange(side) * SMALL // side
    wide = np.diff([*edges, SMALL])
    heats = list(heats)
    for at, weights in zip(np.flatnonzero(scoring.is_colour), scoring.palette, strict=True):
        found = (pixel_shares @ weights).reshape(SMALL, SMALL)
        cells = np.add.reduceat(np.add.reduceat(found, edges, 0), edges, 1) / np.outer(wide, wide)
        likely = 0.5 * (1 + np.tanh(colours.logits(np.array([found.mean(), *cells.ravel()])) / 2))
        term = replace(heats[at].term, score=float(found.mean()), probability=float(likely[0]))
        heats[at] = TermHeat(term, likely[1:].reshape(side, side).astype(np.float32))
    return heats


def with_classes(
    heats: list[TermHeat], views: Vector, scoring: Scoring, space: Space, features: Callable[[], Vector]
) -> list[TermHeat]:
    """Words for classes with the scores that a search gives: by the features (features,) of the whole photo as well.

    Where heat is the probability of parts, each has the class of the whole.
    """
    named = [(at, one) for at, one in enumerate(scoring.classes) if one and space.calibration.scale]
    if not named:
        return heats
    row, heats = features()[None], list(heats)
    for at, classes in named:
        ratio, term = classes.log_ratios(row), heats[at].term
        near = np.array([term.score, *(views[1:] @ scoring.vectors[at])], np.float32)
        both = classes.cosines(near, np.repeat(ratio, len(near)), space.calibration)
        likely = 0.5 * (1 + np.tanh((space.calibration.scale * both + space.calibration.bias) / 2))
        heat = likely[1:].reshape(heats[at].heat.shape) if heats[at].heat.size == len(likely) - 1 else heats[at].heat
        term = replace(term, score=float(both[0]), probability=float(likely[0]))
        heats[at] = TermHeat(term, heat.astype(np.float32))
    return heats


def is_square(views: Vector) -> bool:
    """Whether there are parts, in as many rows as columns."""
    return len(views) > 1 and math.isqrt(len(views) - 1) ** 2 == len(views) - 1


def hottest(heats: Sequence[TermHeat]) -> NDArray[np.float32]:
    """The heat of all terms that are wanted, in one map."""
    wanted = [one.heat for one in heats if one.term.weight > 0]
    found: NDArray[np.float32] = np.max(wanted, axis=0)
    return found
