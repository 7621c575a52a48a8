"""Data sets in YOLO's form: data.yaml names the classes and the photos, a text file beside each photo its boxes.

Photos lie in images/train, boxes in labels/train, a line "class x y w h" for each box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devise.errors import TrainingError, counted, listed, needed
from devise.photos import Found, find
from devise.training.datasets.example import Dataset, Example, as_label
from devise.training.datasets.parts import PARTS

FILES = ("data.yaml", "data.yml", "dataset.yaml")


def description(folder: Path) -> Path | None:
    """The YAML file of a folder that is a data set of YOLO's form."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def from_yolo(file: Path) -> Dataset:
    """Raises TrainingError for what is no description of photos and classes."""
    about = _read(file)
    names = _names(file, about.get("names"))
    root = file.parent / str(about.get("path") or "")
    if not root.is_dir():
        root = file.parent  # a path of the machine that it was made on
    examples: list[Example] = []
    bare = 0
    for key, part in PARTS.items():
        for where in _places(about.get(key)):
            for photo in _photos(file, root, where):
                numbers = _boxes(Path(photo))
                bare += not numbers
                examples.append(Example(photo, _labels(file, photo, numbers, names), part))
    if not examples:
        raise TrainingError(f"{file} names no photos; it needs train: with a folder of photos, or a list of them")
    note = f"{counted(bare, 'photo')} without boxes: taken as showing none of the labels"
    return Dataset(examples, (note,) if bare else ())


def _read(file: Path) -> Mapping[str, Any]:
    needed("a data set of YOLO's form", "yaml")
    import yaml

    try:
        about = yaml.safe_load(file.read_text("utf-8-sig"))
    except OSError as error:
        raise TrainingError(f"cannot read {file}: {error.strerror}; check its permissions") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise TrainingError(f"{file} is no YAML ({str(error).splitlines()[0]}); mend it") from error
    if not isinstance(about, dict):
        raise TrainingError(f"{file} says nothing of photos; it needs names: and train:")
    return about


def _names(file: Path, names: Any) -> dict[int, str]:
    """Classes by their numbers: a list, or numbers with names."""
    try:
        pairs = names.items() if isinstance(names, dict) else enumerate([*names])
        return {int(number): as_label(str(name)) for number, name in pairs}
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{file} does not name its classes; it needs names: [cat, dog]") from error


def _places(value: Any) -> list[str]:
    return [str(place) for place in value] if isinstance(value, list) else [str(value)] if value else []


def _photos(file: Path, root: Path, where: str) -> Iterator[str]:
    """Of a folder, or of a list of paths, relative to the data set. Roboflow writes ../train for train."""
    here = next((place for place in (root / where, root / where.removeprefix("../")) if place.exists()), None)
    if here is None:
        raise TrainingError(f"{file}: no folder or list {where} below {root}; mend path: or the folders")
    if here.is_dir():
        yield from (found.path for found in find([here]) if isinstance(found, Found))
        return
    lines = [line.strip() for line in here.read_text("utf-8-sig").splitlines() if line.strip()]
    paths = [root / line for line in lines]
    if missing := [line for line, path in zip(lines, paths, strict=True) if not path.is_file()]:
        raise TrainingError(f"{here}: {counted(len(missing), 'photo')} do not exist: {listed(missing)}; "
                            f"paths are relative to {root}")  # fmt: skip
    yield from map(str, paths)


def _boxes(photo: Path) -> dict[str, None]:
    """The numbers of classes in the file beside a photo, or in labels/ where the photo is in images/."""
    parts = photo.with_suffix(".txt").parts
    at = max((i for i, part in enumerate(parts[:-1]) if part == "images"), default=None)
    far = photo.with_suffix(".txt") if at is None else Path(*parts[:at], "labels", *parts[at + 1 :])
    for file in (far, photo.with_suffix(".txt")):
        if file.is_file():
            return dict.fromkeys(
                line.split()[0] for line in file.read_text("utf-8-sig", "replace").splitlines() if line.strip()
            )
    return {}


def _labels(file: Path, photo: str, numbers: Mapping[str, None], names: Mapping[int, str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(names[int(float(number))] for number in numbers))
    except (KeyError, ValueError) as error:
        raise TrainingError(f"{photo} has boxes of class {error.args[0]}, {file} names {len(names)} classes; "
                            "mend one of the two") from error  # fmt: skip
