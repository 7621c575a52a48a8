"""Linear probe and heads of a student on held-out photos of VOC while it learns: class words, and pairs of them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from devise.analysis.metrics import average_precision
from recipes.coco import COCO, OF_VOC
from recipes.multi_teacher import MultiStudent, normalized
from recipes.photo_cache import PackedPhotos

SIZE = 256
BATCH = 16
MIN_PHOTOS = 5  # of a pair
COMMON = 20  # photos of a class, from which one photo more or less does not move its figure by points
STEPS, RATE, DECAY = 100, 0.005, 3.0  # of the logistic regression


class Probe:
    """Mean average precisions on the photos of VOC that no training sees.

    "probe": logistic regression on the pooled features, learnt from the other photos of VOC with their labels;
    "zero-shot": CLIP's text vectors against the clip head; "detected": the detections head.
    """

    def __init__(self, data: Path, photos: PackedPhotos) -> None:
        truth = voc_labels(data)
        self.classes = sorted({label for labels in truth.values() for label in labels})
        rows = [row for row, name in enumerate(photos.names) if name.startswith("voc/")]
        labels = [truth[photos.names[row].removeprefix("voc/")] for row in rows]
        self.truth = np.array([[name in said for name in self.classes] for said in labels])
        self.held_out = photos.held_out[rows]
        self.photos, self.rows = photos, rows
        named = [OF_VOC.get(c, c) for c in self.classes]
        self.columns = [COCO.index(name) for name in named]
        with np.load(data / "clip_text.npz") as text:
            names = text["b16_names"].tolist()
            vectors = text["b16"][: len(names)].astype(np.float32)
        self.text = torch.from_numpy(np.stack([vectors[_place(names, c)] for c in self.classes]))
        self.text = F.normalize(self.text - self.text.mean(0), dim=1)

    @torch.no_grad()
    def __call__(self, student: MultiStudent) -> dict[str, object]:
        features, clip, best = self._answers(student)
        held = self.held_out
        truth = self.truth[held]
        probe = regression(features[~held], torch.from_numpy(self.truth[~held]).float())
        scores = {
            "probe": probe(features[held]).sigmoid(),
            "zero-shot": (F.normalize(clip[held], dim=1) @ self.text.T * 10).sigmoid(),
            "detected": best[held][:, self.columns].sigmoid(),
        }
        return {name: precisions(found.numpy(), truth) for name, found in scores.items()}

    def _answers(self, student: MultiStudent) -> tuple[Tensor, Tensor, Tensor]:
        parts = []
        for start in range(0, len(self.rows), BATCH):
            pixels = np.stack([self.photos.pixels(row, SIZE) for row in self.rows[start : start + BATCH]])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            with torch.autocast("cpu", torch.bfloat16):
                maps = student.maps(normalized(x))
                answers = student.answers(maps)
            parts.append((maps.float().mean((2, 3)), answers.clip, answers.detections))
        features, clip, best = (torch.cat(part) for part in zip(*parts, strict=True))
        return F.normalize(features.sqrt(), dim=1), clip, best


@torch.enable_grad()
def regression(rows: Tensor, truth: Tensor) -> Callable[[Tensor], Tensor]:
    """Logistic regressions, one a column of truth (n, classes), on rows (n, dim): a function from rows to logits."""
    mean, std = rows.mean(0), rows.std(0) + 1e-6
    layer = nn.Linear(rows.shape[1], truth.shape[1])
    nn.init.zeros_(layer.weight)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(layer((rows - mean) / std), truth).backward()
        optimizer.step()

    def scores(x: Tensor) -> Tensor:
        found: Tensor = layer((x - mean) / std)
        return found

    return scores


def precisions(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> list[float]:
    """Mean average precision of classes, of those with COMMON photos, and of pairs by the product.

    scores in 0..1, truth: (photos, classes).
    """
    single = np.array([average_precision(scores[:, c], truth[:, c]) for c in range(truth.shape[1])])
    both = [(scores[:, a] * scores[:, b], truth[:, a] & truth[:, b]) for a, b in combinations(range(truth.shape[1]), 2)]
    pairs = [average_precision(score, right) for score, right in both if right.sum() >= MIN_PHOTOS]
    return [round(float(np.mean(part)), 4) for part in (single, single[truth.sum(0) >= COMMON], pairs)]


def voc_labels(data: Path) -> dict[str, set[str]]:
    with zipfile.ZipFile(data / "voc.zip") as archive:
        rows = csv.DictReader(io.TextIOWrapper(archive.open("labels.csv"), "utf-8"))
        return {row["path"]: set(row["labels"].split("|")) for row in rows}


def _place(names: list[str], voc: str) -> int:
    spellings = (voc, OF_VOC.get(voc, voc))
    return next(names.index(name) for name in spellings if name in names)
