"""Nouns that CLIP has text vectors for, and the two ways between its space and that of word vectors.

170 names have vectors of ViT-B/16, whose image tower teaches; 2,068 have those of ViT-B/32. Names that stand in both
lists carry the second into the first by ridge regression (on a quarter of them, left out, cosine 0.85).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector, unit
from devise.words import WordVectors

ALIKE = 0.05  # of the ridge regression between the two towers: they differ little
WIDTH, SMOOTH = 2.0, 0.1  # of the kernel between words, and its ridge: chosen on Caltech-101's names without photos
BACK = 3.0  # ridge of the way from CLIP to words: 1 and 10 find Caltech-101's photos with 0.02 less

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Nouns:
    """names: once each; rows: (n, 512), what CLIP's text tower says of them, mean taken off, of length 1."""

    names: list[str]
    rows: Vector

    @classmethod
    def of(cls, data: Path) -> Nouns:
        with np.load(data / "clip_text.npz") as text:
            sixteen, ours = _first(text["b16_names"].tolist(), text["b16"])
            thirty_two, theirs = _first(text["b32_names"].tolist(), text["b32"])
        both = sorted(set(sixteen) & set(thirty_two))
        carried = unit(theirs @ ridge(theirs[_places(thirty_two, both)], ours[_places(sixteen, both)], ALIKE))
        only = [name for name in thirty_two if name not in sixteen]
        return cls([*sixteen, *only], np.concatenate([ours, carried[_places(thirty_two, only)]]))

    def seen(self, nouns: Vector, words: Vector) -> Vector:
        """What CLIP would say of words, by kernel ridge regression: (nouns, dim), (n, dim) of a table -> (n, 512)."""
        weights = np.linalg.solve(_kernel(nouns, nouns) + SMOOTH * np.eye(len(nouns)), self.rows)
        parts = [_kernel(words[start : start + 1024], nouns) @ weights for start in range(0, len(words), 1024)]
        return unit(np.concatenate(parts))

    def to_words(self, vectors: WordVectors) -> Rows:
        """(512, dim): what CLIP says of a photo, mean taken off and of length 1, times this is its word vector."""
        known = [i for i, name in enumerate(self.names) if all(word in vectors for word in name.split())]
        targets = np.stack([vectors.vector(self.names[i]) for i in known])
        return ridge(self.rows[known], targets, BACK)


def ridge(inputs: Rows, targets: Rows, least: float) -> Rows:
    """(n, d), (n, e) -> (d, e)"""
    found: Rows = np.linalg.solve(inputs.T @ inputs + least * np.eye(inputs.shape[1]), inputs.T @ targets)
    return found.astype(np.float32)


def _kernel(a: Vector, b: Vector) -> Rows:
    kernel: Rows = np.exp(WIDTH * (a @ b.T - 1))
    return kernel


def _first(names: Sequence[str], rows: Rows) -> tuple[dict[str, int], Vector]:
    """Plain names with the rows that are theirs, centred among all: of names that stand twice the first."""
    centred = unit(rows.astype(np.float32)) - unit(rows.astype(np.float32)).mean(0)
    plain = [re.sub(r"\s*\(.*?\)", "", re.split("[,;]", name)[0]).lower().strip() for name in names]
    first = {name: plain.index(name) for name in dict.fromkeys(plain)}
    return {name: i for i, name in enumerate(first)}, unit(centred[list(first.values())])


def _places(found: dict[str, int], names: Sequence[str]) -> list[int]:
    return [found[name] for name in names]
