"""What parts of photos add, and what packing them costs: class words and pairs of VOC, bytes a photo.

    python -m benchmarks.quality.parts --data DIR

A words head learns from the three quarters of VOC that are not held out, with the backbone frozen, and is asked on the
held-out quarter; --seeds of it, and the mean. Packed parts are those of devise.store.regions at several ranks.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import EPOCHS, Answers, Asked, pair_precisions
from devise.analysis.metrics import average_precision, probability
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.heads import WordsHead
from devise.store.regions import pack, unpack
from devise.training import LOSS_NAMES
from devise.vectors import Vector, pooled
from devise.words import WordVectors
from recipes.photos import is_held_out

RANKS = (2, 4, 6, 8, 12, 16)
COMMON = 20  # photos that a class word needs to count: with fewer, single photos decide


@torch.inference_mode()
def embedded(head: WordsHead, views: torch.Tensor) -> Vector:
    """(n, views, num_features) -> (n, views, dim)"""
    return torch.cat([head(part.float()) for part in views.split(64)]).numpy()


def packed(rows: Vector, rank: int) -> tuple[Vector, int]:
    """The same rows after packing their parts, and the bytes that a photo's take."""
    blobs = [pack(photo[1:], rank) for photo in rows]
    return np.concatenate([rows[:, :1], unpack(blobs, rows.shape[2]).vectors()], 1), len(blobs[0])


def figures(rows: Vector, words: Vector, asked: Asked) -> NDArray[np.float64]:
    """Mean average precision of the words that are common, and of pairs by product."""
    cosines = rows @ words.T
    scores = np.stack([pooled(cosines[:, 0, i], cosines[:, 1:, i]) for i in range(len(words))], 1)
    scale, bias = probability(scores, asked.truth)
    answers = Answers(scores, 1 / (1 + np.exp(-(scale * scores + bias))), scores)
    common = np.flatnonzero(asked.truth.sum(0) >= COMMON)
    single = np.mean([average_precision(scores[:, i], asked.truth[:, i]) for i in common])
    return np.array([single, np.mean(pair_precisions(answers.products(asked), asked))])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=2)
    chosen = options.parse_args()
    voc, vectors = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    names, words = sorted(voc.labels), sets.targets(voc.classes, vectors)
    held = np.array([is_held_out(name) for name in names])
    views = torch.from_numpy(sets.all_features([str(voc.folder / name) for name in names], chosen.model))
    lessons = heads.Lessons(views, torch.from_numpy(Asked.of(voc, names).truth).float())[np.flatnonzero(~held)]
    asked = Asked.of(voc, [name for name, is_held in zip(names, held, strict=True) if is_held])
    found: dict[str, list[NDArray[np.float64]]] = {}
    bytes_of: dict[str, int] = {}

    def add(name: str, rows: Vector, num_bytes: int) -> None:
        found.setdefault(name, []).append(figures(rows, words, asked))
        bytes_of[name] = num_bytes
        print(name, found[name][-1], flush=True)

    for seed in range(chosen.seeds):
        whole = heads.Lessons(lessons.features[:, :1], lessons.truth)
        alone = heads.trained(whole, words, LOSS_NAMES[0], seed=seed, epochs=EPOCHS, batch=64)
        add("whole photo only", embedded(alone, views[held, :1]), 0)
        head = heads.trained(lessons, words, LOSS_NAMES[0], seed=seed, epochs=EPOCHS, batch=64)
        rows = embedded(head, views[held])
        add("parts, half precision", rows, 2 * rows[0, 1:].size)
        for rank in RANKS:
            add(f"parts, packed at rank {rank}", *packed(rows, rank))
    table = [[name, *(f"{x:.3f}" for x in np.mean(each, 0)), f"{bytes_of[name]:,}"] for name, each in found.items()]
    columns = ["kept of a photo", f"words with {COMMON} photos or more", "pairs: product", "bytes"]
    show("parts", f"{int(held.sum())} photos, {chosen.seeds} seeds", columns, table, write=chosen.write)


if __name__ == "__main__":
    main()
