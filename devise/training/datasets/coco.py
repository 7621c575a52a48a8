"""Annotation files in COCO's form: the categories of a photo's boxes are its labels.

Lin et al., "Microsoft COCO: common objects in context", 2014. A photo without boxes shows none of the categories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devise.errors import TrainingError, counted
from devise.training.datasets.example import Dataset, Example, as_label
from devise.training.datasets.parts import PARTS
from devise.training.datasets.paths import Paths

ROBOFLOW = "_annotations.coco.json"  # beside the photos, in a folder for each split


def annotation_files(folder: Path) -> dict[Path, str]:
    """The annotation files of a data set and their parts, by COCO's or Roboflow's names; none where there are none."""
    found = {inner / ROBOFLOW: PARTS[inner.name.lower()] for inner in sorted(folder.iterdir())
             if inner.name.lower() in PARTS and (inner / ROBOFLOW).is_file()}  # fmt: skip
    if (folder / ROBOFLOW).is_file():
        found[folder / ROBOFLOW] = ""
    for file in sorted((folder / "annotations").glob("instances_*.json")):
        found[file] = _part(file)
    return found


def _part(file: Path) -> str:
    """instances_val2017.json is of the validation photos."""
    name = file.stem.removeprefix("instances_").rstrip("0123456789").lower()
    return PARTS.get(name, "")


def from_coco(files: Mapping[Path, str]) -> Dataset:
    """files: annotation files with the part that each is. Raises TrainingError for what is no COCO file."""
    notes: list[str] = []
    examples = [example for file, part in files.items() for example in _examples(file, part, notes)]
    if not examples:
        raise TrainingError(f"{', '.join(map(str, files))} name no photos; give an annotation file with images")
    return Dataset(examples, tuple(notes))


def _examples(file: Path, part: str, notes: list[str]) -> list[Example]:
    data = _read(file)
    try:
        names = {category["id"]: as_label(str(category["name"])) for category in data["categories"]}
        labels: dict[Any, dict[str, None]] = {image["id"]: {} for image in data["images"]}
        for box in data.get("annotations", ()):
            labels[box["image_id"]][names[box["category_id"]]] = None
        written = {image["id"]: str(image["file_name"]) for image in data["images"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{file} is no annotation file of COCO's form ({type(error).__name__}: {error}); "
                            "it needs images, annotations and categories that fit each other") from error  # fmt: skip
    paths = Paths(file, notes, _roots(file))
    examples = [Example(paths.find(written[key]), tuple(found), part) for key, found in labels.items()]
    paths.check([example.path for example in examples])
    bare = sum(not example.labels for example in examples)
    if bare:
        notes.append(f"{file.name}: {counted(bare, 'photo')} without annotations: taken as showing none of the labels")
    return examples


def _read(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_bytes())
    except OSError as error:
        raise TrainingError(f"cannot read {file}: {error.strerror}; check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{file} is no JSON ({error}); give an annotation file of COCO's form") from error
    if not isinstance(data, dict):
        raise TrainingError(f"{file} is no annotation file of COCO's form; it needs images, annotations, categories")
    return data


def _roots(file: Path) -> Sequence[Path]:
    """Where the photos may lie: COCO has annotations/instances_val2017.json and val2017/, others images/."""
    split = file.stem.removeprefix("instances_")
    above = file.parent.parent
    return [file.parent / "images", above, above / "images", above / split, above / "images" / split]
