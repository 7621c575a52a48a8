"""Colour and kind -> product photos: "red shirt", on photos that no training has seen.

    python -m benchmarks.quality.colours --data DIR

The forty pairs of a colour and an article that at least four of the held-out product photos show, asked with two words,
as `devise search` answers them: the product of the two probabilities. Beside it each word alone, and chance.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import precision_at
from devise.analysis.metrics import average_precision
from devise.config import SHIPPED_VECTORS
from devise.words import WordVectors
from recipes.path_labels import article, colour
from recipes.photos import is_held_out

MIN_PHOTOS = 4
COLUMNS = ("query", "photos", "both: P@9", "average precision", "colour alone: P@9", "kind alone: P@9", "chance")
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A pair of words, and whether each photo shows both."""

    colour: str
    kind: str
    truth: NDArray[np.bool_]


def asked(rows: list[dict[str, str]]) -> list[Asked]:
    """Pairs of plain words, commonest first."""
    colours = [set(colour(row["baseColour"])[:1]) for row in rows]
    kinds = [set(article(row["articleType"])[:1]) for row in rows]
    pairs = sorted({(c, k) for cs, ks in zip(colours, kinds, strict=True) for c in cs for k in ks})
    found = [
        Asked(c, k, np.array([c in cs and k in ks for cs, ks in zip(colours, kinds, strict=True)])) for c, k in pairs
    ]
    return sorted((one for one in found if one.truth.sum() >= MIN_PHOTOS), key=lambda one: -one.truth.sum())


def main() -> None:
    chosen = parser(__doc__).parse_args()
    folder = data.unpacked(chosen.data, "fashion")
    with (folder / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if is_held_out(row["path"])]
    checkpoint, vectors = sets.opened(chosen.model), WordVectors.open(SHIPPED_VECTORS)
    config, queries = checkpoint.configs["words"], asked(rows)
    words = sorted({word for one in queries for word in (one.colour, one.kind)})
    views = torch.from_numpy(sets.all_features([str(folder / row["path"]) for row in rows], chosen.model))
    scores = heads.scores(checkpoint.heads["words"], views, sets.targets(words, vectors))
    probabilities = 1 / (1 + np.exp(-(config.scale * scores + config.bias)))
    table = []
    for one in queries:
        first, second = (probabilities[:, words.index(word)] for word in (one.colour, one.kind))
        ways = [precision_at(way, one.truth) for way in (first * second, first, second)]
        both = average_precision(first * second, one.truth)
        table.append([f"{one.colour} {one.kind}", int(one.truth.sum()), ways[0], both, *ways[1:], one.truth.mean()])
    means = np.mean([[float(x) for x in line[2:]] for line in table], axis=0)
    lines = [[str(line[0]), f"{line[1]}", *(f"{float(x):.3f}" for x in line[2:])] for line in table]
    mean = ["mean", f"{np.mean([one.truth.sum() for one in queries]):.0f}", *(f"{x:.3f}" for x in means)]
    title = f"{checkpoint.name}, {len(queries)} queries on {len(rows)} product photos whose labels it has not learnt"
    show("colours", title, COLUMNS, [mean, *lines], write=chosen.write)


if __name__ == "__main__":
    main()
