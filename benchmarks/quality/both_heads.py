"""The model as `devise search` asks it of a word: by its words head, and by its classes head where that knows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.quality import sets
from benchmarks.quality.parts import embedded
from devise.config import SHIPPED_MODEL, SHIPPED_VECTORS
from devise.descriptors.network.classes import read_classes
from devise.search.class_words import LEARNT, OPEN, ClassWords
from devise.vectors import Vector, pooled, unit
from devise.words import WordVectors


@dataclass(frozen=True)
class PhotoVectors:
    """Features of length 1 (n, features), and words vectors of the whole photos and of parts (n, views, dim)."""

    features: Vector
    words: Vector


class BothHeads:
    """Logits of the probability that photos show a word."""

    def __init__(self, model: str | None) -> None:
        self.checkpoint = sets.opened(model)
        self.words = WordVectors.open(SHIPPED_VECTORS)
        self.classes = ClassWords(read_classes(model or SHIPPED_MODEL))
        self._config = self.checkpoint.configs["words"]
        self.learnt = {label.lower() for label in self._config.labels}

    def vectors(self, views: torch.Tensor) -> PhotoVectors:
        """views: (n, views, features)"""
        return PhotoVectors(unit(views[:, 0].float().numpy()), embedded(self.checkpoint.heads["words"], views))

    def by_word(self, word: str, photos: PhotoVectors) -> Vector:
        """(n,)"""
        cosines = photos.words @ self.words.vector(word)
        known, is_open = self._config, word not in self.learnt and bool(self._config.open_scale)
        scale, bias = (known.open_scale, known.open_bias) if is_open else (known.scale, known.bias)
        found: Vector = scale * pooled(cosines[:, 0], cosines[:, 1:]) + bias
        return found

    def by_learnt_line(self, word: str, photos: PhotoVectors) -> Vector:
        """(n,): as if it had been learnt, for controls."""
        known, is_open = self._config, word not in self.learnt and bool(self._config.open_scale)
        logits = self.by_word(word, photos)
        return (logits - known.open_bias) / known.open_scale * known.scale + known.bias if is_open else logits

    def by_class(self, word: str, photos: PhotoVectors) -> Vector | None:
        """(n,); None for a word that names no class."""
        named = self.classes.of(word, is_learnt=word in self.learnt)
        return None if named is None else named.log_ratios(photos.features)

    def __call__(self, word: str, photos: PhotoVectors) -> Vector:
        """(n,)"""
        by_word, by_class = self.by_word(word, photos), self.by_class(word, photos)
        fusion = LEARNT if word in self.learnt else OPEN
        return by_word if by_class is None else fusion.logits(by_word, by_class)


def sigmoid(logits: Vector) -> Vector:
    found: Vector = 0.5 * (1 + np.tanh(logits / 2))
    return found
