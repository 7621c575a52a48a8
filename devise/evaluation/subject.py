"""What is examined: a model, which is shown the photos, or a library, which is searched for each label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.base import Network
from devise.descriptors.network.engine import open_encoder
from devise.descriptors.network.format import find, read
from devise.errors import CheckpointError
from devise.evaluation.scores import Array, encoded, word_scores
from devise.library import Library
from devise.spaces import Calibration, ModelInfo
from devise.words import WordVectors

Telling = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class Question:
    """Photos, and the labels that may be answered with their word vectors (labels, dim)."""

    paths: Sequence[str]
    labels: tuple[str, ...]
    targets: Array


@dataclass(frozen=True)
class Answers:
    """scores: (good photos, labels); features: of the same photos; good: of all photos, which could be asked about."""

    scores: Array
    features: Array
    good: NDArray[np.bool_]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """labels: that it has learnt; path, training: its checkpoint and what that tells of itself, where it is at hand."""

    name: str
    labels: tuple[str, ...]
    calibration: Calibration
    path: Path | None
    training: Mapping[str, Any]


class Subject(Protocol):
    @property
    def about(self) -> About: ...

    def answers(self, question: Question, tell: Telling) -> Answers: ...


class ModelSubject:
    """A model that speaks in the word vectors. Raises CheckpointError."""

    def __init__(self, name: str | None, vectors: WordVectors) -> None:
        self.model = speaking_model(name, vectors)
        path = self.model.path
        told = read(path)[0]["training"] if path is not None else {}
        self.about = About(self.model.name, self.model.labels, _calibration(self.model.info), path, told)

    def answers(self, question: Question, tell: Telling) -> Answers:
        rows = encoded(self.model, question.paths, tell)
        scores = word_scores(rows, question.targets) if rows.good.any() else np.zeros((0, 0), np.float32)
        return Answers(scores, rows.features, rows.good, rows.skipped)


class LibrarySubject:
    """A library that is searched for each label; photos that it lacks are left out. Raises LibraryError."""

    def __init__(self, path: Path) -> None:
        with Library(path) as library:
            model = library.info().model
            self.library, self._paths = path, library.paths()
        if model is None or not self._paths:
            raise CheckpointError(f"the library {path} has no photos; index the data first: devise index FOLDER")
        file, labels, told = _file_of(model)
        self.about = About(f"library {path.name} ({model.name})", labels, _calibration(model), file, told)

    def answers(self, question: Question, tell: Telling) -> Answers:
        at = {path: row for row, path in enumerate(question.paths)}
        good = np.isin(question.paths, self._paths)
        scores = np.full((len(at), len(question.labels)), -1, np.float32)
        with Library(self.library) as library:
            for column, label in enumerate(question.labels):
                for match in library.search('"' + label.replace('"', "") + '"', k=len(self._paths)):
                    if match.path in at:
                        scores[at[match.path], column] = match.score
                tell(column + 1, len(question.labels))
            paths, rows = library.vectors("features")
        row_of = {path: row for row, path in enumerate(paths)}
        features = rows[[row_of[path] for path, is_there in zip(question.paths, good, strict=True) if is_there]]
        skipped = tuple(f"{path}: it is not in the library {self.library}" for path in at if path not in row_of)
        return Answers(scores[good], features, good, skipped)


def speaking_model(name: str | None, vectors: WordVectors) -> Network:
    """A model whose words space is that of the vectors. Raises CheckpointError."""
    model = open_encoder(name, vectors.name)
    space = next((space for space in model.spaces if space.name == "words"), None)
    if space is None or space.dim != vectors.dim or (space.vectors and space.vectors != vectors.name):
        speaks = space.vectors if space else "no words"
        raise CheckpointError(f"{model.name} speaks {speaks}, the word vectors in use are {vectors.name}; "
                              "choose others with --vectors")  # fmt: skip
    return model


def _calibration(model: ModelInfo) -> Calibration:
    return next((space.calibration for space in model.spaces if space.name == "words"), Calibration())


def _file_of(model: ModelInfo) -> tuple[Path | None, tuple[str, ...], Mapping[str, Any]]:
    """The checkpoint of a library's model, its labels and its training, where the very same one is at hand."""
    try:
        path = find(model.name)
        about, _ = read(path)
    except CheckpointError:
        return None, (), {}
    if about["fingerprint"] != model.fingerprint:
        return None, (), {}
    return path, tuple(about["heads"].get("words", {}).get("labels", ())), about["training"]
