"""Why a photo was found: what each term of a query gives it, and which part of the photo shows the term.

Where the model looks at parts, each part's own cosine with the term says where it is (the words head on every position
of the last map, as in class activation mapping; Zhou et al., 2016). Else parts of the photo are covered one after the
other, and where the score falls most, the term is (occlusion; Zeiler and Fergus, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devise.library.question import Question
from devise.vectors import Space, TermScore, Vector, pooled

GRID = 8  # cells a side that are covered, where the model looks at no parts
COVERED = 2  # cells a side of what covers: a cell alone hides too little
GREY = 127


@dataclass(frozen=True)
class Shown:
    """What a term gives a photo, and where: heat (rows, columns) from 0 to 1, laid over the whole photo."""

    term: TermScore
    heat: NDArray[np.float32]


def by_parts(views: Vector, question: Question, space: Space) -> list[Shown]:
    """views: (1 + parts, dim), the parts from left to right and top to bottom. Heat is a part's own probability."""
    near = views @ question.vectors.T  # (1 + parts, terms)
    side = math.isqrt(len(views) - 1)
    likely = question.shown(near[1:].T, space)  # (terms, parts)
    heats = _stretched(near[1:].T) if likely is None else likely
    return _shown(_pooled(views, question), question, space, heats.reshape(-1, side, side))


def by_occlusion(
    pixels: NDArray[np.uint8], vectors_of: Callable[[NDArray[np.uint8]], Vector], question: Question, space: Space
) -> list[Shown]:
    """pixels: (size, size, 3); vectors_of: (n, size, size, 3) -> (n, dim). Heat is how far a cover lowers the score."""
    covered = np.stack([pixels, *(_covered(pixels, i, j) for i in range(GRID) for j in range(GRID))])
    near = vectors_of(covered) @ question.vectors.T  # (1 + cells, terms)
    falls = np.maximum(near[:1] - near[1:], 0).T  # (terms, cells)
    heats = falls / np.maximum(falls.max(1, keepdims=True), 1e-6)
    return _shown(near[0], question, space, heats.reshape(-1, GRID, GRID))


def _covered(pixels: NDArray[np.uint8], row: int, column: int) -> NDArray[np.uint8]:
    cell, found = pixels.shape[0] / GRID, pixels.copy()
    top, left = (round((at - (COVERED - 1) / 2) * cell) for at in (row, column))
    bottom, right = (at + round(COVERED * cell) for at in (top, left))
    found[max(0, top) : bottom, max(0, left) : right] = GREY
    return found


def _pooled(views: Vector, question: Question) -> Vector:
    """(terms,): the scores that a search gives."""
    near = views @ question.vectors.T
    return np.stack([pooled(near[:1, i], near[None, 1:, i])[0] for i in range(near.shape[1])])


def _shown(scores: Vector, question: Question, space: Space, heats: NDArray[np.floating]) -> list[Shown]:
    (terms,) = question.terms(scores[:, None], space)
    return [Shown(term, heat.astype(np.float32)) for term, heat in zip(terms, heats, strict=True)]


def _stretched(near: Vector) -> NDArray[np.floating]:
    """Where nobody knows probabilities: from the least to the most."""
    low, high = near.min(1, keepdims=True), near.max(1, keepdims=True)
    stretched: Vector = (near - low) / np.maximum(high - low, 1e-6)
    return stretched


def hottest(shown: Sequence[Shown]) -> NDArray[np.float32]:
    """The heat of all terms that are wanted, in one map."""
    wanted = [one.heat for one in shown if one.term.weight > 0]
    found: NDArray[np.float32] = np.max(wanted, axis=0)
    return found
