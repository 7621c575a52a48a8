"""VOC: words -> photos, and pairs of words -> photos that show both.

    python -m benchmarks.quality.voc --data DIR

Five folds over the 1,880 photos: a words head is trained on four fifths with the backbone frozen, and scores the fifth
that it has not seen; all scores together make one ranking a query. Three quarters of the photos were also looked at,
without labels, when the backbone was distilled. Beside it: the teacher's own features under the same head, ConSE on the
classes head, which needs no labels. The model that ships is measured by benchmarks.quality.held_out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.teacher import teacher_features
from devise.analysis.metrics import average_precision, probability
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.heads import ClassesHead
from devise.training import LOSS_NAMES
from devise.vectors import Vector, unit
from devise.words import WordVectors

FOLDS, EPOCHS, MIN_PHOTOS, TOP = 5, 8, 5, 9
COLUMNS = ("head", "classes", "pairs: vectors averaged", "pairs: scores averaged", "pairs: product",
           "sofa cat P@9: vectors", "scores", "product", "AP")  # fmt: skip
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """truth: (photos, classes); pairs: two columns each that at least five photos have together."""

    classes: list[str]
    truth: NDArray[np.bool_]
    pairs: list[tuple[int, int]]

    @classmethod
    def of(cls, voc: data.Voc, names: Sequence[str]) -> Asked:
        truth = np.array([[label in voc.labels[name] for label in voc.classes] for name in names])
        columns = combinations(range(len(voc.classes)), 2)
        return cls(voc.classes, truth, [(a, b) for a, b in columns if (truth[:, a] & truth[:, b]).sum() >= MIN_PHOTOS])

    def both(self, pair: int) -> NDArray[np.bool_]:
        a, b = self.pairs[pair]
        return self.truth[:, a] & self.truth[:, b]


@dataclass(frozen=True)
class Answers:
    """(photos, classes) scores and their probabilities; (photos, pairs) scores of the averaged vectors."""

    scores: Scores
    probabilities: Scores
    averaged: Scores

    def products(self, asked: Asked) -> Scores:
        """(photos, pairs): the probability that both are true, as if one said nothing of the other."""
        return np.stack([self.probabilities[:, a] * self.probabilities[:, b] for a, b in asked.pairs], 1)

    def sums(self, asked: Asked) -> Scores:
        return np.stack([self.scores[:, a] + self.scores[:, b] for a, b in asked.pairs], 1)


def precisions(answers: Answers, asked: Asked) -> list[float]:
    return [average_precision(answers.scores[:, c], asked.truth[:, c]) for c in range(len(asked.classes))]


def pair_precisions(scores: Scores, asked: Asked) -> list[float]:
    """scores: (photos, pairs)"""
    return [average_precision(scores[:, i], asked.both(i)) for i in range(len(asked.pairs))]


def in_folds(views: torch.Tensor, asked: Asked, words: Vector, loss: str) -> Answers:
    """Scores of every photo by a head that was trained without it."""
    mixed = unit(np.stack([words[a] + words[b] for a, b in asked.pairs]))
    scores, averaged = np.empty((len(views), len(words)), np.float32), np.empty((len(views), len(mixed)), np.float32)
    probabilities = np.empty_like(scores)
    fold = np.random.default_rng(0).permutation(len(views)) % FOLDS
    lessons = heads.Lessons(views, torch.from_numpy(asked.truth).float())
    for i in range(FOLDS):
        training, rest = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        head = heads.trained(lessons[training], words, loss, seed=i, epochs=EPOCHS, batch=64)
        scores[rest] = heads.scores(head, views[rest], words)
        averaged[rest] = heads.scores(head, views[rest], mixed)
    for i in range(FOLDS):  # fitted on the other folds
        scale, bias = probability(scores[fold != i], asked.truth[fold != i])
        probabilities[fold == i] = 1 / (1 + np.exp(-(scale * scores[fold == i] + bias)))
    return Answers(scores, probabilities, averaged)


def precision_at(scores: Scores, right: NDArray[np.bool_], k: int = TOP) -> float:
    return float(right[np.argsort(-scores, kind="stable")[:k]].mean())


def summary(name: str, answers: Answers, asked: Asked) -> list[str]:
    """Mean average precision of classes; of pairs by averaged vectors, averaged scores, product; "sofa cat" P@9, AP."""
    ways = [answers.averaged, answers.sums(asked), answers.products(asked)]
    means = [f"{np.mean(pair_precisions(way, asked)):.3f}" for way in ways]
    row = [name, f"{np.mean(precisions(answers, asked)):.3f}", *means]
    cat_sofa = (asked.classes.index("cat"), asked.classes.index("sofa"))
    if cat_sofa not in asked.pairs:
        return [*row, *["-"] * 4]
    i = asked.pairs.index(cat_sofa)
    first = [f"{precision_at(way[:, i], asked.both(i)) * TOP:.0f}/{TOP}" for way in ways]
    return [*row, *first, f"{pair_precisions(ways[2], asked)[i]:.2f}"]


def convex_words(
    views: torch.Tensor, checkpoint: Checkpoint, words: Vector, vectors: WordVectors, asked: Asked
) -> Answers:
    """ConSE on the ImageNet classes that the vectors know."""
    head, labels = checkpoint.heads["classes"], checkpoint.configs["classes"].labels
    assert isinstance(head, ClassesHead)
    known = [i for i, label in enumerate(labels) if all(part in vectors for part in label.lower().split())]
    with torch.inference_mode():
        shares = head(views[:, 0].float())[:, known].softmax(1).numpy()
    scores = heads.convex(shares, np.stack([vectors.vector(labels[i].lower()) for i in known]), words)
    averaged = np.stack([scores[:, a] + scores[:, b] for a, b in asked.pairs], 1)
    return Answers(scores, (scores + 1) / 2, averaged)  # it has no probabilities; so moved, cosines can be multiplied


def chance(asked: Asked) -> list[str]:
    together = np.mean([asked.both(i).mean() for i in range(len(asked.pairs))])
    return ["chance", f"{asked.truth.mean():.3f}", *[f"{together:.3f}"] * 3, *["-"] * 4]


def main() -> None:
    chosen = parser(__doc__).parse_args()
    voc, vectors = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    names = sorted(voc.labels)
    paths, words = [str(voc.folder / name) for name in names], sets.targets(voc.classes, vectors)
    asked, checkpoint = Asked.of(voc, names), sets.opened(chosen.model)
    views = torch.from_numpy(sets.all_features(paths, chosen.model))
    found, first = {}, LOSS_NAMES[0]
    for loss in LOSS_NAMES:
        found[loss] = in_folds(views, asked, words, loss)
        print(summary(loss, found[loss], asked), flush=True)
    rows = [summary(f"{loss}, whole photo and parts", answers, asked) for loss, answers in found.items()]
    rows.append(summary(f"{first}, whole photo only", in_folds(views[:, :1], asked, words, first), asked))
    theirs = torch.from_numpy(teacher_features(paths, chosen.data))
    rows.append(summary("teacher, whole photo and parts", in_folds(theirs, asked, words, first), asked))
    rows.append(summary("teacher, whole photo only", in_folds(theirs[:, :1], asked, words, first), asked))
    rows.append(summary("ConSE, no labels of VOC", convex_words(views, checkpoint, words, vectors, asked), asked))
    rows.append(chance(asked))
    show(
        "voc",
        f"{len(names):,} photos, {len(voc.classes)} classes, {len(asked.pairs)} pairs, {FOLDS} folds, {EPOCHS} epochs",
        COLUMNS, rows, write=chosen.write,
    )  # fmt: skip
    show(
        "voc-each", f"each class, and each pair by product ({first}, five folds)",
        ["query", "photos", "average precision", "P@9", "chance"], each(found[first], asked), write=chosen.write,
    )  # fmt: skip


def each(answers: Answers, asked: Asked) -> list[list[str]]:
    """A row for each class, then for each pair."""
    queries = [(name, answers.scores[:, i], asked.truth[:, i]) for i, name in enumerate(asked.classes)]
    products = answers.products(asked)
    queries += [(f"{asked.classes[a]} {asked.classes[b]}", products[:, i], asked.both(i))
                for i, (a, b) in enumerate(asked.pairs)]  # fmt: skip
    return [[name, str(right.sum()), f"{average_precision(scores, right):.3f}", f"{precision_at(scores, right):.2f}",
             f"{right.mean():.3f}"] for name, scores, right in queries]  # fmt: skip


if __name__ == "__main__":
    main()
