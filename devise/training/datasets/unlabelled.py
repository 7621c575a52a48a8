"""Photos without labels: all of a folder, whatever its folders are called, or those that a file of labels names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from devise.errors import FolderError
from devise.photos import Trouble, find
from devise.training.datasets.example import Dataset, Example, LeftOut, Reading
from devise.training.datasets.read import read


def unlabelled(data: Path, reading: Reading) -> Dataset:
    """Raises FolderError or TrainingError when there is nothing to learn from."""
    if not os.path.isdir(data):
        found = read(data, reading)
        return replace(found, examples=[Example(each.path, (), each.part) for each in found.examples])
    try:
        os.scandir(data).close()
    except OSError as error:
        raise FolderError(f"cannot read folder {data}: {error.strerror}; check its permissions") from error
    examples, left_out = [], []
    for each in find([data]):
        if isinstance(each, Trouble):
            left_out.append(LeftOut(each.path, each.reason))
        else:
            examples.append(Example(each.path, ()))
    if not examples:
        raise FolderError(f"{data} has no photos; give a folder of some")
    return Dataset(examples, (), tuple(left_out))
