"""What is likely enough to be given as a label, and that nothing is said of pictures of nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from devise.config import TagConfig
from devise.evaluation.scores import Array
from devise.evaluation.subject import Question, Subject
from devise.training.datasets.example import Example
from devise.training.nothing import nothings

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
