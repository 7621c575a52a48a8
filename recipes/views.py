"""What a student with many teachers is shown: whole photos and crops, with what each teacher says of just that view."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipes.augment import coloured
from recipes.coco import COCO, OF_VOC
from recipes.detector import INNER, INSIDE, NUM_CLASSES
from recipes.parts import weights
from recipes.photo_cache import WHOLE, Box, PackedPhotos
from recipes.photo_sources import SHARES

STRIDE = 32  # of the student's map
UNSEEN = 0.25  # how often a photo is looked at that CLIP has not seen yet, beside one that it has
SEEN = 0.5  # detector's score from which a class counts as seen
COMMON, RARE = 0.02, 3.0  # share of the photos from which a class is common; how much oftener rarer ones are drawn
SHARE_WHOLE = 0.5  # of the views
SMALLEST = 0.3  # share of a photo's area in a crop
NEARLY_ALL = 0.75  # share from which what is said of the whole photo is true of the crop too


@dataclass(frozen=True)
class Views:
    """pixels: (n, 3, size, size) in 0..1; has_...: (n,) 1 where that teacher has seen this view, else 0.

    clip: (n, 512); places: (n, 80, size/32, size/32), detections: (n, 80), both in 0..1; classes: (n, 1000) sum 1.
    parts: (n, k, size/32, size/32), shares of the positions in a part's mean, zeros where it is not in the view;
    clip_of_parts: (n, k, 512).
    """

    pixels: Tensor
    clip: Tensor
    has_clip: Tensor
    places: Tensor
    detections: Tensor
    classes: Tensor
    has_classes: Tensor
    parts: Tensor
    clip_of_parts: Tensor


class Lessons:
    """The packed photos, what teachers say of them (by the keys of their caches), and how often each is looked at."""

    def __init__(self, folder: Path, teachers: Sequence[str] = ("detector", "clip", "parts", "classes")) -> None:
        self.photos = PackedPhotos(folder)
        outputs = [self.photos.outputs(name) for name in teachers]
        self.outputs = {key: rows for teacher in outputs for key, rows in teacher.items()}
        # what all photos, or all parts, have in common says nothing of one
        free = np.flatnonzero(~self.photos.held_out)[:20_000]
        self.clip_mean = np.nanmean(self.outputs["embeddings"][free].astype(np.float32), 0)
        self.part_mean = np.nanmean(self.outputs["part_embeddings"][free].astype(np.float32), (0, 1))
        has_clip = np.isfinite(self.outputs["embeddings"][:, 0])
        often = draw_weights(self.photos.names, self.photos.held_out) * np.where(has_clip, 1, UNSEEN)
        self.weights = torch.from_numpy(often * rarity(self.outputs["scores"] > SEEN, often))

    def take_labels(self, said: Mapping[str, Collection[str]]) -> None:
        """said: VOC's classes that each of its photos shows, by file name; people know them better than the detector.

        Those of held-out photos are not looked at.
        """
        columns = {name: COCO.index(OF_VOC.get(name, name)) for name in sorted(set().union(*said.values()))}
        for row in np.flatnonzero(~self.photos.held_out):
            source, _, name = self.photos.names[row].partition("/")
            if source == "voc":
                truth = [label in said[name] for label in columns]
                self.outputs["scores"][row, list(columns.values())] = truth

    def views(self, count: int, size: int, rng: np.random.Generator) -> Views:
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        rows = torch.multinomial(self.weights, count, generator=draw).numpy()
        boxes = [random_box(rng) for _ in rows]
        flips = rng.random(count) < 0.5
        pixels = np.stack([mirrored(self.photos.pixels(row, size, box), flip)
                           for row, box, flip in zip(rows, boxes, flips, strict=True)])  # fmt: skip
        inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
        detected = [self.detected(row, box, size // STRIDE) for row, box in zip(rows, boxes, strict=True)]
        places = [found[..., ::-1] if flip else found for (found, _), flip in zip(detected, flips, strict=True)]
        shares = [self.parts(row, box, size // STRIDE) for row, box in zip(rows, boxes, strict=True)]
        parts = np.stack([share[..., ::-1] if flip else share for share, flip in zip(shares, flips, strict=True)])
        is_whole = np.array([(box[2] - box[0]) * (box[3] - box[1]) >= NEARLY_ALL for box in boxes])
        clip = self.outputs["embeddings"][rows].astype(np.float32)
        classes = self.outputs["logits"][rows].astype(np.float32)
        return Views(
            coloured(inputs, draw, strength=0.5),
            torch.from_numpy(np.nan_to_num(clip - self.clip_mean)),
            torch.from_numpy(is_whole & np.isfinite(clip[:, 0])).float(),
            torch.from_numpy(np.stack(places)),
            torch.from_numpy(np.stack([best for _, best in detected])),
            torch.from_numpy(np.nan_to_num(classes)).softmax(1),
            torch.from_numpy(is_whole & np.isfinite(classes[:, 0])).float(),
            torch.from_numpy(parts),
            torch.from_numpy(np.nan_to_num(self.outputs["part_embeddings"][rows].astype(np.float32) - self.part_mean)),
        )

    def parts(self, row: int, box: Box, side: int) -> NDArray[np.float32]:
        """(k, side, side): where in a part of a photo those parts are that CLIP was asked about; zeros: not in it."""
        has = np.isfinite(self.outputs["part_embeddings"][row, :, :1, None])
        shares: NDArray[np.float32] = weights(self.outputs["part_boxes"][row].astype(np.float32) / 255, box, side) * has
        return shares

    def part_of(self, row: int, side: int) -> NDArray[np.int8]:
        """(side, side): the smallest of those parts that each position's centre is well inside; -1: none."""
        boxes = self.outputs["part_boxes"][row].astype(np.float32) / 255
        has = np.isfinite(self.outputs["part_embeddings"][row, :, 0])
        centre, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * INNER
        middles = (np.arange(side) + 0.5) / side
        across, down = (np.abs(middles - centre[:, axis, None]) <= reach[:, axis, None] for axis in (0, 1))
        found = np.full((side, side), -1, np.int8)
        for part in np.argsort(-reach.prod(1)):
            if has[part]:
                found[np.ix_(down[part], across[part])] = part
        return found

    def detected(self, row: int, box: Box, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The detector's scores of a part of a photo: (80, side, side) at each place, (80,) of all of it."""
        count = int((self.outputs["strengths"][row] > 0).sum())
        boxes, strengths = (self.outputs[key][row, :count].astype(np.float32) / 255 for key in ("boxes", "strengths"))
        places, best = on_grid(boxes, self.outputs["classes"][row, :count].tolist(), strengths, box, side)
        return places, self.outputs["scores"][row].astype(np.float32) if box == WHOLE else best


def draw_weights(names: list[str], held_out: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) how likely each photo is drawn: never where it is held out."""
    sources = np.array([name.split("/")[0] for name in names])
    weights = np.zeros(len(names))
    for source, share in SHARES.items():
        rows = (sources == source) & ~held_out
        weights[rows] = share / max(1, rows.sum())
    return weights


def rarity(seen: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) how much oftener a photo is drawn for the rarest thing that the detector sees in it, 1 to RARE times.

    seen: (n, 80); weights: (n,) how often each is drawn without that.
    """
    shares = weights @ seen / weights.sum()
    oftener = np.sqrt(COMMON / shares.clip(1e-6)).clip(1, RARE)
    factors: NDArray[np.float64] = np.where(seen, oftener, 1.0).max(1)
    return factors


def random_box(rng: np.random.Generator) -> Box:
    """All of the photo, or a part of random area, aspect and place."""
    if rng.random() < SHARE_WHOLE:
        return WHOLE
    area, ratio = rng.uniform(SMALLEST, 1), math.exp(rng.uniform(-0.3, 0.3))
    w, h = min(1, math.sqrt(area * ratio)), min(1, math.sqrt(area / ratio))
    x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
    return (x, y, x + w, y + h)


def mirrored(rows: NDArray[Any], flip: bool) -> NDArray[Any]:
    """(h, w, ...), left and right exchanged"""
    return rows[:, ::-1] if flip else rows


def on_grid(
    boxes: NDArray[np.float32], kinds: Sequence[int], strengths: NDArray[np.float32], crop: Box, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What boxes (n, 4) say of each place of a crop, (80, side, side), and of the crop, (80,): best scores.

    A place belongs to a box if its centre lies in the inner part of it; the place in the middle of a box always does.
    """
    places, best = np.zeros((NUM_CLASSES, side, side), np.float32), np.zeros(NUM_CLASSES, np.float32)
    origin, sides = np.array(crop[:2]), np.array(crop[2:]) - crop[:2]
    low, high = (boxes[:, :2] - origin) / sides, (boxes[:, 2:] - origin) / sides
    areas = (high - low).prod(1).clip(1e-6)
    inside = (high.clip(0, 1) - low.clip(0, 1)).prod(1) / areas >= INSIDE
    centre, reach = (low + high) / 2, (high - low) / 2 * INNER
    first = np.ceil((centre - reach) * side - 0.5).astype(int)
    last = np.floor((centre + reach) * side - 0.5).astype(int)
    middle = np.floor(centre * side).astype(int)
    first, last = np.minimum(first, middle).clip(0, side), np.maximum(last, middle).clip(-1, side - 1)
    for i, kind in enumerate(kinds):
        part = places[kind, first[i, 1] : last[i, 1] + 1, first[i, 0] : last[i, 0] + 1]
        np.maximum(part, strengths[i], out=part)
        if inside[i]:
            best[kind] = max(best[kind], strengths[i])
    return places, best
