"""The names that people give to the parts of a data set."""

from __future__ import annotations

from devise.errors import TrainingError

PARTS = {
    "train": "train", "training": "train", "trainset": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation", "eval": "validation",
    "test": "test", "testing": "test", "testset": "test",
}  # fmt: skip


def part_of(name: str, where: str) -> str:
    """The part that a name means, "" for no name. Raises TrainingError for any other; where: what has it, for people.

    >>> part_of("Dev", "a.csv")
    'validation'
    """
    name = name.strip()
    if name and name.lower() not in PARTS:
        raise TrainingError(f'{where}: "{name}" is no split; write train, validation (val, valid, dev) or test')
    return PARTS.get(name.lower(), "")
