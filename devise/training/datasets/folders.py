"""Class folders: split folders above them, groups of them, numbers before their names, and what no photo is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devise.errors import FolderError, listed
from devise.photos import Trouble, find, is_photo
from devise.training.datasets.example import NOTHING, Dataset, Example, LeftOut, Reading, as_label
from devise.training.datasets.parts import PARTS

NO_PHOTOS = ("__pycache__/",)  # of programs, beside what photos.find leaves out anyway
NUMBERED = re.compile(r"^\d+\s*[._)\-\s]\s*(?=.*[^\W\d_])")  # 001.Black_footed_Albatross, "02 - dog"
# Folders that hold the photos of the label above them
HOLDERS = {"images", "image", "imgs", "img", "photos", "photo", "pictures", "jpegimages", "jpg", "png", "raw",
           "original", "originals"}  # fmt: skip
CATCH_ALL = {"other", "others", "unknown", "background", "negative", "negatives", "none", "misc", "nothing"}


@dataclass
class _Folder:
    """A folder with its own photos and the folders in it, in the order of the walk."""

    photos: list[str] = field(default_factory=list)
    inside: dict[str, _Folder] = field(default_factory=dict)

    def every(self) -> Iterator[str]:
        yield from self.photos
        for folder in self.inside.values():
            yield from folder.every()


def from_folders(root: Path, reading: Reading) -> Dataset:
    """One folder a label. Raises FolderError when there is nothing to learn from."""
    tree, left_out = _tree(root)
    left_out += _unseen(root, tree, reading)
    notes: list[str] = []
    tree, splits = _splits(tree, notes, left_out)
    if not any(part.inside for part in splits.values()):
        raise FolderError(f"{root} has no class folders; put photos into one folder per label, or give a CSV")
    for photo in tree.photos:
        left_out.append(LeftOut(photo, "it is in no class folder"))
    labelled = [(part, name, path) for part, folder in splits.items()
                for name, path in _labelled(folder, reading.label_level, left_out, notes)]  # fmt: skip
    names = _without_numbers({name for _, name, _ in labelled}, notes)
    odd = sorted(name for name in set(names.values()) if as_label(name).strip("- ").lower() in CATCH_ALL)
    if odd:
        notes.append(f"{listed(odd)}: taken as labels like any other; if their photos show nothing that a label names, "
                     f'rename the folder to "{NOTHING}", or say --alias {odd[0]}={NOTHING}')  # fmt: skip
    examples = [_example(path, names[name], part) for part, name, path in labelled]
    return Dataset(examples, tuple(dict.fromkeys(notes)), tuple(left_out))


def _example(path: str, name: str, part: str) -> Example:
    label = as_label(name)
    return Example(path, () if label in (NOTHING, "") else (label,), part)


def _tree(root: Path) -> tuple[_Folder, list[LeftOut]]:
    """All photos of the folder, as the rules of indexing find them, and those that cannot be read."""
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise FolderError(f"cannot read folder {root}: {error.strerror}; check its permissions") from error
    tree, left_out, base = _Folder(), [], os.path.abspath(root)
    for found in find([root], exclude=NO_PHOTOS):
        if isinstance(found, Trouble):
            left_out.append(LeftOut(found.path, found.reason))
            continue
        folder = tree
        for name in os.path.relpath(found.path, base).split(os.sep)[:-1]:
            folder = folder.inside.setdefault(name, _Folder())
        folder.photos.append(found.path)
    return tree, left_out


def _unseen(root: Path, tree: _Folder, reading: Reading) -> list[LeftOut]:
    """Folders of the root without a photo: of a system, ignored, or empty. Raises FolderError for empty ones."""
    names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    unseen = [name for name in names if name not in tree.inside]
    ignored = [name for name in unseen if _has_photos(root / name)]
    empty = [name for name in unseen if name not in ignored]
    if empty and not reading.min_photos and not any(name.lower() in PARTS for name in tree.inside):
        raise FolderError(
            f"class folders without photos in {root}: {listed(empty)}; "
            "add photos, remove them, or leave out what has few with --min-photos 2"
        )
    reasons = dict.fromkeys(ignored, "a folder of a program or a system, or ignored by .deviseignore")
    return [LeftOut(name, reasons.get(name, "it has no photos")) for name in unseen]


def _has_photos(folder: Path) -> bool:
    return any(is_photo(name) for _, _, names in os.walk(folder) for name in names)


def _splits(tree: _Folder, notes: list[str], left_out: list[LeftOut]) -> tuple[_Folder, dict[str, _Folder]]:
    """The folder of the data and its parts: "" alone where no folders are named train and val."""
    parts = {name: PARTS[name.lower()] for name, folder in tree.inside.items()
             if name.lower() in PARTS and folder.inside}  # fmt: skip
    if parts and (set(parts) == set(tree.inside) or ("train" in parts.values() and len(set(parts.values())) > 1)):
        for name in tree.inside.keys() - parts.keys():
            left_out.append(LeftOut(name, "it stands beside the folders of splits and is none"))
        found: dict[str, _Folder] = {}
        for name, part in parts.items():
            together = found.setdefault(part, _Folder())
            for inner, folder in tree.inside[name].inside.items():
                known = together.inside.setdefault(inner, _Folder())
                known.photos += folder.photos
                known.inside |= folder.inside
            left_out += [LeftOut(photo, "it is in no class folder") for photo in tree.inside[name].photos]
        shown = ", ".join(f"{name} ({part})" if name != part else name for name, part in parts.items())
        notes.append(f"folders of splits, not labels: {shown}")
        return tree, found
    alone = [*tree.inside.values()]
    if len(alone) == 1 and not tree.photos and {*alone[0].inside} & {*PARTS}:
        return _splits(alone[0], notes, left_out)  # a zip's own folder
    return tree, {"": tree}


def _labelled(
    folder: _Folder, level: int, left_out: list[LeftOut], notes: list[str], depth: int = 1
) -> Iterator[tuple[str, str]]:
    """(name of the label, photo): of the first folder on the way that has photos of its own."""
    for name, inner in folder.inside.items():
        words = [below for below in inner.inside if below.lower() not in HOLDERS and any(map(str.isalpha, below))]
        is_group = not inner.photos and len(words) == len(inner.inside)
        if depth < level or (not level and is_group):
            if not level:
                notes.append(f"{name} has only folders, which are taken as labels: {listed(inner.inside)} "
                             f"(--label-level {depth} makes {name} the label)")  # fmt: skip
            left_out += [LeftOut(photo, f"it is above level {level}") for photo in inner.photos]
            yield from _labelled(inner, level, left_out, notes, depth + 1)
        else:
            yield from ((name, photo) for photo in inner.every())


def _without_numbers(names: Iterable[str], notes: list[str]) -> dict[str, str]:
    """Names as they are, or without the numbers that all of them begin with."""
    names = sorted(names)
    plain = {name: NUMBERED.sub("", name) for name in names}
    if not names or any(plain[name] == name for name in names):
        return {name: name for name in names}
    notes.append(f'numbers before the labels are left out: "{names[0]}" is "{as_label(plain[names[0]])}"')
    return plain
