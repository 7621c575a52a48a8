"""Which photos are trained on, and which only judge what was learnt."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from devise.errors import TrainingError, listed
from devise.training.datasets.example import NOTHING, Example


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Training and validation examples: `share` of each label's photos, at least one, drawn with `seed`.

    Parts that are given are kept; test photos are in neither. Raises TrainingError when a label has one photo only.
    """
    given = {example.part for example in examples}
    examples = [example for example in examples if example.part != "test"]
    if not examples:
        raise TrainingError("all photos are for testing; nothing is left to learn from: mend the splits")
    if "validation" in given or (given != {""} and "test" not in given):
        return [e for e in examples if e.part != "validation"], [e for e in examples if e.part == "validation"]
    if share == 0:
        return list(examples), []
    counts = Counter(label for example in examples for label in example.labels or (NOTHING,))
    single = sorted(label for label, count in counts.items() if count < 2 and label != NOTHING)
    if single:
        raise TrainingError(
            f"labels with one photo: {listed(single)}; at least 2 are needed, one to train on and one to check "
            "(add photos, leave them out with --min-photos 2, or train without checking: --val 0)"
        )
    wanted = {label: max(1, round(count * share)) for label, count in counts.items()}
    validation: set[int] = set()
    left, taken = Counter(counts), Counter[str]()
    for i in random.Random(seed).sample(range(len(examples)), len(examples)):
        labels = examples[i].labels or (NOTHING,)
        # a label's last photo is never taken from training
        if any(taken[label] < wanted[label] for label in labels) and all(left[label] > 1 for label in labels):
            validation.add(i)
            taken.update(labels)
            left.subtract(labels)
    return (
        [e for i, e in enumerate(examples) if i not in validation],
        [examples[i] for i in sorted(validation)],
    )
