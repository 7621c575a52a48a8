"""Which photos are trained on, and which only judge what was learnt."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from devise.errors import TrainingError, listed
from devise.training.datasets.example import NOTHING, Example, as_label


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


def chosen_labels(wanted: Sequence[str], labels: Sequence[str], seed: int) -> tuple[str, ...]:
    """The labels that are named, in any case, or as many as a number says, drawn with `seed`; sorted.

    Raises TrainingError for a name that no label has, and where fewer than two labels would be left.
    """
    if len(wanted) == 1 and wanted[0].isdecimal() and wanted[0] not in labels:
        chosen = random.Random(seed).sample(list(labels), min(int(wanted[0]), len(labels)))
    else:
        by_key = {label.casefold(): label for label in labels}
        asked = {as_label(name): by_key.get(as_label(name).casefold()) for name in wanted}
        if unknown := [name for name, label in asked.items() if label is None]:
            raise TrainingError(f"no label {listed(unknown)} to hold out; there are {listed(labels)}")
        chosen = [label for label in asked.values() if label is not None]
    if chosen and len(labels) - len(chosen) < 2:
        raise TrainingError(
            f"{len(chosen)} of {len(labels)} labels held out: at least two are to be learnt; hold out fewer"
        )
    return tuple(sorted(chosen))


def without(labels: Sequence[str], examples: Sequence[Example]) -> list[Example]:
    """The examples that have none of the labels."""
    return [example for example in examples if not set(example.labels) & set(labels)]
