"""The training photos of the shipped model, decoded once into memory-mapped arrays.

Every photo is squashed to a square, because that is how the shipped model looks at photos: small ones
(Tiny-ImageNet) to 64 x 64, all others to 256 x 256.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FULL_SIZE_SETS = ("voc", "flickr8k", "caltech101", "scenes", "fashion")


def is_held_out(name: str) -> bool:
    """A quarter of the photos, chosen by name, that no training of ours ever sees.

    >>> is_held_out("images/2007_000063.jpg")
    False
    """
    return hashlib.sha256(name.encode()).digest()[0] < 64


@dataclass(frozen=True)
class Photos:
    """pixels: (n, size, size, 3) uint8; classes: (n,) ImageNet class number or -1; names: where each came from."""

    pixels: NDArray[np.uint8]
    classes: NDArray[np.int64]
    names: list[str]


def tiny_imagenet(data: Path, cache: Path, part: str, class_numbers: dict[str, int]) -> Photos:
    with zipfile.ZipFile(data / "tiny-imagenet.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.startswith(f"{part}/") and n.endswith(".webp"))
        pixels = _decoded(archive, names, 64, cache / f"tiny-{part}.npy")
    classes = np.array([class_numbers.get(name.split("/")[1], -1) for name in names])
    return Photos(pixels, classes, names)


def full_size(data: Path, cache: Path) -> Photos:
    """VOC, Flickr8k, Caltech-101, scenes and fashion photos, less the held-out quarter of VOC."""
    parts, names = [], []
    for name in FULL_SIZE_SETS:
        with zipfile.ZipFile(data / f"{name}.zip") as archive:
            members = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
            members = [n for n in members if name != "voc" or not is_held_out(n)]
            parts.append(_decoded(archive, members, 256, cache / f"{name}.npy"))
            names += [f"{name}/{n}" for n in members]
    return Photos(np.concatenate(parts), np.full(len(names), -1), names)


def held_out(data: Path, cache: Path) -> Photos:
    """The held-out quarter of VOC."""
    with zipfile.ZipFile(data / "voc.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg") and is_held_out(n))
        pixels = _decoded(archive, names, 256, cache / "voc-held.npy")
    return Photos(pixels, np.full(len(names), -1), [f"voc/{n}" for n in names])


def tiny_class_numbers(data: Path, categories: list[str]) -> dict[str, int]:
    """Folder of Tiny-ImageNet -> number of its ImageNet class, where a name identifies one class."""
    numbers: dict[str, int] = {}
    with zipfile.ZipFile(data / "tiny-imagenet.zip") as archive:
        rows = csv.DictReader(io.TextIOWrapper(archive.open("classes.csv"), "utf-8"))
        for row in rows:
            names = [name.strip() for name in row["names"].split(",")]
            found = [categories.index(name) for name in names if categories.count(name) == 1]
            if found:
                numbers[row["folder"]] = found[0]
    return numbers


def _decoded(archive: zipfile.ZipFile, names: list[str], size: int, cached: Path) -> NDArray[np.uint8]:
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(".tmp.npy")
        np.save(temporary, np.stack(list(_squashed(archive, names, size))))
        temporary.replace(cached)
    pixels: NDArray[np.uint8] = np.load(cached, mmap_mode="r")
    return pixels


def _squashed(archive: zipfile.ZipFile, names: list[str], size: int) -> Iterator[NDArray[np.uint8]]:
    for name in names:
        picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
        yield np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
