"""What became of the cases that `devise mark` called good or bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from devise.evaluation.rejection import SURE, probabilities
from devise.evaluation.subject import Question, Subject, Telling
from devise.training.feedback import judged
from devise.words import WordVectors


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
