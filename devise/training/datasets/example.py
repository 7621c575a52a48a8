"""What a data set is, whatever files it came in: photos with their labels, what was understood, what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NOTHING = "-"  # in place of labels: none of them is true, whoever uses them
ATTRIBUTE = ": "  # between an attribute and its label: "colour: red"


@dataclass(frozen=True)
class Example:
    """A photo and the labels that are true of it; without any, it shows nothing that a label names.

    wrong: labels that are known not to be true of it, whatever its group says.

    part: "train", "validation", "test", or "" to be drawn.
    group: whose vocabulary the labels are from; of labels that only other groups use nothing is known.
    weight: how many times as often as one of weight 1 it is looked at in training.
    """

    path: str
    labels: tuple[str, ...]
    part: str = ""
    group: str = ""
    weight: float = 1.0
    wrong: tuple[str, ...] = ()


class Pair(NamedTuple):
    """Two photos, and whether they are similar."""

    a: str
    b: str
    is_similar: bool


@dataclass(frozen=True)
class LeftOut:
    """A photo, a folder or a label that nothing is learnt from, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """notes: what was understood other than as it is written, one line each. pairs: in place of labels."""

    examples: list[Example]
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a data set is to be understood, where it does not say so itself.

    path_column, label_columns: of a CSV, where their names are not the usual ones. separator: between the labels of a
    photo in a CSV. aliases: (name, label) pairs, the label "-" for none. min_photos: labels of fewer are left out.
    label_level: which folder below the data names a photo's label, 1 for the first; 0 finds out.
    has_attributes: whether the columns of a CSV are attributes, each with labels of its own ("colour: red"); without
    label_columns all are.
    """

    path_column: str | None = None
    label_columns: tuple[str, ...] = ()
    separator: str | None = None
    aliases: tuple[tuple[str, str], ...] = ()
    min_photos: int = 0
    label_level: int = 0
    has_attributes: bool = False


def as_label(name: str) -> str:
    """A folder's name as words.

    >>> as_label("potted_plant")
    'potted plant'
    """
    return " ".join(name.replace("_", " ").split())
