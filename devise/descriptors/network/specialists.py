"""Layers of a checkpoint that decide between two labels which are often confused; read without torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from devise.descriptors.network.format import AGAIN, read, widened
from devise.errors import CheckpointError
from devise.vectors import Vector

SPECIALIST = "specialist:"  # with a number, names the head of a pair of labels


@dataclass(frozen=True)
class Specialists:
    """pairs: two labels -> (2, num_features) what the layer looks for in each; fingerprint: of their checkpoint.

    >>> specialists.better("three", lambda: features)  # of a photo whose best label is "three"
    'eight'
    """

    pairs: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)
    fingerprint: str = ""

    def better(self, label: str, features: Callable[[], Vector]) -> str:
        """The label, or the other one of a pair that it belongs to. features: (num_features,), made when needed."""
        for pair, weights in self.pairs.items():
            if label in pair:
                label = pair[int((weights @ features()).argmax())]
        return label


def read_specialists(path: str | Path) -> Specialists:
    """Of a checkpoint; none where it has none, which its header tells. Raises CheckpointError."""
    if not _has_some(path):
        return Specialists()
    about, stored = read(Path(path))
    try:
        arrays = widened({key: array for key, array in stored.items() if key.startswith(SPECIALIST)})
        found = {}
        for name in sorted(name for name in about["heads"] if name.startswith(SPECIALIST)):
            first, second = about["heads"][name]["labels"]
            weights = arrays[f"{name}.layer.weight"]
            if len(weights) != 2 or weights.ndim != 2:
                raise ValueError(f"weights of {weights.shape} for two labels")
            found[str(first), str(second)] = weights
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its specialists do not fit their weights ({error}); {AGAIN}") from error
    return Specialists(found, about["fingerprint"])


def _has_some(path: str | Path) -> bool:
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("devise", "{}"))
            return any(name.startswith(SPECIALIST) for name in about["heads"])
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError):
        return False  # no checkpoint that could be used: its encoder tells
