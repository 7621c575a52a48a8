"""What a vector is: float32, finite, length 1. The one place that makes them, so nothing else needs to check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise import config

Vector = NDArray[np.float32]  # (dim,) or (n, dim), rows of length 1
ROUNDED = 1e-2  # of a squared length: halves change it by less than 1e-3 (of 300 numbers), bytes would by more


def unit(rows: ArrayLike) -> Vector:
    """Scale one vector or the rows of a matrix to length 1.

    >>> unit([3.0, 4.0])
    array([0.6, 0.8], dtype=float32)

    rows: (dim,) or (n, dim). Raises ValueError for a zero or non-finite row: such a row has no direction.
    """
    # float64 while measuring: squares of float32 numbers overflow from 1e19 on
    wide = np.asarray(rows, dtype=np.float64)
    lengths = np.sqrt(np.einsum("...i,...i->...", wide, wide))
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("a vector must be finite and not zero")
    scaled: Vector = (wide / lengths[..., None]).astype(np.float32)
    return scaled


def is_unit(rows: NDArray[Any]) -> bool:
    """Whether (n, dim) rows are finite and of length 1, but for what halves round off."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = rows.astype(np.float32)
        return bool((np.abs(np.einsum("ij,ij->i", wide, wide) - 1) < ROUNDED).all())


def mean(rows: ArrayLike, weights: ArrayLike | None = None) -> Vector:
    """The direction of the (weighted) sum of unit vectors: (n, dim) -> (dim,). Raises ValueError if they cancel out."""
    rows = np.asarray(rows, dtype=np.float64)
    return unit(rows.mean(0) if weights is None else np.asarray(weights, dtype=np.float64) @ rows)


def pooled(whole: Vector, parts: Vector) -> Vector:
    """The score of a photo: (n,), (n, parts) -> (n,), the mean of the whole photo's and of its best parts' mean."""
    count = parts.shape[1]
    if not count:
        return whole
    best = num_best(count)
    highest = np.partition(parts, count - best, axis=1)[:, count - best :]
    scores: Vector = (whole + np.sort(highest, axis=1).mean(1)) / 2  # in one order, so that equal photos stay equal
    return scores


def num_best(parts: int) -> int:
    """How many of so many parts have to show a thing."""
    return max(1, round(parts * config.BEST_PARTS))


@dataclass(frozen=True, kw_only=True)
class Space:
    """Where one head's vectors live. `vectors` and `fingerprint` name the word vectors of a words space.

    num_parts: parts that a photo has in it beside the whole photo.
    scale, bias: sigmoid(scale * score + bias) is the probability that a word is true of a photo; scale 0: unknown.
    photo_scale, photo_bias: the same for the score of a photo that is asked with: that both show the same.
    """

    name: str
    dim: int
    vectors: str | None = None
    fingerprint: str | None = None
    num_parts: int = 0
    scale: float = 0.0
    bias: float = 0.0
    photo_scale: float = 0.0
    photo_bias: float = 0.0

    def probability(self, score: float) -> float | None:
        """Of a word that has this score for a photo."""
        if not self.scale:
            return None
        return 0.5 * (1 + math.tanh((self.scale * score + self.bias) / 2))  # a sigmoid that cannot overflow


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What makes a library's vectors: models of one fingerprint make the same numbers, as their engines round them."""

    name: str
    fingerprint: str
    spaces: tuple[Space, ...]

    def space(self, name: str) -> Space:
        """The space of that name. Raises KeyError."""
        return {space.name: space for space in self.spaces}[name]

    def is_of(self, checkpoint: str) -> bool:
        """Whether it is the checkpoint of that fingerprint, with its first words head or another one."""
        heads = (f"words:{space.vectors}" for space in self.spaces)
        return self.fingerprint in (checkpoint, *(speaking(checkpoint, head) for head in heads))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelInfo:
        """Raises KeyError, TypeError or ValueError for what is none."""
        return cls(**{**data, "spaces": tuple(Space(**space) for space in data["spaces"])}).checked()

    def checked(self) -> ModelInfo:
        """Itself. Raises ValueError where names are no texts or numbers no numbers."""
        for space in self.spaces:
            lines = (space.scale, space.bias, space.photo_scale, space.photo_bias)
            texts = (self.name, self.fingerprint, space.name, space.vectors or "", space.fingerprint or "")
            if not all(isinstance(text, str) for text in texts) or not all(map(_is_finite, lines)):
                raise ValueError(f"a space {space}")
            if not (
                isinstance(space.dim, int) and space.dim > 0 <= space.num_parts and isinstance(space.num_parts, int)
            ):
                raise ValueError(f"a space of {space.dim} numbers and {space.num_parts} parts")
        return self


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def speaking(checkpoint: str, head: str) -> str:
    """The fingerprint of a checkpoint when another words head than its first is in use."""
    return sha256(f"{checkpoint} {head}".encode()).hexdigest()


@dataclass(frozen=True)
class WordMatch:
    word: str
    score: float  # cosine, of a photo with parts the mean of its whole's and its best parts'
    probability: float | None = None  # that it is true of the photo; None where nobody measured

    @property
    def worth(self) -> float:
        """What is shown beside the word: the probability where it is known."""
        return self.score if self.probability is None else self.probability


@dataclass(frozen=True)
class TermScore:
    """What one term of a query gives a photo."""

    text: str
    weight: float  # negative for what is pushed away
    score: float
    probability: float | None = None  # that the photo shows it


@dataclass(frozen=True)
class Match:
    path: str
    score: float  # cosine; of a search, of the whole photo and its best parts, and over its terms a soft minimum
    probability: float | None = None  # of a search: that the photo is what was asked for; None where nobody measured
    terms: tuple[TermScore, ...] = ()  # of a search
