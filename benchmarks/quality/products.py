"""Photo -> photos on 2,500 product photos: precision@10 by article type and by colour.

    python -m benchmarks.quality.products --data DIR [--unseen CHECKPOINT]

Every photo is asked with, never found itself. Beside the features and the words space: the teacher's features and a
colour histogram (Swain and Ballard, 1991). --unseen is a model whose words head was trained without these labels
(recipes.shipped_model --without); the backbone has looked at the photos, without labels.
"""

from __future__ import annotations

import csv

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.teacher import teacher_features
from devise.photos import load
from devise.vectors import Vector, unit

AT = 10
BINS = 8  # of each colour channel


def histograms(paths: list[str]) -> Vector:
    """Square roots of the shares of BINS^3 colours, so that the cosine is the Bhattacharyya coefficient."""
    rows = []
    for path in paths:
        pixels = load(path, size=64, resize="squash").reshape(-1, 3) // (256 // BINS)
        codes = pixels.astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
        rows.append(np.sqrt(np.bincount(codes, minlength=BINS**3)))
    return unit(np.stack(rows))


def precisions(rows: Vector, kinds: list[NDArray[np.str_]]) -> list[float]:
    """Share of the ten nearest that are of the same kind, for each way to tell kinds: rows (n, dim) of length 1."""
    near = rows @ rows.T
    np.fill_diagonal(near, -np.inf)
    best = np.argsort(-near, axis=1, kind="stable")[:, :AT]
    return [float((kind[best] == kind[:, None]).mean()) for kind in kinds]


def chance(kind: NDArray[np.str_]) -> float:
    counts = np.unique(kind, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / len(kind) / (len(kind) - 1))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--unseen", default=None, help="a checkpoint whose words head has not seen these labels")
    chosen = options.parse_args()
    folder = data.unpacked(chosen.data, "fashion")
    with (folder / "labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    paths = [str(folder / row["path"]) for row in labels]
    kinds = [np.array([row[column] for row in labels]) for column in ("articleType", "baseColour")]
    rows = []

    def add(name: str, vectors: Vector) -> None:
        rows.append([name, *(f"{value:.3f}" for value in precisions(vectors, kinds))])
        print(rows[-1], flush=True)

    features = sets.whole_features(paths, chosen.model).astype(np.float32)
    add("features", unit(features))
    add("square roots of features", unit(np.sqrt(features)))
    spaces = {"words, these labels learnt": chosen.model}
    if chosen.unseen:
        spaces["words, labels unseen"] = chosen.unseen
    for name, model in spaces.items():
        with torch.inference_mode():
            add(name, sets.opened(model).heads["words"](torch.from_numpy(features)).numpy())
    theirs = teacher_features(paths, chosen.data)[:, 0].astype(np.float32)
    add("teacher's features", unit(theirs))
    add("colour histogram", histograms(paths))
    rows.append(["chance", *(f"{chance(kind):.3f}" for kind in kinds)])
    show("products", f"{len(paths):,} product photos, precision@{AT}", ["space", "article type", "colour"], rows,
         write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
