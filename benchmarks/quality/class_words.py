"""Words that name ImageNet's classes, asked of the classes layer beside the words head, as `devise search` does.

    python -m benchmarks.quality.class_words --data DIR

Held-out photos of Caltech-101, VOC and the product photos, each asked for the words of its own labels that name
classes; Caltech-101's apart for words that the words head has learnt and for those that it has not. With --fit the
lines of devise.search.class_words are fitted on the same photos: of the words that were not learnt with as much weight
on 1,000 names that no photo shows, and with everyday photos that show none.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.parts import embedded
from benchmarks.quality.report import parser, show
from devise.analysis.metrics import average_precision
from devise.config import SHIPPED_MODEL, SHIPPED_VECTORS
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.classes import read_classes
from devise.search.class_words import LEARNT, OPEN, ClassWords
from devise.vectors import Vector, pooled, unit
from devise.words import WordVectors
from devise.words.naming import Named
from recipes.path_labels import SAID, article
from recipes.photos import is_held_out
from recipes.shipped_model import CALTECH_SKIPPED, VOC_NAMES

COLUMNS = ("photos", "words", "words head", "classes layer", "both")
Truth = dict[str, NDArray[np.bool_]]  # of the words of a set, of its photos


@dataclass(frozen=True)
class Photos:
    """Features of length 1 (n, features), and words vectors of the whole and of parts (n, views, dim)."""

    features: Vector
    vectors: Vector
    truth: Truth

    @classmethod
    def of(cls, paths: list[Path], said: list[set[str]], checkpoint: Checkpoint, model: str | None) -> Photos:
        views = torch.from_numpy(sets.all_features([str(path) for path in paths], model))
        words = sorted(set().union(*said))
        truth = {word: np.array([word in names for names in said]) for word in words}
        return cls(unit(views[:, 0].float().numpy()), embedded(checkpoint.heads["words"], views), truth)


@dataclass(frozen=True)
class Asked:
    """Logits (n,) of a word by each head, and whether it is on each photo."""

    by_word: Vector
    by_class: Vector
    truth: NDArray[np.bool_]
    is_learnt: bool

    def precisions(self) -> list[float]:
        line = LEARNT if self.is_learnt else OPEN
        both = line.logits(self.by_word, self.by_class)
        return [average_precision(scores, self.truth) for scores in (self.by_word, self.by_class, both)]


class Asking:
    """The model that is asked."""

    def __init__(self, model: str | None) -> None:
        self.checkpoint = sets.opened(model)
        self.config, self.words = self.checkpoint.configs["words"], WordVectors.open(SHIPPED_VECTORS)
        self.classes = ClassWords(read_classes(model or SHIPPED_MODEL))
        self.learnt = {label.lower() for label in self.config.labels}

    def __call__(self, word: str, photos: Photos) -> Asked | None:
        """None for a word that names no class, or is none."""
        known, is_learnt = self.config, word in self.learnt
        named = self.classes.of(word, is_learnt=is_learnt)
        if named is None or word not in self.words:
            return None
        cosines = photos.vectors @ self.words.vector(word)
        scores = pooled(cosines[:, 0], cosines[:, 1:])
        scale, bias = (known.scale, known.bias) if is_learnt else (known.open_scale, known.open_bias)
        truth = photos.truth.get(word, np.zeros(len(scores), bool))
        return Asked(scale * scores + bias, named.log_ratios(photos.features), truth, is_learnt)


def caltech(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    """What each photo shows, and what that is a kind of."""
    kinds = Named.shipped().kinds
    for path in sorted(folder.rglob("*.jpg")):
        label = path.parent.name
        plain = label.replace("_", " ").lower()
        if is_held_out(str(path.relative_to(folder))):
            name = SAID.get(plain, plain)
            yield path, set() if label in CALTECH_SKIPPED or not name else {name, *kinds.get(name, ())}


def products(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if is_held_out(row["path"]):
                yield folder / row["path"], {article(row["articleType"])[0]}


def photos_of(asking: Asking, chosen: argparse.Namespace) -> dict[str, Photos]:
    voc = data.voc(chosen.data)
    of_voc = [
        (voc.folder / name, {VOC_NAMES.get(label, label) for label in labels})
        for name, labels in sorted(voc.labels.items())
        if is_held_out(name)
    ]
    found = {
        "Caltech-101": [*caltech(data.unpacked(chosen.data, "caltech101"))],
        "VOC": of_voc,
        "product photos": [*products(data.unpacked(chosen.data, "fashion"))],
    }
    return {
        name: Photos.of([path for path, _ in rows], [said for _, said in rows], asking.checkpoint, chosen.model)
        for name, rows in found.items()
    }


def line(asked: list[Asked], weights: list[float]) -> list[float]:
    """What makes probabilities of both logits: the mean loss of each word counts by its weight."""
    from sklearn.linear_model import LogisticRegression

    both = np.concatenate([np.stack([one.by_word, one.by_class], 1) for one in asked])
    truth = np.concatenate([one.truth for one in asked])
    each = np.concatenate([np.full(len(one.truth), w / len(one.truth)) for one, w in zip(asked, weights, strict=True)])
    fitted = LogisticRegression(C=1e4, max_iter=3000).fit(both, truth, each * len(truth) / each.sum())
    return [*fitted.coef_[0].tolist(), float(fitted.intercept_[0])]


def fit(asking: Asking, photos: dict[str, Photos], found: dict[tuple[str, bool], list[Asked]]) -> None:
    shown, everyday = photos["Caltech-101"], photos["VOC"]
    present = found["Caltech-101", False]
    names = {word for word in asking.classes.names() if word not in asking.learnt and word not in shown.truth}
    absent = [one for word in sorted(names) if (one := asking(word, shown))]
    elsewhere = [one for word in shown.truth if (one := asking(word, everyday)) and not one.is_learnt]
    weights = [1 / len(part) for part in (present, absent, elsewhere) for _ in part]
    print("not learnt: by word, by class, bias", np.round(line([*present, *absent, *elsewhere], weights), 2))
    learnt = [one for (_, is_learnt), some in found.items() if is_learnt for one in some]
    weights = [1 / len(some) for (_, is_learnt), some in found.items() if is_learnt for _ in some]
    print("learnt: by word, by class, bias", np.round(line(learnt, weights), 2))
    fixed = [Asked(one.by_word + 0.4 * one.by_class, np.zeros_like(one.by_class), one.truth, True) for one in learnt]
    print("learnt, the class counting 0.4 of the word", np.round(line(fixed, weights), 2))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--fit", action="store_true", help="also fit the lines")
    chosen = options.parse_args()
    asking = Asking(chosen.model)
    photos, found = photos_of(asking, chosen), dict[tuple[str, bool], list[Asked]]()
    for name, some in photos.items():
        for word in some.truth:
            if one := asking(word, some):
                found.setdefault((name, one.is_learnt), []).append(one)
    lines = []
    for (name, is_learnt), some in sorted(found.items()):
        means = np.mean([one.precisions() for one in some], axis=0)
        kind = "learnt" if is_learnt else "not learnt"
        lines.append([f"{name}, words {kind}", f"{len(some)}", *(f"{x:.3f}" for x in means)])
    title = f"{asking.checkpoint.name}, held-out photos, words that name classes, mean average precision"
    show("class-words", title, COLUMNS, lines, write=chosen.write)
    if chosen.fit:
        fit(asking, photos, found)


if __name__ == "__main__":
    main()
