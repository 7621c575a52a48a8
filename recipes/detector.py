"""A COCO detector as a teacher: boxes with classes and scores, and what they say of every place of a crop.

YOLOX nano (Ge et al., "YOLOX: exceeding YOLO series in 2021"; Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from openvino import Core
from PIL import Image

INPUT = 416  # pixels a side, the photo in the upper left corner
GREY = 114  # around it
STRIDES = (8, 16, 32)
NUM_CLASSES = 80
MOST = 64  # boxes a photo
FAINTEST = 0.01
OVERLAP = 0.65  # of two boxes of a class, above which the fainter one goes (as YOLOX is evaluated)
INNER = 0.7  # share of a box's sides that is surely the thing, not what is around it
INSIDE = 0.5  # share of a box's area that a crop must hold to show the thing

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """scores: (n, 80) float16, the best box of each class; boxes: (n, MOST, 4) uint8, left, top, right, bottom in
    255ths of the photo's sides; classes: (n, MOST) uint8; strengths: (n, MOST) uint8, scores in 255ths, 0: no box.
    """

    scores: NDArray[np.float16]
    boxes: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    strengths: NDArray[np.uint8]


@dataclass(frozen=True)
class Prepared:
    """What the detector sees: (3, INPUT, INPUT) BGR, and the sides of the photo in it."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


class Detector:
    """Photos in, detections out.

    >>> Detector(Path("teacher_yolox_nano.onnx"))([Detector.prepared(picture)]).scores.shape
    (1, 80)
    """

    def __init__(self, file: Path, threads: int = 1) -> None:
        settings = {"INFERENCE_NUM_THREADS": str(threads), "INFERENCE_PRECISION_HINT": "f32"}
        self._model = Core().compile_model(str(file), "CPU", settings)
        self._grid, self._stride = _grids()

    @staticmethod
    def prepared(picture: Image.Image) -> Prepared:
        scale = INPUT / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        pixels = np.full((INPUT, INPUT, 3), GREY, np.uint8)
        pixels[:height, :width] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
        return Prepared(pixels[..., ::-1].transpose(2, 0, 1), width, height)

    def __call__(self, photos: Sequence[Prepared]) -> Detections:
        found = [self._detected(photo) for photo in photos]
        scores, boxes, classes, strengths = (np.stack(part) for part in zip(*found, strict=True))
        return Detections(scores, boxes, classes, strengths)

    def _detected(self, photo: Prepared) -> tuple[NDArray[np.generic], ...]:
        out = self._model([photo.pixels[None].astype(np.float32)])[0][0]  # (3549, 85)
        scores = out[:, 5:] * out[:, 4:5]
        centre, size = (out[:, :2] + self._grid) * self._stride, np.exp(out[:, 2:4]) * self._stride
        sides = np.array([photo.width, photo.height], np.float32)
        corners = np.concatenate([centre - size / 2, centre + size / 2], 1) / np.tile(sides, 2)
        corners = corners.clip(0, 1)
        anchor, kind = np.nonzero(scores > FAINTEST)
        order = np.argsort(-scores[anchor, kind], kind="stable")[: 4 * MOST]
        anchor, kind = anchor[order], kind[order]
        kept = suppressed(corners[anchor], kind)[:MOST]
        boxes, classes, strengths = np.zeros((MOST, 4), np.uint8), np.zeros(MOST, np.uint8), np.zeros(MOST, np.uint8)
        boxes[: len(kept)] = np.rint(corners[anchor[kept]] * 255)
        classes[: len(kept)] = kind[kept]
        strengths[: len(kept)] = np.rint(scores[anchor[kept], kind[kept]] * 255)
        return scores.max(0).astype(np.float16), boxes, classes, strengths


def suppressed(boxes: Array, kinds: NDArray[np.int64]) -> list[int]:
    """Rows that stay, of boxes in falling order of score: (n, 4), (n,)."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    kept: list[int] = []
    for row in range(len(boxes)):
        same = [k for k in kept if kinds[k] == kinds[row]]
        if same:
            low, high = np.maximum(boxes[same, :2], boxes[row, :2]), np.minimum(boxes[same, 2:], boxes[row, 2:])
            shared = (high - low).clip(0).prod(1)
            if (shared > OVERLAP * (areas[same] + areas[row] - shared)).any():
                continue
        kept.append(row)
    return kept


def _grids() -> tuple[Array, Array]:
    """(3549, 2) column and row of each output in its grid, (3549, 1) its stride."""
    grids, strides = [], []
    for stride in STRIDES:
        side = INPUT // stride
        rows, columns = np.mgrid[:side, :side]
        grids.append(np.stack([columns.ravel(), rows.ravel()], 1))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(grids).astype(np.float32), np.concatenate(strides).astype(np.float32)
