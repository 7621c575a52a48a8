"""Which form a data set has: class folders, a CSV, COCO's annotations or YOLO's; each has a file of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from devise.errors import FolderError, TrainingError
from devise.training.datasets.coco import annotation_files, from_coco
from devise.training.datasets.example import Dataset, Reading
from devise.training.datasets.folders import from_folders
from devise.training.datasets.pairs import from_pairs, is_pairs
from devise.training.datasets.table import from_csv
from devise.training.datasets.yolo import description, from_yolo


def read(data: Path, reading: Reading = Reading()) -> Dataset:
    """The labelled photos of a folder of class folders, a CSV, an annotation file, or a folder with one of those.

    Raises FolderError or TrainingError when there is nothing to learn from.
    """
    if not os.path.exists(data):
        raise FolderError(f"no folder or CSV {data}; check the path")
    if not os.path.isdir(data) and not os.path.isfile(data):  # a pipe or a device
        raise FolderError(f"{data} is neither a folder nor a file of labels; give one folder per label, or a CSV")
    if reading.has_attributes and (os.path.isdir(data) or data.suffix.lower() in (".json", ".yaml", ".yml")):
        raise TrainingError(f"{data} names no attributes; give a CSV with a column for each, such as path,type,colour")
    if os.path.isfile(data) and is_pairs(data):
        return from_pairs(data)
    if os.path.isfile(data):
        suffix = data.suffix.lower()
        return (from_coco({data: ""}) if suffix == ".json" else from_yolo(data) if suffix in (".yaml", ".yml")
                else from_csv(data, reading))  # fmt: skip
    try:
        described, annotated = description(data), annotation_files(data)
    except OSError as error:
        raise FolderError(f"cannot read folder {data}: {error.strerror}; check its permissions") from error
    if described or annotated:
        found = from_yolo(described) if described else from_coco(annotated)
        by = described.name if described else ", ".join(file.name for file in annotated)
        return replace(found, notes=(f"labels are taken from {by}, not from folders", *found.notes))
    return from_folders(data, reading)
