"""Examples of the rows of a table: which column is which, several labels a photo, parts, groups and weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from devise.errors import TrainingError, counted, listed
from devise.photos import is_photo
from devise.training.datasets.example import ATTRIBUTE, NOTHING, Dataset, Example, Reading, as_label
from devise.training.datasets.parts import part_of
from devise.training.datasets.paths import Paths
from devise.training.datasets.spreadsheet import read_sheet

SEPARATOR = "|"  # between the labels of one photo
PATH_COLUMNS = ("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path", "img",
                "img_path", "image_name", "photo", "image_id", "url")  # fmt: skip
LABEL_COLUMNS = ("labels", "label", "class", "classes", "class_name", "category", "categories", "tags", "tag", "target")


@dataclass(frozen=True)
class _Columns:
    """Numbers of the columns. shown: names of all, as written; flags: columns that are labels, with 1 where true."""

    shown: tuple[str, ...]
    path: int
    labels: tuple[int, ...]
    others: dict[str, int] = field(default_factory=dict)
    flags: tuple[int, ...] = ()


def from_csv(file: Path, reading: Reading) -> Dataset:
    """Paths are relative to the file. Raises TrainingError when there is nothing to learn from."""
    sheet = read_sheet(file)
    notes = list(sheet.notes)
    columns, rows = _columns(file, sheet.rows, reading, notes)
    rows = [row for row in rows if columns.path < len(row) and row[columns.path].strip()]
    if not rows:
        raise TrainingError(f"{file} names no photos; it needs a line of path and labels for each photo")
    paths = Paths(file, notes)
    examples, bare = [], []
    for row in rows:
        example, is_bare = _example(file, row, columns, reading, paths)
        examples.append(example)
        bare += [row[columns.path].strip()] if is_bare else []
    if bare:
        raise TrainingError(
            f"{file}: photos without labels: {listed(bare)}; label them, take them out, "
            f"or write {NOTHING} where a photo shows nothing that a label names"
        )
    paths.check([example.path for example in examples])
    _tell_extra(file, rows, columns, notes)
    if not reading.separator:
        _refuse_joined(file, examples)
    return Dataset(_once(file, examples, notes), tuple(notes))


def _columns(file: Path, rows: list[list[str]], reading: Reading, notes: list[str]) -> tuple[_Columns, list[list[str]]]:
    header = [cell.strip() for cell in rows[0]] if rows else []
    names = {name.lower(): number for number, name in reversed([*enumerate(header)])}
    path = _named(file, names, reading.path_column) if reading.path_column else _first(names, PATH_COLUMNS)
    labels = tuple(_named(file, names, name) for name in reading.label_columns)
    others: dict[str, int] = {name: names[name] for name in ("split", "group", "weight") if name in names}
    if not labels and reading.has_attributes:
        labels = tuple(n for n, name in enumerate(header) if name and n != path and n not in others.values())
    if not labels and (label := _first(names, LABEL_COLUMNS)) is not None:
        labels = (label,)
    if path is None and not labels and len(header) >= 2 and is_photo(header[0]):  # no header at all
        notes.append("the first line is no header: its columns are taken as path and labels")
        return _Columns(("path", "labels"), 0, (1,)), rows
    flags: tuple[int, ...] = ()
    if path is not None and not labels:
        flags = _flags(rows, path, others)
        if flags:
            notes.append(f"columns of 0 and 1 are labels: {listed(header[number] for number in flags)}")
    if path is None or not (labels or flags):
        raise TrainingError(
            f"{file} has the columns {', '.join(header) or 'none'}; its first line needs path and labels, "
            "or say which they are with --path-column and --label-column"
        )
    return _Columns(tuple(header), path, labels, others, flags), rows[1:]


def _named(file: Path, names: dict[str, int], name: str) -> int:
    if name.strip().lower() not in names:
        raise TrainingError(f"{file} has no column {name}; it has {', '.join(reversed(names)) or 'none'}")
    return names[name.strip().lower()]


def _first(names: dict[str, int], usual: Sequence[str]) -> int | None:
    return next((names[name] for name in usual if name in names), None)


def _flags(rows: list[list[str]], path: int, others: dict[str, int]) -> tuple[int, ...]:
    """Columns with nothing but 0 and 1, two at least."""
    numbers = [n for n in range(len(rows[0])) if n != path and n not in others.values()]
    found = [n for n in numbers if all(len(row) > n and row[n].strip() in ("0", "1") for row in rows[1:])]
    return tuple(found) if len(found) > 1 and len(rows) > 1 else ()


def _example(file: Path, row: list[str], columns: _Columns, reading: Reading, paths: Paths) -> tuple[Example, bool]:
    """The example of a row, and whether it lacks labels without saying that there are none."""
    path = row[columns.path].strip()
    if columns.flags:
        names = {columns.shown[number]: None for number in columns.flags if row[number].strip() == "1"}
        is_bare = False
    else:
        cells = [(columns.shown[number], row[number]) for number in columns.labels if number < len(row)]
        if columns.labels and columns.labels[-1] == len(columns.shown) - 1:  # labels that nobody quoted
            cells += [(columns.shown[-1], cell) for cell in row[len(columns.shown) :]]
        separator = reading.separator or SEPARATOR
        found = [(column, label.strip()) for column, cell in cells for label in cell.split(separator)]
        names = {
            (column + ATTRIBUTE) * reading.has_attributes + as_label(label): None
            for column, label in found
            if label not in ("", NOTHING)
        }
        is_bare = not names and NOTHING not in {label for _, label in found}
    cell = {name: row[number].strip() if number < len(row) else "" for name, number in columns.others.items()}
    part = part_of(cell.get("split", ""), f"{file}, {path}")
    weight = _weight(file, path, cell.get("weight", ""))
    return Example(paths.find(path), tuple(names), part, cell.get("group", ""), weight), is_bare


def _weight(file: Path, path: str, text: str) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise TrainingError(f'{file}: the weight "{text}" of {path} is no number above 0; leave it out for 1')
    return weight


def _tell_extra(file: Path, rows: list[list[str]], columns: _Columns, notes: list[str]) -> None:
    wide = [row for row in rows if any(cell.strip() for cell in row[len(columns.shown) :])]
    if not wide:
        return
    if columns.labels and columns.labels[-1] == len(columns.shown) - 1:
        notes.append(
            f"{counted(len(wide), 'line')} with more cells than columns: the cells after the last are labels too"
        )
    else:
        raise TrainingError(
            f"{file}: {counted(len(wide), 'line')} with more cells than the {len(columns.shown)} columns, first "
            f"{','.join(wide[0])[:80]}; quote cells with commas in them, or let the labels be the last column"
        )


def _refuse_joined(file: Path, examples: Sequence[Example]) -> None:
    """Whether "cat, sofa" is two labels or one name of a thing with another, nobody can know."""
    joined = sorted({label for example in examples for label in example.labels if "," in label or ";" in label})
    if joined:
        mark = ";" if ";" in joined[0] else ","
        raise TrainingError(
            f"{file}: one label or several: {listed(f'{label!r}' for label in joined[:5])}? Say what stands between "
            f"labels with --separator {mark!r}, or --separator '|' if these are names of one thing"
        )


def _once(file: Path, examples: Sequence[Example], notes: list[str]) -> list[Example]:
    """Each photo once, with the labels of all its lines. Raises TrainingError where those are of two splits."""
    found: dict[tuple[str, str], Example] = {}
    parts: dict[str, str] = {}
    torn: list[str] = []
    for example in examples:
        if parts.setdefault(example.path, example.part) != example.part:
            torn.append(os.path.basename(example.path))
        known = found.setdefault((example.path, example.group), example)
        labels = tuple(dict.fromkeys((*known.labels, *example.labels)))
        found[example.path, example.group] = replace(known, labels=labels)
    if torn:
        raise TrainingError(
            f"{file}: photos in two splits: {listed(torn)}; what is learnt from cannot judge, so keep one line"
        )
    if len(found) < len(examples):
        notes.append(f"{counted(len(examples) - len(found), 'line')} of photos that other lines have too: their labels "
                     "are taken together")  # fmt: skip
    return list(found.values())
