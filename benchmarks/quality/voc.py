"""VOC: words -> photos, and pairs of words -> photos that show both.

    python -m benchmarks.quality.voc --data DIR

Five folds over the 1,880 photos: a words head is trained on four fifths with the backbone frozen, and scores the fifth
that it has not seen; all scores together make one ranking a query. Three quarters of the photos were also looked at,
without labels, when the backbone was distilled. Beside it: the teacher's own features under the same head, ConSE on the
classes head, which needs no labels, and the model that ships on the quarter of VOC that no training has seen.
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
from devise.model.heads import ClassesHead
from devise.training import LOSS_NAMES
from devise.training.evaluate import average_precision, probability
from devise.vectors import Vector, unit
from devise.words import WordVectors
from recipes.photos import is_held_out

FOLDS, EPOCHS, MIN_PHOTOS, TOP = 5, 20, 5, 9
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


@dataclass(frozen=True)
class Answers:
    """(photos, classes) scores and their probabilities; (photos, pairs) scores of the averaged vectors."""

    scores: Scores
    probabilities: Scores
    averaged: Scores


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
        probabilities[rest] = scores[rest]
    for i in range(FOLDS):  # fitted on the other folds
        scale, bias = probability(scores[fold != i], asked.truth[fold != i])
        probabilities[fold == i] = 1 / (1 + np.exp(-(scale * scores[fold == i] + bias)))
    return Answers(scores, probabilities, averaged)


def precision_at(scores: Scores, right: NDArray[np.bool_], k: int = TOP) -> float:
    return float(right[np.argsort(-scores, kind="stable")[:k]].mean())


def summary(name: str, answers: Answers, asked: Asked) -> list[str]:
    """Mean average precision of classes; of pairs by averaged vectors, averaged scores, product; "sofa cat" P@9, AP."""
    singles = [average_precision(answers.scores[:, c], asked.truth[:, c]) for c in range(len(asked.classes))]
    both = {pair: asked.truth[:, pair[0]] & asked.truth[:, pair[1]] for pair in asked.pairs}
    ways = {
        "vectors": {pair: answers.averaged[:, i] for i, pair in enumerate(asked.pairs)},
        "scores": {(a, b): answers.scores[:, a] + answers.scores[:, b] for a, b in asked.pairs},
        "product": {(a, b): answers.probabilities[:, a] * answers.probabilities[:, b] for a, b in asked.pairs},
    }
    means = [np.mean([average_precision(way[pair], both[pair]) for pair in asked.pairs]) for way in ways.values()]
    cat_sofa = (asked.classes.index("cat"), asked.classes.index("sofa"))
    known = cat_sofa in both
    sofa = [f"{precision_at(way[cat_sofa], both[cat_sofa]) * TOP:.0f}/{TOP}" if known else "-" for way in ways.values()]
    last = f"{average_precision(ways['product'][cat_sofa], both[cat_sofa]):.2f}" if known else "-"
    return [name, f"{np.mean(singles):.3f}", *(f"{mean:.3f}" for mean in means), *sofa, last]


def convex_words(views: torch.Tensor, head: ClassesHead, labels: Sequence[str], words: Vector,
                 vectors: WordVectors) -> Scores:  # fmt: skip
    """ConSE on the ImageNet classes that the vectors know."""
    known = [i for i, label in enumerate(labels) if all(part in vectors for part in label.lower().split())]
    with torch.inference_mode():
        logits = head(views[:, 0].float())[:, known].softmax(1).numpy()
    return heads.convex(logits, np.stack([vectors.vector(labels[i].lower()) for i in known]), words)


def main() -> None:
    chosen = parser(__doc__).parse_args()
    voc, vectors = data.voc(chosen.data), WordVectors.open("minilm")
    names = sorted(voc.labels)
    paths, words = [str(voc.folder / name) for name in names], sets.targets(voc.classes, vectors)
    asked, checkpoint = Asked.of(voc, names), sets.opened(chosen.model)
    views = torch.from_numpy(sets.all_features(paths, chosen.model))
    rows, best = [], None
    for loss in LOSS_NAMES:
        answers = in_folds(views, asked, words, loss)
        best = best or answers
        rows.append(summary(f"{loss}, whole photo and parts", answers, asked))
        print(rows[-1], flush=True)
    rows.append(
        summary(f"{LOSS_NAMES[0]}, whole photo only", in_folds(views[:, :1], asked, words, LOSS_NAMES[0]), asked)
    )
    theirs = torch.from_numpy(teacher_features(paths, chosen.data))
    rows.append(summary("teacher, whole photo and parts", in_folds(theirs, asked, words, LOSS_NAMES[0]), asked))
    rows.append(summary("teacher, whole photo only", in_folds(theirs[:, :1], asked, words, LOSS_NAMES[0]), asked))
    head, config = checkpoint.heads["classes"], checkpoint.configs["classes"]
    assert isinstance(head, ClassesHead)
    convex = convex_words(views, head, config.labels, words, vectors)
    pairs = np.stack([convex[:, a] + convex[:, b] for a, b in asked.pairs], 1)
    rows.append(summary("ConSE, no labels of VOC", Answers(convex, (convex + 1) / 2, pairs), asked))
    chance = asked.truth.mean(0)
    together = np.mean([(asked.truth[:, a] & asked.truth[:, b]).mean() for a, b in asked.pairs])
    rows.append(["chance", f"{chance.mean():.3f}", *[f"{together:.3f}"] * 3, *["-"] * 4])
    held = np.array([is_held_out(name) for name in names])
    own = shipped(checkpoint, views[held], words, asked, held)
    rows.append(summary(f"the model that ships, {held.sum()} unseen photos", *own))
    show(
        "voc", f"1,880 photos, 20 classes, {len(asked.pairs)} pairs, {FOLDS} folds, {EPOCHS} epochs",
        ["head", "classes", "pairs: vectors averaged", "pairs: scores averaged", "pairs: product",
         "sofa cat P@9: vectors", "scores", "product", "AP"], rows, write=chosen.write,
    )  # fmt: skip
    assert best is not None
    each = [[c, str(asked.truth[:, i].sum()), f"{average_precision(best.scores[:, i], asked.truth[:, i]):.3f}",
             f"{precision_at(best.scores[:, i], asked.truth[:, i]):.2f}", f"{chance[i]:.3f}"]
            for i, c in enumerate(asked.classes)]  # fmt: skip
    both = [[f"{asked.classes[a]} {asked.classes[b]}", str(int(right.sum())),
             f"{average_precision(product, right):.3f}", f"{precision_at(product, right):.2f}", f"{right.mean():.3f}"]
            for a, b in asked.pairs
            for right, product in [(asked.truth[:, a] & asked.truth[:, b],
                                    best.probabilities[:, a] * best.probabilities[:, b])]]  # fmt: skip
    show("voc-each", f"each class, and each pair by product ({LOSS_NAMES[0]}, five folds)",
         ["query", "photos", "average precision", "P@9", "chance"], each + both, write=chosen.write)  # fmt: skip


def shipped(checkpoint, views, words, asked, held) -> tuple[Answers, Asked]:  # type: ignore[no-untyped-def]
    """What the words head that ships says of the photos it has not seen."""
    head, config = checkpoint.heads["words"], checkpoint.configs["words"]
    truth = asked.truth[held]
    pairs = [(a, b) for a, b in asked.pairs if (truth[:, a] & truth[:, b]).sum() >= MIN_PHOTOS]
    mixed = unit(np.stack([words[a] + words[b] for a, b in pairs]))
    scores, averaged = heads.scores(head, views, words), heads.scores(head, views, mixed)
    scale, bias = (config.scale, config.bias) if config.scale else (12.0, -5.0)
    return Answers(scores, 1 / (1 + np.exp(-(scale * scores + bias))), averaged), Asked(asked.classes, truth, pairs)


if __name__ == "__main__":
    main()
