"""What a table says of photos, a column at a time: for maps and other pictures that are coloured by it."""

from __future__ import annotations

import os
from pathlib import Path

from devise.training.datasets.example import ATTRIBUTE, Reading
from devise.training.datasets.table import from_csv


def columns(file: Path) -> dict[str, dict[str, str]]:
    """Column -> absolute path -> label, of every column but that of paths; of several labels in a cell the first.

    Raises TrainingError where the table cannot be read or names no photos.
    """
    found: dict[str, dict[str, str]] = {}
    for example in from_csv(file, Reading(has_attributes=True)).examples:
        for label in example.labels:
            column, _, name = label.partition(ATTRIBUTE)
            found.setdefault(column, {}).setdefault(os.path.abspath(example.path), name)
    return found
