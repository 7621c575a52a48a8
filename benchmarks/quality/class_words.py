"""Words that name ImageNet's classes, asked of the classes head beside the words head, as `devise search` does.

    python -m benchmarks.quality.class_words --data DIR

Held-out photos of Caltech-101, VOC and the product photos, each asked for the words of its own labels that name
classes; Caltech-101's apart for words that the words head has learnt and for those that it has not. With --unseen a
model whose words head has seen no labels of Caltech-101 names its photos. With --fit the fusions of
devise.search.class_words are fitted on the same photos: of the words that were not learnt with as much weight on
1,000 names that no photo shows, and with everyday photos that show none.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.both_heads import BothHeads, PhotoVectors, sigmoid
from benchmarks.quality.report import parser, show
from benchmarks.quality.thresholds import LEARNT as ABSENT
from benchmarks.quality.thresholds import OTHERS
from devise.analysis.metrics import average_precision
from devise.search.class_words import LEARNT, OPEN, Fusion
from devise.vectors import Vector
from devise.words.naming import Named
from recipes.path_labels import SAID, article
from recipes.photos import is_held_out
from recipes.shipped_model import CALTECH_SKIPPED, VOC_NAMES

CLAIMED = 0.1  # probability from which a photo is a likely answer
BINS = (0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
COLUMNS = ("photos", "words", "words head", "classes head", "both")
Truth = dict[str, NDArray[np.bool_]]  # of the words of a set, of its photos


@dataclass(frozen=True)
class Photos:
    """What the model sees of them, and what they show."""

    vectors: PhotoVectors
    truth: Truth

    @classmethod
    def of(cls, rows: list[tuple[Path, set[str]]], heads: BothHeads, model: str | None) -> Photos:
        views = torch.from_numpy(sets.all_features([str(path) for path, _ in rows], model))
        words = sorted(set().union(*(said for _, said in rows)))
        return cls(heads.vectors(views), {word: np.array([word in said for _, said in rows]) for word in words})


@dataclass(frozen=True)
class WordLogits:
    """Logits (n,) of a word by each head, and whether it is on each photo."""

    by_word: Vector
    by_class: Vector
    truth: NDArray[np.bool_]
    is_learnt: bool

    def precisions(self) -> list[float]:
        fusion = LEARNT if self.is_learnt else OPEN
        both = fusion.logits(self.by_word, self.by_class)
        return [average_precision(scores, self.truth) for scores in (self.by_word, self.by_class, both)]


def ask(heads: BothHeads, word: str, photos: Photos) -> WordLogits | None:
    """None for a word that names no class, or is none."""
    by_class = heads.by_class(word, photos.vectors)
    if by_class is None or word not in heads.words:
        return None
    truth = photos.truth.get(word, np.zeros(len(by_class), bool))
    return WordLogits(heads.by_word(word, photos.vectors), by_class, truth, word in heads.learnt)


def caltech(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    """What each photo shows, and what that is a kind of."""
    kinds = Named.shipped().kinds
    for path in sorted(folder.rglob("*.jpg")):
        if is_held_out(str(path.relative_to(folder))):
            name = plain_name(path)
            yield path, {name, *kinds.get(name, ())} if name else set()


def plain_name(path: Path) -> str:
    """What people call the folder of a photo; nothing where that names no thing."""
    plain = path.parent.name.replace("_", " ").lower()
    return "" if path.parent.name in CALTECH_SKIPPED else SAID.get(plain, plain)


def products(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if is_held_out(row["path"]):
                yield folder / row["path"], {article(row["articleType"])[0]}


def name_photos(folder: Path, unseen: str) -> list[list[str]]:
    """How often the name of a photo of Caltech-101 is the first, or among the first five, of all of its names."""
    heads = BothHeads(unseen)
    rows = [(path, plain_name(path)) for path, said in caltech(folder) if said]
    names = sorted({name for _, name in rows if all(word in heads.words for word in name.split())})
    rows = [(path, name) for path, name in rows if name in names]
    vectors = heads.vectors(torch.from_numpy(sets.all_features([str(path) for path, _ in rows], unseen)))
    truth = np.array([names.index(name) for _, name in rows])
    found = []
    for way, asked_by in (("words head", heads.by_word), ("both", heads)):
        logits = np.stack([asked_by(name, vectors) for name in names], 1)
        ranks = (logits > logits[np.arange(len(truth)), truth][:, None]).sum(1)
        found.append([way, f"{len(rows)}", f"{len(names)}", *(f"{(ranks < k).mean():.3f}" for k in (1, 5))])
    return found


def claims(heads: BothHeads, photos: dict[str, Photos]) -> list[list[str]]:
    """What words that the words head has not learnt claim with 0.1 or more, by three ways to a probability."""
    everyday, shown = photos["VOC"], photos["Caltech-101"]
    absent = [word for word in (*ABSENT, *OTHERS) if word not in heads.learnt]
    words = [word for word, truth in shown.truth.items() if word not in heads.learnt and word in heads.words]
    truth = np.stack([shown.truth[word] for word in words])
    ways = {
        "the line of learnt words": heads.by_learnt_line,
        "a line of their own": heads.by_word,
        "both heads": heads,
    }
    lines = []
    for way, logits in ways.items():
        told = np.mean([sigmoid(logits(word, everyday.vectors)).max() < CLAIMED for word in absent])
        likely = np.stack([sigmoid(logits(word, shown.vectors)) for word in words])
        claimed = likely >= CLAIMED
        shares = told, claimed[truth].mean(), likely[claimed].mean(), truth[claimed].mean()
        lines.append([way, *(f"{share:.3f}" for share in shares), f"{claimed.sum():,}"])
    return lines


def reliability(heads: BothHeads, photos: dict[str, Photos]) -> list[list[str]]:
    """Probabilities as `devise search` gives them, of names that were learnt often, seldom and never, by bins."""
    voc, caltech_101 = photos["VOC"], photos["Caltech-101"]
    names = [word for word in caltech_101.truth if word in heads.words and word not in voc.truth]
    kinds = {
        "VOC's, learnt often": (voc, [*voc.truth]),
        "Caltech-101's, learnt from a few photos": (caltech_101, [word for word in names if word in heads.learnt]),
        "Caltech-101's, never learnt": (caltech_101, [word for word in names if word not in heads.learnt]),
    }
    lines = []
    for kind, (some, words) in kinds.items():
        likely = np.concatenate([sigmoid(heads(word, some.vectors)) for word in words])
        truth = np.concatenate([some.truth[word] for word in words])
        for low, high in pairwise(BINS):
            of_bin = (likely >= low) & (likely < high)
            shares = (f"{x[of_bin].mean():.3f}" if of_bin.any() else "-" for x in (likely, truth))
            lines.append([kind, f"{low:g} to {min(high, 1):g}", f"{of_bin.sum():,}", *shares])
    return lines


def load_photos(heads: BothHeads, chosen: argparse.Namespace) -> dict[str, Photos]:
    voc = data.voc(chosen.data)
    found = {
        "Caltech-101": [*caltech(data.unpacked(chosen.data, "caltech101"))],
        "VOC": [
            (voc.folder / name, {VOC_NAMES.get(label, label) for label in labels})
            for name, labels in sorted(voc.labels.items())
            if is_held_out(name)
        ],
        "product photos": [*products(data.unpacked(chosen.data, "fashion"))],
    }
    return {name: Photos.of(rows, heads, chosen.model) for name, rows in found.items()}


def fit_fusion(words: list[WordLogits], weights: list[float], in_use: Fusion) -> list[float]:
    """What makes probabilities of both logits, its loss and that of the one in use; each word counts by its weight."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    both = np.concatenate([np.stack([one.by_word, one.by_class], 1) for one in words])
    truth = np.concatenate([one.truth for one in words])
    each = np.concatenate([np.full(len(one.truth), w / len(one.truth)) for one, w in zip(words, weights, strict=True)])
    fitted = LogisticRegression(C=1e4, max_iter=3000).fit(both, truth, each * len(truth) / each.sum())
    ours = 1 / (1 + np.exp(-in_use.logits(both[:, 0], both[:, 1]).astype(np.float64)))
    losses = [log_loss(truth, p, sample_weight=each) for p in (fitted.predict_proba(both)[:, 1], ours)]
    return [*fitted.coef_[0].tolist(), float(fitted.intercept_[0]), *losses]


def fit(heads: BothHeads, photos: dict[str, Photos], found: dict[tuple[str, bool], list[WordLogits]]) -> None:
    shown, everyday = photos["Caltech-101"], photos["VOC"]
    present = found["Caltech-101", False]
    names = heads.classes.names() - heads.learnt - shown.truth.keys()
    absent = [one for word in sorted(names) if (one := ask(heads, word, shown))]
    elsewhere = [one for word in shown.truth if (one := ask(heads, word, everyday)) and not one.is_learnt]
    weights = [1 / len(part) for part in (present, absent, elsewhere) for _ in part]
    print("by word, by class, bias, loss, loss of the fusion in use")
    print("not learnt", np.round(fit_fusion([*present, *absent, *elsewhere], weights, OPEN), 4))
    learnt = [one for (_, is_learnt), some in found.items() if is_learnt for one in some]
    weights = [1 / len(some) for (_, is_learnt), some in found.items() if is_learnt for _ in some]
    print("learnt", np.round(fit_fusion(learnt, weights, LEARNT), 4))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--unseen", help="a model whose words head has seen no labels of Caltech-101")
    options.add_argument("--fit", action="store_true", help="also fit the lines")
    chosen = options.parse_args()
    heads = BothHeads(chosen.model)
    photos, found = load_photos(heads, chosen), dict[tuple[str, bool], list[WordLogits]]()
    for name, some in photos.items():
        for word in some.truth:
            if one := ask(heads, word, some):
                found.setdefault((name, one.is_learnt), []).append(one)
    lines = []
    for (name, is_learnt), some in sorted(found.items()):
        means = np.mean([one.precisions() for one in some], axis=0)
        kind = "learnt" if is_learnt else "not learnt"
        lines.append([f"{name}, words {kind}", f"{len(some)}", *(f"{x:.3f}" for x in means)])
    title = f"{heads.checkpoint.name}, held-out photos, words that name classes, mean average precision"
    show("class-words", title, COLUMNS, lines, write=chosen.write)
    columns = ["probability by", "absent words told", "right photos claimed", "mean probability of claims",
               "of claims, right", "claims"]  # fmt: skip
    title = "words that the words head has not learnt: absent ones of VOC's photos, names of Caltech-101"
    show("claims", title, columns, claims(heads, photos), write=chosen.write)
    show("reliability", "names asked by both heads, held-out photos",
         ["words", "probability", "count", "mean probability", "share that is true"], reliability(heads, photos),
         write=chosen.write)  # fmt: skip
    if chosen.unseen:
        rows = name_photos(data.unpacked(chosen.data, "caltech101"), chosen.unseen)
        title = "names of Caltech-101, of which the words head has seen no labels, on its held-out photos"
        show("caltech-names", title, ("asked of", "photos", "names", "first", "among five"), rows, write=chosen.write)
    if chosen.fit:
        fit(heads, photos, found)


if __name__ == "__main__":
    main()
