"""Which loss finds VOC photos by their class words best: the default of `devise train --loss` comes from this table.

    python -m benchmarks.losses --data DIR [--seeds N] [--backbone NAME]

Heads are trained on three quarters of voc.zip, searched on the held-out quarter; mean average precision of the 20
class words and of the pairs, mean and spread over seeds.
"""

from __future__ import annotations

import csv
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.voc import MIN_PHOTOS, precisions
from devise.model.checkpoint import load
from devise.training import LOSS_NAMES, TrainOptions, train
from devise.training.features import features_of
from devise.words import WordVectors
from recipes.photos import is_held_out


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backbone", default="slim")
    options = parser.parse_args()
    voc, vectors = data.voc(options.data), WordVectors.open("minilm")
    names = [name for name in sorted(voc.labels) if is_held_out(name)]
    truth = {label: np.array([label in voc.labels[name] for name in names]) for label in voc.classes}
    frequent = [(a, b) for a, b in combinations(voc.classes, 2) if (truth[a] & truth[b]).sum() >= MIN_PHOTOS]
    queries = [{label: (label,) for label in voc.classes}, {f"{a} {b}": (a, b) for a, b in frequent}]
    shown = Table(
        "loss", "class words", "pairs", title=f"mean average precision, {options.seeds} seeds, {options.backbone}"
    )
    with tempfile.TemporaryDirectory() as place:
        labels = Path(place) / "voc.csv"
        with labels.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "labels"])
            writer.writerows([voc.folder / n, "|".join(x)] for n, x in sorted(voc.labels.items()) if not is_held_out(n))
        for loss in LOSS_NAMES:
            means = []
            for seed in range(options.seeds):
                out = Path(place) / f"{loss}-{seed}.safetensors"
                train(
                    TrainOptions(
                        data=labels,
                        out=str(out),
                        backbone=options.backbone,
                        loss=loss,
                        seed=seed,
                        vectors="minilm",
                        validation=0,
                    )
                )
                trained = load(out)
                features, _, _ = features_of([str(voc.folder / name) for name in names], trained)
                with torch.inference_mode():
                    photos = trained.heads["words"](torch.from_numpy(features[:, 0]).float()).numpy()
                means.append(
                    [np.mean(list(precisions(q, photos, truth, vectors).values()), axis=0)[0] for q in queries]
                )
            middle, spread = np.mean(means, axis=0), np.std(means, axis=0)
            shown.add_row(loss, *(f"{m:.3f} ± {s:.3f}" for m, s in zip(middle, spread, strict=True)))
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
