"""What a model is measured beside: ConSE, its softmax layer, random targets, another model, itself without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from devise.descriptors.network.classes import read_classes
from devise.descriptors.network.engine import open_encoder
from devise.errors import CheckpointError, counted
from devise.evaluation.report import EvaluateOptions
from devise.evaluation.scores import Array, conse_scores, encoded, softmax_scores, word_scores
from devise.evaluation.subject import About
from devise.progress import Progress
from devise.training.loop import train
from devise.training.options import TrainOptions
from devise.training.report import TrainReport
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.format import write_vectors

AS_TRAINED = ("loss", "epochs", "batch", "learning_rate", "weight_decay", "validation", "seed", "hold_out")
NUMBERS = 300  # of a random target, as many as word vectors have


def by_classes(about: About, features: Array, vectors: WordVectors, asked: tuple[tuple[str, ...], Array]
               ) -> dict[str, Array]:  # fmt: skip
    """Scores of ConSE and of the softmax layer, where the checkpoint has one. asked: labels with their word vectors."""
    labels, targets = asked
    try:
        classes = read_classes(about.path or about.name)
    except CheckpointError:
        return {}
    found = {"ConSE": conse_scores(features, classes, vectors, targets)}
    if (softmax := softmax_scores(features, classes, labels)) is not None:
        found["softmax"] = softmax
    return found


def random_targets(
    options: EvaluateOptions, about: About, names: Mapping[str, Sequence[str]], paths: Sequence[str],
    progress: Progress,
) -> Array:  # fmt: skip
    """Scores of a head that learnt a random vector for each label, from the photos that the model learnt from.

    Frome et al., "DeViSE", 2013, section 4.1: what this reaches is owed to regressing, what is above it to the words.
    names: label -> as it is written in the data; paths: the photos to score.
    """
    rows = unit(np.random.default_rng(options.seed).normal(size=(len(names), NUMBERS)).astype(np.float32))
    spelt = {name: i for i, (label, written) in enumerate(names.items()) for name in (label, *written)}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "random.safetensors"
        write_vectors(file, list(spelt), rows[list(spelt.values())], source="drawn at random")
        made = _trained(options, about, Path(folder), progress, vectors=str(file))
        model = open_encoder(made.path)
        return word_scores(encoded(model, paths, progress.features), rows)


def without_labels(options: EvaluateOptions, about: About, folder: Path, progress: Progress) -> tuple[Path, str]:
    """A model like this one that has not seen some of the labels: its file, and what it is called."""
    made = _trained(options, about, folder, progress, vectors=options.vectors, hold_out=options.hold_out)
    return made.path, f"{about.name}, {counted(len(made.held_out), 'label')} held out"


def _trained(
    options: EvaluateOptions, about: About, folder: Path, progress: Progress, **changes: Any
) -> TrainReport:  # fmt: skip
    """The model's own training once more with changes, where it was on these data; else one by default."""
    own = about.training.get("data") == options.data.name
    same = {name: about.training[name] for name in AS_TRAINED if own and name in about.training}
    asked = TrainOptions(data=options.data, out=str(folder / "rival.safetensors"), reading=options.reading,
                         backbone=str(about.path) if about.path else TrainOptions.backbone)  # fmt: skip
    return train(replace(asked, objectives=("words", "classes"), quantize=False, **(same | changes)), _Quiet(progress))


class _Quiet(Progress):
    """Of a training beside the matter: how far it is, and no more."""

    def __init__(self, progress: Progress) -> None:
        self.features, self.photos = progress.features, progress.photos  # type: ignore[method-assign]
