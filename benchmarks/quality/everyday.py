"""Everyday words -> photos, and captions -> their photo, on Flickr8k's 1,000 photos.

    python -m benchmarks.quality.everyday --data DIR [--photos runs/photos]

The 120 words that its captions say most: nouns, verbs, colours and places, with their forms in recipes/everyday.tsv. A
word is true of a photo if two of its five captions say it, false if none does; where one does, the photo is left out of
that word's ranking. In five folds a words head learns the captions of four fifths on frozen features and is asked for
the fifth that it has not seen; beside it, with --photos (what recipes.photo_cache made), logistic regression on CLIP's
embeddings, the ceiling. The second table asks the model as it ships, of photos that no training of it has seen
(recipes.photos.is_held_out).

Published for 1,000 test photos of Flickr8k after learning from 6,000 (Karpathy, Joulin and Fei-Fei, "Deep fragment
embeddings", 2014, table 1; quoted from memory): DeViSE 5.9 / 20.1 / 29.6. Here the folds learn from 800 small photos,
and the 1,000 are another sample.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.both_heads import BothHeads, sigmoid
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import precision_at
from devise.analysis.metrics import average_precision, hits, probability
from devise.config import SHIPPED_VECTORS
from devise.vectors import Vector
from devise.words import WordVectors
from devise.words.colours import colour_word
from recipes.photo_cache import PackedPhotos
from recipes.photos import is_held_out
from recipes.probe import regression

FOLDS, EPOCHS, BATCH = 5, 12, 64
ENOUGH = 2  # captions that say a word, for it to be true of the photo
AT = (1, 5, 10)
COLUMNS = ("model", "words: average precision", "P@9", *(f"caption recall@{k}" for k in AT))
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Everyday:
    """names: of the photos; words; counts: (photos, words), how many of a photo's captions say a word; captions: of
    each caption with at least one of the words, its words' numbers and its photo's.
    """

    names: list[str]
    words: list[str]
    counts: NDArray[np.int64]
    captions: list[tuple[list[int], int]]

    @classmethod
    def of(cls, folder: Path) -> Everyday:
        lines = (Path(__file__).parents[2] / "recipes/everyday.tsv").read_text().splitlines()
        words = [line.split("\t")[0] for line in lines]
        forms = {form: i for i, line in enumerate(lines) for form in line.split("\t")[1].split()}
        with (folder / "captions.csv").open(newline="") as file:
            rows = [(row["path"], re.findall(r"[a-z]+", row["caption"].lower())) for row in csv.DictReader(file)]
        names = sorted({path for path, _ in rows})
        number = {name: i for i, name in enumerate(names)}
        said = [(sorted({forms[word] for word in caption if word in forms}), number[path]) for path, caption in rows]
        counts = np.zeros((len(names), len(words)), np.int64)
        for columns, photo in said:
            counts[photo, columns] += 1
        return cls(names, words, counts, [(columns, photo) for columns, photo in said if columns])

    def part(self, rows: NDArray[np.int64]) -> Everyday:
        place = {int(row): i for i, row in enumerate(rows)}
        captions = [(columns, place[photo]) for columns, photo in self.captions if photo in place]
        return Everyday([self.names[row] for row in rows], self.words, self.counts[rows], captions)


def each(everyday: Everyday, scores: Scores) -> list[tuple[str, int, float, float]]:
    """Word, photos that show it, average precision, precision@9, where at least one photo shows it."""
    found = []
    for column, word in enumerate(everyday.words):
        counts = everyday.counts[:, column]
        known = (counts == 0) | (counts >= ENOUGH)
        truth, score = counts[known] >= ENOUGH, scores[known, column]
        if truth.any():
            found.append((word, int(truth.sum()), average_precision(score, truth), precision_at(score, truth)))
    return found


def recalls(everyday: Everyday, probabilities: Scores) -> list[float]:
    """Of captions asked with the product of their words' probabilities: share whose photo is among the first k."""
    logs = np.log(probabilities.clip(1e-9))
    by_caption = np.stack([logs[:, columns].mean(1) for columns, _ in everyday.captions])
    right = np.eye(len(everyday.names))[[photo for _, photo in everyday.captions]]
    found = hits(by_caption, right, at=AT)
    return [100 * found[k] for k in AT]


def row(name: str, everyday: Everyday, scores: Scores, probabilities: Scores) -> list[str]:
    words = each(everyday, scores)
    means = np.mean([precision for *_, precision, _ in words]), np.mean([first for *_, first in words])
    return [name, *(f"{mean:.3f}" for mean in means), *(f"{r:.1f}" for r in recalls(everyday, probabilities))]


def in_folds(everyday: Everyday, views: torch.Tensor, targets: Vector) -> tuple[Scores, Scores]:
    """Scores and probabilities of every photo by a head that was trained without it."""
    fold = np.random.default_rng(0).permutation(len(views)) % FOLDS
    truth = torch.from_numpy(everyday.counts > 0).float()
    scores, probabilities = (np.empty((len(views), len(targets)), np.float32) for _ in range(2))
    lessons = heads.Lessons(views, truth)
    for i in range(FOLDS):
        training, rest = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        head = heads.trained(lessons[training], targets, "sigmoid", seed=i, epochs=EPOCHS, batch=BATCH)
        scores[rest] = heads.scores(head, views[rest], targets)
    for i in range(FOLDS):  # fitted on the other folds
        scale, bias = probability(scores[fold != i], truth.numpy()[fold != i])
        probabilities[fold == i] = 1 / (1 + np.exp(-(scale * scores[fold == i] + bias)))
    return scores, probabilities


def by_regression(everyday: Everyday, rows: NDArray[np.float32]) -> Scores:
    """Probabilities of words on fixed embeddings (photos, dim), in the same folds."""
    fold = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    truth, features = torch.from_numpy(everyday.counts > 0).float(), torch.from_numpy(rows)
    found = np.empty(truth.shape, np.float32)
    for i in range(FOLDS):
        scores = regression(features[fold != i], truth[fold != i])
        found[fold == i] = scores(features[fold == i]).sigmoid().detach().numpy()
    return found


def clip_rows(everyday: Everyday, photos: Path) -> NDArray[np.float32]:
    packed = PackedPhotos(photos)
    number = {name: i for i, name in enumerate(packed.names)}
    rows: NDArray[np.float32] = packed.outputs("clip")["embeddings"].astype(np.float32)
    return rows[[number[f"flickr8k/{name}"] for name in everyday.names]]


def as_it_ships(everyday: Everyday, views: torch.Tensor, targets: Vector, chosen: argparse.Namespace) -> list[str]:
    checkpoint = sets.opened(chosen.model)
    config = checkpoint.configs["words"]
    scores = heads.scores(checkpoint.heads["words"], views, targets)
    return row(checkpoint.name, everyday, scores, 1 / (1 + np.exp(-(config.scale * scores + config.bias))))


def by_both_heads(everyday: Everyday, views: torch.Tensor, chosen: argparse.Namespace) -> list[str]:
    """As `devise search` asks, but for the colours of photos."""
    heads = BothHeads(chosen.model)
    photos = heads.vectors(views)
    logits = [heads.by_word(word, photos) if colour_word(word) else heads(word, photos) for word in everyday.words]
    found = np.stack(logits, 1)
    return row(f"{heads.checkpoint.name}, by its classes head as well", everyday, found, sigmoid(found))


def chance(everyday: Everyday) -> list[str]:
    random = np.random.default_rng(0).random(everyday.counts.shape).astype(np.float32)
    return row("chance", everyday, random, random)


def words_table(everyday: Everyday, scores: Scores) -> Sequence[Sequence[str]]:
    found = sorted(each(everyday, scores), key=lambda one: -one[2])
    return [[word, f"{count}", f"{precision:.3f}", f"{first:.2f}"] for word, count, precision, first in found]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--photos", type=Path, help="what recipes.photo_cache made, with CLIP's embeddings")
    chosen = options.parse_args()
    folder = data.unpacked(chosen.data, "flickr8k")
    everyday, vectors = Everyday.of(folder), WordVectors.open(SHIPPED_VECTORS)
    targets = sets.targets(everyday.words, vectors)
    views = torch.from_numpy(sets.all_features([str(folder / name) for name in everyday.names], chosen.model))
    scores, probabilities = in_folds(everyday, views, targets)
    rows = [row("words head on captions alone", everyday, scores, probabilities)]
    if chosen.photos:
        ceiling = by_regression(everyday, clip_rows(everyday, chosen.photos))
        rows.append(row("CLIP's embeddings, logistic regression", everyday, ceiling, ceiling))
    rows.append(chance(everyday))
    title = f"{len(everyday.words)} words and {len(everyday.captions):,} captions"
    show("everyday", f"{title} of {len(views):,} photos, {FOLDS} folds", COLUMNS, rows, write=chosen.write)
    held = np.flatnonzero([is_held_out(name) for name in everyday.names])
    part = everyday.part(held)
    show("everyday-held-out", f"the model that ships, {len(held)} photos whose captions it has not learnt", COLUMNS,
         [as_it_ships(part, views[held], targets, chosen), by_both_heads(part, views[held], chosen), chance(part)],
         write=chosen.write)  # fmt: skip
    show("everyday-each", "each word, five folds", ["word", "photos", "average precision", "P@9"],
         words_table(everyday, scores), write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
