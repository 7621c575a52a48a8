"""Tiny-ImageNet validation: flat hit@k and hierarchical precision@k, as in DeViSE's table 1.

    python -m benchmarks.quality.tiny --data DIR [--seeds N]

All heads are trained on the same features of the same 60,000 photos by the same steps: a softmax over 200 classes,
words heads by each loss, one on random unit targets instead of word vectors, and ConSE on the softmax (Norouzi et al.,
2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, percent, show
from benchmarks.quality.wordnet import distances, hierarchical_precision
from devise.analysis.metrics import hits
from devise.config import SHIPPED_VECTORS
from devise.training import LOSS_NAMES
from devise.vectors import unit
from devise.words import WordVectors

FLAT, DEEP = (1, 2, 5, 10), (2, 5, 10, 20)
EPOCHS = 8


def rankings(
    training: heads.Lessons, validation: torch.Tensor, words: NDArray[np.float32], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Name of the head -> scores (n, 200)."""
    classify = heads.softmax(training, seed=seed, epochs=EPOCHS)
    found = classify(validation).numpy()
    yield "softmax", found
    for loss in LOSS_NAMES:
        yield (
            f"words, {loss}",
            heads.scores(heads.trained(training, words, loss, seed=seed, epochs=EPOCHS), validation, words),
        )
    noise = unit(np.random.default_rng(seed).normal(size=words.shape))
    head = heads.trained(training, noise, LOSS_NAMES[0], seed=seed, epochs=EPOCHS)
    yield f"random targets, {LOSS_NAMES[0]}", heads.scores(head, validation, noise)
    yield "ConSE", heads.convex(np.exp(found), words, words)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--wordnet", type=Path, default=None, help="folder of WordNet's data.noun")
    chosen = options.parse_args()
    tiny, vectors = sets.tiny(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    words, apart = sets.targets(tiny.names, vectors), distances(tiny.synsets, chosen.wordnet)
    training = heads.Lessons.of(
        sets.whole_features(tiny.training, chosen.model, sets.SMALL), tiny.training_classes, 200
    )
    features = sets.whole_features(tiny.validation, chosen.model, sets.SMALL)
    right = tiny.validation_classes
    truth = np.eye(200)[right]
    found: dict[str, list[list[float]]] = {}
    for seed in range(chosen.seeds):
        for name, scores in rankings(training, torch.from_numpy(features)[:, None], words, seed):
            order = np.argsort(-scores, axis=1, kind="stable")
            flat = hits(scores, truth, at=FLAT)
            deep = [hierarchical_precision(order, right, apart, k) for k in DEEP]
            found.setdefault(name, []).append([*flat.values(), *deep])
            print(name, seed, np.round(found[name][-1], 3), flush=True)
    rows = [[name, *(percent(column) for column in np.array(runs).T)] for name, runs in found.items()]
    show(
        "tiny", f"{len(right):,} validation photos, 200 classes, {EPOCHS} epochs, seeds 0 to {chosen.seeds - 1}",
        ["head", *(f"hit@{k}" for k in FLAT), *(f"hierarchical@{k}" for k in DEEP)], rows, write=chosen.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
