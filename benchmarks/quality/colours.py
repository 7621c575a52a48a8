"""Colour and kind -> product photos: "red shirt", on photos that no training has seen.

    python -m benchmarks.quality.colours --data DIR

The forty pairs of a colour and an article that at least four of the held-out product photos show, asked with two words,
as `devise search` answers them: the product of the two probabilities, of which that of the colour is the model's and
that of the photo's own colours (devise.descriptors.colour_words), and that of the kind by both heads. Beside it the
words head alone, and chance.
The second table: words for colours on the photos of Flickr8k whose captions were not learnt, true where two of five
captions say them.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.both_heads import BothHeads
from benchmarks.quality.everyday import ENOUGH, Everyday
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import precision_at
from devise.analysis.metrics import average_precision
from devise.descriptors import colour_words
from devise.descriptors.looks import RESIZE, SIZE, Looks
from devise.photos import load
from devise.words.colours import colour_word
from recipes.path_labels import article, colour
from recipes.photos import is_held_out

MIN_PHOTOS = 4
COLUMNS = ("query", "photos", "both: P@9", "average precision", "by the model alone: P@9", "average precision",
           "colour alone: P@9", "kind alone: P@9", "chance")  # fmt: skip
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


@dataclass(frozen=True)
class Words:
    """Probabilities of words for photos: by the words head; and as `devise search` asks, by the colours of the photos
    where a word is a colour, else by the classes head as well.
    """

    by_model: dict[str, Scores]
    with_colours: dict[str, Scores]

    @classmethod
    def of(cls, paths: list[str], words: list[str], model: str | None) -> Words:
        heads = BothHeads(model)
        photos = heads.vectors(torch.from_numpy(sets.all_features(paths, model)))
        logits = {word: heads.by_word(word, photos) for word in words}
        looks = Looks(["colour"])
        shares = np.concatenate([looks.encode(load(path, size=SIZE, resize=RESIZE)[None])["colour"] for path in paths])
        weight, both = colour_words.weight(shares), {}
        for word, found in logits.items():
            shade = colour_word(word)
            by_colours = None if shade is None else colour_words.logits(shade, shares)
            both[word] = heads(word, photos) if by_colours is None else (1 - weight) * found + weight * by_colours
        return cls(*({word: 1 / (1 + np.exp(-found)) for word, found in each.items()} for each in (logits, both)))


def of_captions(chosen: argparse.Namespace) -> list[list[str]]:
    folder = data.unpacked(chosen.data, "flickr8k")
    everyday = Everyday.of(folder)
    part = everyday.part(np.flatnonzero([is_held_out(name) for name in everyday.names]))
    shades = [word for word in part.words if colour_word(word)]
    words = Words.of([str(folder / name) for name in part.names], shades, chosen.model)
    lines, figures = [], []
    for word in shades:
        counts = part.counts[:, part.words.index(word)]
        known = (counts == 0) | (counts >= ENOUGH)
        truth = counts[known] >= ENOUGH
        if not truth.any():
            continue
        ways = [some[word][known] for some in (words.with_colours, words.by_model)]
        figures.append([x for way in ways for x in (average_precision(way, truth), precision_at(way, truth))])
        lines.append([word, f"{truth.sum()}", *(f"{x:.3f}" for x in figures[-1])])
    return [["mean", "", *(f"{x:.3f}" for x in np.mean(figures, axis=0))], *lines]


def main() -> None:
    chosen = parser(__doc__).parse_args()
    folder = data.unpacked(chosen.data, "fashion")
    with (folder / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if is_held_out(row["path"])]
    queries = asked(rows)
    asked_with = sorted({word for one in queries for word in (one.colour, one.kind)})
    words = Words.of([str(folder / row["path"]) for row in rows], asked_with, chosen.model)
    table = []
    for one in queries:
        first, second = words.with_colours[one.colour], words.with_colours[one.kind]
        both, alone = first * second, words.by_model[one.colour] * words.by_model[one.kind]
        figures = [f(way, one.truth) for way in (both, alone) for f in (precision_at, average_precision)]
        figures += [precision_at(way, one.truth) for way in (first, second)]
        table.append([f"{one.colour} {one.kind}", int(one.truth.sum()), *figures, one.truth.mean()])
    means = np.mean([[float(x) for x in line[2:]] for line in table], axis=0)
    lines = [[str(line[0]), f"{line[1]}", *(f"{float(x):.3f}" for x in line[2:])] for line in table]
    mean = ["mean", f"{np.mean([one.truth.sum() for one in queries]):.0f}", *(f"{x:.3f}" for x in means)]
    name = sets.opened(chosen.model).name
    title = f"{name}, {len(queries)} queries on {len(rows)} product photos whose labels it has not learnt"
    show("colours", title, COLUMNS, [mean, *lines], write=chosen.write)
    columns = ["word", "photos", "average precision", "P@9", "by the model alone: average precision", "P@9"]
    title = f"{name}, words for colours, Flickr8k's photos whose captions it has not learnt"
    show("colours-of-captions", title, columns, of_captions(chosen), write=chosen.write)


if __name__ == "__main__":
    main()
