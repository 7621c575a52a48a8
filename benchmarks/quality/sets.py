"""The labelled photos of the quality tables, and their features, computed once."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import data
from devise import config
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.checkpoint import Checkpoint
from devise.training.features import features_of
from devise.vectors import Vector
from devise.words import WordVectors

SMALL = 128  # side at which Tiny-ImageNet's 64 x 64 photos are looked at: larger ones only blur them


@dataclass(frozen=True)
class Tiny:
    """Tiny-ImageNet: classes (200,) by name and synset; paths and class numbers of its two parts."""

    names: list[str]
    synsets: list[str]
    training: list[str]
    training_classes: NDArray[np.int64]
    validation: list[str]
    validation_classes: NDArray[np.int64]


def tiny(folder: Path | None) -> Tiny:
    """A class is called by the first of its names."""
    place = data.unpacked(folder, "tiny-imagenet")
    with (place / "classes.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["folder"])
    number = {row["folder"]: i for i, row in enumerate(rows)}
    parts = []
    for part in ("train", "val"):
        paths = sorted(path for path in (place / part).glob("*/*.webp"))
        parts.append(([str(path) for path in paths], np.array([number[path.parent.name] for path in paths])))
    names = [row["names"].split(",")[0].strip() for row in rows]
    return Tiny(names, [row["wnid"] for row in rows], *parts[0], *parts[1])


def whole_features(paths: list[str], model: str | None, size: int | None = None) -> NDArray[np.float16]:
    """(n, num_features) of whole photos, squashed to `size` where another than the model's own is asked for."""
    checkpoint = opened(model, size)
    checkpoint.backbone.config = replace(checkpoint.backbone.config, parts=0)
    return _features(paths, checkpoint)[:, 0]


def all_features(paths: list[str], model: str | None) -> NDArray[np.float16]:
    """(n, views, num_features): whole photos and their parts."""
    return _features(paths, opened(model))


def opened(model: str | None, size: int | None = None) -> Checkpoint:
    """The model, looking at photos squashed to `size` where another than its own is asked for."""
    checkpoint = checkpoints.load(model or config.SHIPPED_MODEL)
    made = checkpoint.backbone.config
    preprocessing = replace(made.preprocessing, size=size or made.preprocessing.size)
    checkpoint.backbone.config = replace(made, preprocessing=preprocessing)
    return checkpoint


def targets(names: list[str], vectors: WordVectors) -> Vector:
    return np.stack([vectors.vector(name) for name in names])


def _features(paths: list[str], checkpoint: Checkpoint) -> NDArray[np.float16]:
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        if done % 5_120 < count:
            print(f"features {done:,}/{len(paths):,}", flush=True)

    features, good, _ = features_of(paths, checkpoint, progress=told)
    assert good.all(), "the data sets hold no damaged photos"
    return features
