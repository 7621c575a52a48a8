"""The classes that a checkpoint tells apart: their names and their weights over the features, read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.format import AGAIN, find, read, widened
from devise.errors import CheckpointError

WEIGHT, BIAS = "classes.layer.weight", "classes.layer.bias"


@dataclass(frozen=True)
class Classes:
    """names: (classes,); weights: (classes, features) float32, row i being what the softmax layer looks for in class i.

    model, fingerprint: the checkpoint that they are from. biases: (classes,) float32.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    model: str
    fingerprint: str
    biases: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def are_imagenets(self) -> bool:
        """Whether they are the 1,000 classes that vision models are compared by, and not somebody's own."""
        return synonyms().keys() == set(self.names)

    def numbers(self, name: str) -> list[int]:
        """The classes of that name or synonym, whatever its case; none for a name that no class has."""
        wanted = _plain(name)
        exact = [i for i, known in enumerate(self.names) if known == name]
        folded = exact or [i for i, known in enumerate(_all_plain(self.names)) if known == wanted]
        return folded or [i for i, known in enumerate(self.names) if wanted in synonyms().get(known, ())]


def read_classes(name: str | Path) -> Classes:
    """Of a checkpoint, by name or path. Raises CheckpointError, also for one without classes."""
    path = find(name)
    about, arrays = read(path)
    layer = {name: array for name, array in arrays.items() if name.startswith(WEIGHT)}
    try:
        weights, names = widened(layer).get(WEIGHT), about["heads"].get("classes", {}).get("labels")
        biases = widened({BIAS: arrays[BIAS]})[BIAS].astype(np.float32) if BIAS in arrays else np.zeros(0, np.float32)
        if weights is None or names is None:
            raise CheckpointError(f"{path} has no classes; train it with devise train, or use another model")
        if weights.shape != (len(names), *weights.shape[1:2]) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"weights of {weights.shape}")
        if biases.shape not in ((0,), (len(names),)):
            raise ValueError(f"biases of {biases.shape}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{path}: its classes do not fit their weights ({error}); {AGAIN}") from error
    return Classes(tuple(names), weights.astype(np.float32), path.stem, str(about["fingerprint"]), biases)


@cache
def synonyms() -> dict[str, frozenset[str]]:
    """Of the ImageNet classes, by the first of their names (synonyms.tsv, made by recipes.class_synonyms)."""
    text = resources.files("devise.descriptors.network").joinpath("synonyms.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {label: frozenset(_plain(name) for name in others) for label, *others in rows}


@cache
def _all_plain(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_plain, names))


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
