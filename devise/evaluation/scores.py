"""Scores of all labels for all photos: of a model, of ConSE on its softmax layer, of that layer itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devise.config import IngestConfig
from devise.descriptors.network.base import Network
from devise.descriptors.network.classes import Classes
from devise.errors import PhotoError, WordError
from devise.training.features import decoded
from devise.vectors import pooled, unit
from devise.words import WordVectors

Array = NDArray[np.float32]
CONSE = 10  # Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings", 2014: the best classes


@dataclass(frozen=True)
class Rows:
    """Of photos: words (n, dim) and parts (n, parts, dim) in one array, features (n, width); good: which were read."""

    words: Array
    features: Array
    good: NDArray[np.bool_]
    skipped: tuple[str, ...]


def encoded(model: Network, paths: Sequence[str], progress: Callable[[int, int], None]) -> Rows:
    """words: (n, 1 + parts, dim), the whole photo first."""
    pictures = decoded(paths, model.size, model.resize)
    words: list[Array] = []
    features: list[Array] = []
    skipped: list[str] = []
    batch: list[NDArray[np.uint8]] = []
    good = np.ones(len(paths), bool)

    def flush() -> None:
        rows = model.encode(np.stack(batch))
        parts = rows.get("parts")
        whole = rows["words"][:, None]
        words.append((whole if parts is None else np.concatenate([whole, parts], 1)).astype(np.float16))
        features.append(rows["features"])
        batch.clear()

    for number, picture in enumerate(pictures):
        if isinstance(picture, PhotoError):
            good[number] = False
            skipped.append(str(picture))
        else:
            batch.append(picture)
        if len(batch) == IngestConfig.batch or (batch and number == len(paths) - 1):
            flush()
        progress(number + 1, len(paths))
    if batch:
        flush()
    if not words:
        return Rows(np.zeros((0, 1, 1), np.float32), np.zeros((0, 1), np.float32), good, tuple(skipped))
    return Rows(np.concatenate(words), np.concatenate(features), good, tuple(skipped))


def word_scores(rows: Rows, targets: Array) -> Array:
    """(n, labels): as a search scores, the whole photo and its best parts."""
    found = [
        pooled(views[0] @ targets.T, (views[1:] @ targets.T).T)
        for views in (words.astype(np.float32) for words in rows.words)
    ]
    return np.stack(found).astype(np.float32)


def softmax_scores(features: Array, classes: Classes, labels: Sequence[str]) -> Array | None:
    """Of the softmax layer without its biases; None where it lacks a label."""
    numbers = [classes.numbers(label) for label in labels]
    if not all(numbers):
        return None
    logits = features @ classes.weights.T
    return np.stack([logits[:, columns].max(1) for columns in numbers], 1)


def conse_scores(features: Array, classes: Classes, vectors: WordVectors, targets: Array) -> Array:
    """The mean of the word vectors of the likeliest classes, weighted by their probabilities, against the labels."""
    known, named = [], []
    for number, name in enumerate(classes.names):
        try:
            known.append(vectors.vector(name))
            named.append(number)
        except WordError:
            continue
    logits = features @ unit(classes.weights[named]).T  # features have length 1 here
    top = np.argsort(-logits, axis=1)[:, :CONSE]
    best = np.take_along_axis(logits, top, 1)
    share = np.exp(20 * (best - best.max(1, keepdims=True)))  # the temperature of a softmax over cosines
    mixed = (share[:, :, None] * np.stack(known)[top]).sum(1)
    return np.asarray(unit(mixed) @ targets.T, np.float32)
