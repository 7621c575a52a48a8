"""Labelled photos, from class folders or a CSV, and what they say of each label."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from devise.errors import FolderError, TrainingError, listed
from devise.photos import Found, find
from devise.words import WordVectors

SEPARATOR = "|"  # between the labels of one photo in a CSV
NOTHING = "-"  # in place of labels: none of them is true, whoever uses them
PATH_COLUMNS = ("path", "file", "filename", "image")
LABEL_COLUMNS = ("labels", "label")


@dataclass(frozen=True)
class Example:
    """A photo and the labels that are true of it; without any, it shows nothing that a label names.

    wrong: labels that are known not to be true of it, whatever its group says.

    part: "train", "validation", or "" to be drawn.
    group: whose vocabulary the labels are from; of labels that only other groups use nothing is known.
    weight: how many times as often as one of weight 1 it is looked at in training.
    """

    path: str
    labels: tuple[str, ...]
    part: str = ""
    group: str = ""
    weight: float = 1.0
    wrong: tuple[str, ...] = ()


def read(data: Path) -> list[Example]:
    """The examples of a folder of class folders, or of a CSV whose paths are relative to it.

    Raises FolderError or TrainingError when there is nothing to learn from.
    """
    if not os.path.exists(data):
        raise FolderError(f"no folder or CSV {data}; check the path")
    if not os.path.isdir(data) and not os.path.isfile(data):  # a pipe or a device
        raise FolderError(f"{data} is neither a folder nor a file of labels; give one folder per label, or a CSV")
    return _from_csv(data) if os.path.isfile(data) else _from_folders(data)


def as_label(name: str) -> str:
    """A folder's name as words.

    >>> as_label("potted_plant")
    'potted plant'
    """
    return " ".join(name.replace("_", " ").split())


def _from_folders(folder: Path) -> list[Example]:
    try:
        classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise FolderError(f"cannot read folder {folder}: {error.strerror}; check its permissions") from error
    if not classes:
        raise FolderError(f"{folder} has no class folders; put photos into one folder per label, or give a CSV")
    photos = {path.name: [f.path for f in find([path]) if isinstance(f, Found)] for path in classes}
    empty = [name for name, paths in photos.items() if not paths]
    if empty:
        raise FolderError(f"class folders without photos in {folder}: {listed(empty)}; add photos or remove them")
    return [Example(path, (as_label(name),)) for name, paths in photos.items() for path in paths]


def _from_csv(file: Path) -> list[Example]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            columns = reader.fieldnames or []
            path_column = next((c for c in PATH_COLUMNS if c in columns), None)
            label_column = next((c for c in LABEL_COLUMNS if c in columns), None)
            if path_column is None or label_column is None:
                raise TrainingError(
                    f"{file} has the columns {', '.join(columns) or 'none'}; its first line needs path and labels"
                )
            rows = [(row[path_column], row[label_column] or "", row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(
            f"{file} is no CSV in UTF-8 ({error}); save it as CSV with columns path and labels"
        ) from error
    except OSError as error:
        raise TrainingError(f"cannot read {file}: {error.strerror}; check its permissions") from error
    examples = [_example(file, path, labels, row) for path, labels, row in rows if path]
    if not examples:
        raise TrainingError(f"{file} names no photos; it needs a line of path and labels for each photo")
    bare = [path for path, labels, _ in rows if path and not labels.strip(f" {SEPARATOR}")]
    if bare:
        raise TrainingError(
            f"{file}: photos without labels: {listed(bare)}; label them, take them out, "
            f"or write {NOTHING} where a photo shows nothing that a label names"
        )
    missing = [example.path for example in examples if not os.path.isfile(example.path)]
    if missing:
        raise TrainingError(
            f"{file}: {len(missing)} photos do not exist: {listed(missing)}; paths are relative to the CSV"
        )
    return examples


def _example(file: Path, path: str, labels: str, row: Mapping[str, str | None]) -> Example:
    names = dict.fromkeys(as_label(label) for label in labels.split(SEPARATOR) if label.strip() not in ("", NOTHING))
    part = (row.get("split") or "").lower()
    part = {"val": "validation", "valid": "validation"}.get(part, part)
    try:
        weight = float(row.get("weight") or 1)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise TrainingError(f'{file}: the weight "{row["weight"]}" of {path} is no number above 0; leave it out for 1')
    return Example(str(file.parent / path), tuple(names), part, row.get("group") or "", weight)


def check_labels(examples: Iterable[Example], vectors: WordVectors) -> tuple[str, ...]:
    """All labels, sorted. Raises TrainingError naming every label without a word vector, with near spellings."""
    labels = sorted({label for example in examples for label in example.labels})
    unknown: list[str] = []
    for label in labels:
        missing = [word for word in label.split() if word not in vectors] if label not in vectors else []
        for word in missing:
            hints = vectors.hints(word, 3)
            where = f' in "{label}"' if word != label else ""
            unknown.append(f'"{word}"{where}' + (f" (did you mean {', '.join(hints)}?)" if hints else ""))
    if unknown:
        raise TrainingError(
            f"no word vector in {vectors.name} for labels: {listed(unknown)}; "
            "rename them or use other vectors with --vectors"
        )
    return tuple(labels)


def truth(examples: Sequence[Example], labels: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(photos, labels) each: whether a label is true of a photo, and whether anybody said so."""
    column = {label: i for i, label in enumerate(labels)}
    groups = {example.group: torch.zeros(len(labels)) for example in examples}
    true = torch.zeros(len(examples), len(labels))
    for row, example in enumerate(examples):
        columns = [column[label] for label in example.labels]
        true[row, columns] = 1
        groups[example.group][columns] = 1
    every = torch.ones(len(labels))  # of a photo of nothing it is known that no label is true
    known = torch.stack([groups[example.group] if example.labels or example.wrong else every for example in examples])
    for row, example in enumerate(examples):
        known[row, [column[label] for label in example.wrong if label in column]] = 1
    return true, known
