"""Queries "A -B": which photos of A without B come first, by several ways to push B away.

    python -m benchmarks.quality.negatives --data DIR

On the held-out quarter of VOC, every A and B of which at least five photos show both and five A alone. Right is what
shows A and not B. Beside A alone, which does not push at all: vectors subtracted; twice A less B, as Qdrant's
`average_vector` recommends; Qdrant's `best_score` (A's score where it is above B's, else minus B's squared); scores
subtracted; and the product of A's probability and of B's absence, which `devise search` takes.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import heads
from benchmarks.quality.held_out import HeldOut
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import MIN_PHOTOS, precision_at
from devise.analysis.metrics import average_precision
from devise.vectors import unit

Floats = NDArray[np.float32]


def best_score(a: Floats, b: Floats) -> Floats:
    """https://qdrant.tech/documentation/concepts/explore/#best-score-strategy"""
    return np.where(a > b, 1 / (1 + np.exp(-a)), -(b**2))


def main() -> None:
    chosen = parser(__doc__).parse_args()
    held = HeldOut.of(chosen)
    checkpoint, asked, views, words, found = held.checkpoint, held.asked, held.views, held.words, held.answers()
    pairs = [(a, b) for a, b in permutations(range(len(words)), 2)
             if min((asked.truth[:, a] & asked.truth[:, b]).sum(),
                    (asked.truth[:, a] & ~asked.truth[:, b]).sum()) >= MIN_PHOTOS]  # fmt: skip
    head = checkpoint.heads["words"]
    subtracted, twice = (
        heads.scores(head, views, unit(np.stack([times * words[a] - words[b] for a, b in pairs]))) for times in (1, 2)
    )
    scores, p = found.scores, found.probabilities
    ways = {
        "A alone": [scores[:, a] for a, _ in pairs],
        "vectors subtracted": list(subtracted.T),
        "average_vector (Qdrant)": list(twice.T),
        "best_score (Qdrant)": [best_score(scores[:, a], scores[:, b]) for a, b in pairs],
        "scores subtracted": [scores[:, a] - scores[:, b] for a, b in pairs],
        "product of probabilities": [p[:, a] * (1 - p[:, b]) for a, b in pairs],
    }
    rows = []
    for way, ranked in ways.items():
        right = [asked.truth[:, a] & ~asked.truth[:, b] for a, b in pairs]
        pushed = [asked.truth[:, b] for _, b in pairs]
        without = [asked.truth[:, a] & asked.truth[:, b] for a, b in pairs]
        columns = (
            np.mean([average_precision(score, wanted) for score, wanted in zip(ranked, right, strict=True)]),
            *(np.mean([precision_at(score, some) for score, some in zip(ranked, truth, strict=True)])
              for truth in (right, without, pushed)),
        )  # fmt: skip
        rows.append([way, *(f"{value:.3f}" for value in columns)])
    show(
        "negatives", f"{checkpoint.name}, {len(views)} photos, {len(pairs)} queries A -B",
        ["way", "average precision", "of 9: A without B", "A and B", "any B"], rows, write=chosen.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
