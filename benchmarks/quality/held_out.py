"""The model that ships on the quarter of VOC that no training has seen: words -> photos, and pairs of words.

    python -m benchmarks.quality.held_out --data DIR

Eight of the twenty classes have five photos or fewer among the 456: their figures, and so the means, move by several
points with a single photo. benchmarks.quality.voc asks all 1,880 photos, with heads trained in five folds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.both_heads import BothHeads, PhotoVectors, sigmoid
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import COLUMNS, Answers, Asked, chance, convex_words, each, summary
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.checkpoint import Checkpoint
from devise.vectors import Vector, unit
from devise.words import WordVectors
from recipes.photos import is_held_out


@dataclass(frozen=True)
class HeldOut:
    """What is asked of which model: views (photos, views, num_features), words (classes, dim)."""

    checkpoint: Checkpoint
    vectors: WordVectors
    asked: Asked
    views: torch.Tensor
    words: Vector

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> HeldOut:
        voc, vectors = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
        names = [name for name in sorted(voc.labels) if is_held_out(name)]
        views = torch.from_numpy(sets.all_features([str(voc.folder / name) for name in names], chosen.model))
        words = sets.targets(voc.classes, vectors)
        return cls(sets.opened(chosen.model), vectors, Asked.of(voc, names), views, words)

    def answers(self) -> Answers:
        return answers(self.checkpoint, self.views, self.words, self.asked)

    def answers_of_both(self, heads: BothHeads, photos: PhotoVectors) -> Answers:
        """As `devise search` asks: by the classes head as well."""
        logits = np.stack([heads(name, photos) for name in self.asked.classes], 1)
        return Answers(logits, sigmoid(logits), self.answers().averaged)


def answers(checkpoint: Checkpoint, views: torch.Tensor, words: Vector, asked: Asked) -> Answers:
    """By the words head that ships."""
    head, config = checkpoint.heads["words"], checkpoint.configs["words"]
    if not config.scale:
        raise SystemExit(f"{checkpoint.name} gives no probabilities; train it with validation photos")
    mixed = unit(np.stack([words[a] + words[b] for a, b in asked.pairs]))
    scores = heads.scores(head, views, words)
    probabilities = 1 / (1 + np.exp(-(config.scale * scores + config.bias)))
    return Answers(scores, probabilities, heads.scores(head, views, mixed))


def main() -> None:
    chosen = parser(__doc__).parse_args()
    held = HeldOut.of(chosen)
    checkpoint, asked, views, words, found = held.checkpoint, held.asked, held.views, held.words, held.answers()
    heads_of_both = BothHeads(chosen.model)
    both = held.answers_of_both(heads_of_both, heads_of_both.vectors(views))
    rows = [
        summary("words and classes, as devise search asks", both, asked),
        summary("words, whole photo and parts", found, asked),
        summary("words, whole photo only", answers(checkpoint, views[:, :1], words, asked), asked),
        summary("ConSE on the classes head", convex_words(views, checkpoint, words, held.vectors, asked), asked),
        chance(asked),
    ]
    title = f"{checkpoint.name}, {len(views)} photos, {len(words)} classes, {len(asked.pairs)} pairs"
    show("held-out", title, COLUMNS, rows, write=chosen.write)
    show("held-out-each", f"{checkpoint.name}, as devise search asks, each class, and each pair by product",
         ["query", "photos", "average precision", "P@9", "chance"], each(both, asked), write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
