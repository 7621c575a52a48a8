"""What a training run is going to learn from: labels, photos, word vectors, and what is left out; told beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from devise.training.datasets.example import Example, LeftOut

MANY = 10  # labels from which on a right one among five says something


@dataclass(frozen=True)
class LabelRow:
    """One label: its photos by part, the names that it was written as, and what its word vector is of.

    vector: the entry of the word vectors, or several of which the mean is taken ("barn + owl").
    """

    label: str
    training: int
    validation: int
    test: int
    names: tuple[str, ...]
    vector: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """nothing: photos of no label, by part. is_multilabel: whether a photo has several labels. vectors: their name.

    notes: what was understood other than as it is written. left_out: what nothing is learnt from, and why.
    """

    labels: tuple[LabelRow, ...]
    training: int
    validation: int
    test: int
    nothing: int
    is_multilabel: bool
    vectors: str
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def is_telling(self, figure: str) -> bool:
        """Whether it says something of such labels: of six, a right one is among any five most times."""
        is_few = len(self.labels) < MANY or self.is_multilabel
        return figure not in {"hit@10", *(("hit@5",) if is_few else ())}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def overview(
    parts: Mapping[str, Sequence[Example]], vectors: Mapping[str, str], sources: Mapping[str, tuple[str, ...]],
    name: str, remarks: tuple[Sequence[str], Sequence[LeftOut]],
) -> Overview:  # fmt: skip
    """parts: examples of "train", "validation", "test"; vectors: label -> what its vector is of; name: of those.
    remarks: notes, and what is left out.

    A label that no photo is learnt from, but some are judged by, is a note.
    """
    counts = {part: Counter(label for example in examples for label in example.labels)
              for part, examples in parts.items()}  # fmt: skip
    rows = tuple(LabelRow(label, counts["train"][label], counts["validation"][label], counts["test"][label],
                          sources.get(label, (label,)), vectors[label]) for label in vectors)  # fmt: skip
    unlearnt = [row.label for row in rows if not row.training]
    notes = [*remarks[0], *([f"no photo to learn from, only to judge by: {', '.join(unlearnt)}"] if unlearnt else [])]
    every = [example for examples in parts.values() for example in examples]
    return Overview(labels=rows, training=len(parts["train"]), validation=len(parts["validation"]),
                    test=len(parts["test"]), nothing=sum(not example.labels for example in every),
                    is_multilabel=any(len(example.labels) > 1 for example in every),
                    vectors=name, notes=tuple(notes), left_out=tuple(remarks[1]))  # fmt: skip
