"""Where vectors live: the spaces of a model, and what turns their scores into probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any


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
