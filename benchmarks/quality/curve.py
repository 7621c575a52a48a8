"""Accuracy against speed: the side of the pixels that a photo is looked at with, and other models.

    python -m benchmarks.quality.curve --data DIR [--also CHECKPOINT ...]

Each row: VOC's 20 class words over five folds as in benchmarks.quality.voc (words head on whole photo and parts), and
photos a second from JPEG files to vectors on this machine, all rows in the same run.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import EPOCHS, FOLDS, Asked, in_folds, pair_precisions, precisions
from devise import config
from devise.config import SHIPPED_VECTORS, IngestConfig
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.format import find, read, widened
from devise.training import LOSS_NAMES
from devise.training.features import decoded, features_of
from devise.words import WordVectors

SIZES = (128, 192, 256, 320)
TIMED = 400  # photos


def photos_a_second(model: str | None, size: int | None, paths: list[str]) -> float:
    """From JPEG files to vectors, as `devise index` makes them."""
    path = find(model or config.SHIPPED_MODEL)
    about, stored = read(path)
    about["backbone"]["preprocessing"]["size"] = size or about["backbone"]["preprocessing"]["size"]
    encoder = Compiled(path, about, widened(stored), "words")
    begun, waiting = time.perf_counter(), []
    for pixels in decoded(paths, encoder.size, encoder.resize):
        waiting.append(pixels)
        if len(waiting) == IngestConfig.batch:
            encoder.encode(np.stack(waiting))
            waiting = []
    if waiting:
        encoder.encode(np.stack(waiting))
    return len(paths) / (time.perf_counter() - begun)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--also", nargs="*", default=[], help="checkpoints of other widths")
    chosen = options.parse_args()
    voc, vectors = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    names = sorted(voc.labels)
    paths, words = [str(voc.folder / name) for name in names], sets.targets(voc.classes, vectors)
    asked = Asked.of(voc, names)
    looks = [(chosen.model, size) for size in SIZES] + [(other, None) for other in chosen.also]
    photos_a_second(chosen.model, None, paths[:TIMED])  # files into memory, threads awake
    speeds = [photos_a_second(model, size, paths[:TIMED]) for model, size in looks]  # one after the other, undisturbed
    rows = []
    for (model, size), speed in zip(looks, speeds, strict=True):
        checkpoint = sets.opened(model, size)
        answers = in_folds(torch.from_numpy(features_of(paths, checkpoint)[0]), asked, words, LOSS_NAMES[0])
        means = np.mean(precisions(answers, asked)), np.mean(pair_precisions(answers.products(asked), asked))
        side, weights = checkpoint.backbone.config.preprocessing.size, checkpoint.backbone.parameters()
        millions = sum(p.numel() for p in weights) / 1e6
        rows.append([checkpoint.name, f"{side}", f"{millions:.1f}", *(f"{x:.3f}" for x in means), f"{speed:.0f}"])
        print(rows[-1], flush=True)
    show(
        "curve", f"{len(names):,} VOC photos in {FOLDS} folds, {EPOCHS} epochs",
        ["model", "side", "million weights", "classes", "pairs: product", "photos/s"], rows, write=chosen.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
