"""Accuracy against speed: how many pixels a photo is looked at with, and how many units a backbone has.

    python -m benchmarks.quality.curve --data DIR [--also CHECKPOINT ...]

Each row: VOC's 20 class words and pairs of them, by a words head on whole photo and parts that learnt from three
quarters of VOC at that size, asked on the held-out quarter; multiplications of the backbone; and photos a second from
JPEG files to vectors on this machine, computed in bytes, all rows in the same run. Backbones of other widths:
recipes.narrow, recipes.refine, recipes.words_head.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import EPOCHS, Answers, Asked, pair_precisions, precisions
from benchmarks.widths import multiplications
from devise import config
from devise.analysis.metrics import probability
from devise.config import SHIPPED_VECTORS, IngestConfig
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.format import find, read, widened
from devise.training import LOSS_NAMES
from devise.training.features import decoded, features_of
from devise.words import WordVectors
from recipes.photos import is_held_out

SIZES = (256, 320, 384, 448)
STRIDE = 32  # of the last map: no more parts a side than it has positions
TIMED = 400  # photos
COLUMNS = ("model", "side", "GMAC", "million weights", "class words", "pairs by product", "photos/s")


def photos_a_second(model: str | None, size: int, paths: list[str]) -> float:
    """From JPEG files to vectors, as `devise index` makes them."""
    path = find(model or config.SHIPPED_MODEL)
    about, stored = read(path)
    about["backbone"]["preprocessing"]["size"] = size
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


def looking_at(model: str | None, size: int) -> Checkpoint:
    made = sets.opened(model, size)
    parts = min(made.backbone.config.parts, size // STRIDE)
    made.backbone.config = replace(made.backbone.config, parts=parts)
    return made


class Voc:
    """Three quarters to learn from, one to be asked."""

    def __init__(self, voc: data.Voc) -> None:
        names = sorted(voc.labels)
        self.paths = [str(voc.folder / name) for name in names]
        self.words = sets.targets(voc.classes, WordVectors.open(SHIPPED_VECTORS))
        self.held = np.array([is_held_out(name) for name in names])
        self.truth = torch.from_numpy(Asked.of(voc, names).truth).float()
        self.asked = Asked.of(voc, [name for name in names if is_held_out(name)])

    def figures(self, checkpoint: Checkpoint) -> tuple[float, float]:
        """Mean average precisions of class words, and of pairs by the product of probabilities."""
        lessons = heads.Lessons(torch.from_numpy(features_of(self.paths, checkpoint)[0]), self.truth)
        learnt = lessons[np.flatnonzero(~self.held)]
        head = heads.trained(learnt, self.words, LOSS_NAMES[0], seed=0, epochs=EPOCHS, batch=64)
        scale, bias = probability(heads.scores(head, learnt.features, self.words), learnt.truth.numpy())
        scores = heads.scores(head, lessons.features[self.held], self.words)
        probabilities = 1 / (1 + np.exp(-(scale * scores + bias)))
        answers = Answers(scores, probabilities, scores)
        pairs = pair_precisions(answers.products(self.asked), self.asked)
        return float(np.mean(precisions(answers, self.asked))), float(np.mean(pairs))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--also", nargs="*", default=[], help="checkpoints of other widths")
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pixels a side")
    chosen = options.parse_args()
    voc = Voc(data.voc(chosen.data))
    looks = [(model, size) for model in (chosen.model, *chosen.also) for size in chosen.sizes]
    photos_a_second(chosen.model, SIZES[0], voc.paths[:TIMED])  # files into memory, threads awake
    speeds = [photos_a_second(model, size, voc.paths[:TIMED]) for model, size in looks]  # undisturbed, one by one
    rows = []
    for (model, size), speed in zip(looks, speeds, strict=True):
        checkpoint = looking_at(model, size)
        about, weights = checkpoint.backbone.config, checkpoint.backbone.parameters()
        cost = [f"{multiplications(about) / 1e9:.2f}", f"{sum(p.numel() for p in weights) / 1e6:.1f}"]
        found = [f"{x:.3f}" for x in voc.figures(checkpoint)]
        rows.append([checkpoint.name, f"{size}", *cost, *found, f"{speed:.0f}"])
        print(rows[-1], flush=True)
    title = f"{int(voc.held.sum())} held-out photos of VOC, heads of {EPOCHS} epochs on the others, one training each"
    show("curve", title, COLUMNS, rows, write=chosen.write)


if __name__ == "__main__":
    main()
