"""What else is asked of a model: that it says no to nothing, what its specialists mend, what marked cases became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.config import TagConfig
from devise.descriptors.network.format import read, widened
from devise.evaluation.scores import Array
from devise.evaluation.subject import Question, Subject, Telling
from devise.training.classifier import SPECIALIST
from devise.training.datasets.example import Example
from devise.training.feedback import judged
from devise.training.nothing import nothings
from devise.words import WordVectors

SURE = TagConfig().sure  # from which probability on `devise tag` gives a word


def probabilities(subject: Subject, scores: Array) -> Array | None:
    """Of labels; None where the model does not know them."""
    line = subject.about.calibration
    if line.scale <= 0:
        return None
    found: Array = 1 / (1 + np.exp(-np.clip(line.scale * scores + line.bias, -30, 30)))
    return found


def rejection(
    subject: Subject, examples: Sequence[Example], question: Question, scores: Array, seed: int
) -> dict[str, float]:
    """Share of photos with a label that is likely enough to be given, and of pictures of nothing without any, by kind.

    The pictures are made of the photos that are judged by, which the model has not seen. {} without probabilities.
    """
    kept = probabilities(subject, scores)
    made = nothings(examples, 1.0, seed + 1, "judged")
    if kept is None or not made:
        return {}
    asked = Question([example.path for _, example in made], question.labels, question.targets)
    answers = subject.answers(asked, lambda done, total: None)
    likely = probabilities(subject, answers.scores)
    assert likely is not None
    named = np.array([bool(example.labels) for example in examples])
    found = {"photos given a label": float((kept[named].max(1) >= SURE).mean())} if named.any() else {}
    kinds = np.array([kind for kind, _ in made])[answers.good]
    for kind in sorted(set(kinds)):
        found[f"no label: {kind}"] = float((likely[kinds == kind].max(1) < SURE).mean())
    return found


def specialists(path: Path | None) -> dict[tuple[str, str], Array]:
    """Pairs of labels -> weights (2, width) over features, of a checkpoint that has such layers."""
    if path is None:
        return {}
    about, stored = read(path)
    arrays = widened({key: array for key, array in stored.items() if key.startswith(SPECIALIST)})
    heads: Mapping[str, Mapping[str, list[str]]] = about["heads"]
    found = {}
    for name in sorted(name for name in heads if name.startswith(SPECIALIST)):
        first, second = heads[name]["labels"]
        found[first, second] = arrays[f"{name}.layer.weight"]
    return found


def with_specialists(pairs: Mapping[tuple[str, str], Array], labels: Sequence[str], scores: Array, features: Array,
                     truth: Array) -> dict[str, float]:  # fmt: skip
    """hit@1 where the layer of a pair decides between its two labels, wherever the best label is one of them.

    scores, truth: (photos, labels); features: (photos, width) rows of length 1. {} where no photo is asked about.
    """
    column = {label: i for i, label in enumerate(labels)}
    best: NDArray[np.intp] = scores.argmax(1)
    named: NDArray[np.bool_] = np.asarray(truth.any(1))
    touched = np.zeros(len(best), bool)
    before = np.take_along_axis(truth, best[:, None], 1)[:, 0] > 0
    for pair, weights in pairs.items():
        if all(label in column for label in pair):
            numbers = np.array([column[label] for label in pair])
            rows = np.isin(best, numbers)
            touched |= rows
            best = np.where(rows, numbers[(features @ weights.T).argmax(1)], best)
    if not (touched & named).any():
        return {}
    after = np.take_along_axis(truth, best[:, None], 1)[:, 0] > 0
    return {"hit@1": float(before[named].mean()), "hit@1 with specialists": float(after[named].mean()),
            "photos asked about": float((touched & named).sum()),
            "of these right before": float(before[touched & named].mean()),
            "of these right": float(after[touched & named].mean())}  # fmt: skip


def marked(subject: Subject, library: Path, vectors: WordVectors, tell: Telling) -> dict[str, float]:
    """What `devise mark` said of photos of a library, and what the model makes of it: of the good answers the share
    that it gives, of the bad ones the share that it still gives. {} without marks or probabilities.
    """
    said = judged(library, vectors)
    labels = tuple(dict.fromkeys(label for example in said for label in (*example.labels, *example.wrong)))
    if not labels:
        return {}
    targets = np.stack([vectors.vector(label) for label in labels])
    answers = subject.answers(Question([example.path for example in said], labels, targets), tell)
    likely = probabilities(subject, answers.scores)
    if likely is None:
        return {}
    seen = [example for example, good in zip(said, answers.good, strict=True) if good]
    column = {label: i for i, label in enumerate(labels)}
    given = {which: [float(likely[row, column[label]] >= SURE) for row, example in enumerate(seen)
                     for label in getattr(example, which)] for which in ("labels", "wrong")}  # fmt: skip
    names = {"labels": ("good answers", "of these given"), "wrong": ("bad answers", "of these still given")}
    return {name: value for which, found in given.items() if found
            for name, value in zip(names[which], (float(len(found)), float(np.mean(found))), strict=True)}  # fmt: skip
