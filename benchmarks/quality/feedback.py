"""`devise mark`: what judging the first answers does to the photos that were not judged.

    python -m benchmarks.quality.feedback --data DIR

Held-out quarter of VOC: each class word with ten photos or more and each pair is asked, the first answers are marked
good or bad by VOC's labels, and the query is asked again. Average precision over the photos that were not judged
(residual collection, Chang, Cirillo and Razon, 1971), before and after.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.quality.held_out import HeldOut
from benchmarks.quality.report import parser, show
from devise import config
from devise.analysis.metrics import average_precision
from devise.search.scoring import Scoring
from devise.spaces import Calibration, Space
from devise.vectors import Vector, pooled
from devise.words.queries import Term

MARKED = (3, 9)
AT_LEAST = 10  # photos of a class that is asked for
SHIPPED = config.SearchConfig.feedback
WEIGHTS = ((SHIPPED, SHIPPED), (0.05, 0.05), (0.2, 0.2), (0.5, 0.25), (0.75, 0.15))


def main() -> None:
    chosen = parser(__doc__).parse_args()
    held = HeldOut.of(chosen)
    head, about = held.checkpoint.heads["words"], held.checkpoint.configs["words"]
    with torch.inference_mode():
        views = torch.cat([head(part.float()) for part in held.views.split(64)]).numpy()
    space = Space(name="words", dim=views.shape[2], calibration=Calibration(scale=about.scale, bias=about.bias))
    truth = held.asked.truth
    asked = [((i,), truth[:, i]) for i in range(truth.shape[1]) if truth[:, i].sum() >= AT_LEAST]
    asked += [(pair, held.asked.both(i)) for i, pair in enumerate(held.asked.pairs)]
    rows = [row for marked in MARKED for row in _asked_again(marked, asked, held.words, views, space)]
    columns = ["marked", "weight of good", "weight of bad", "average precision of the rest", "queries better"]
    show("feedback", f"{held.checkpoint.name}, {len(views)} photos, {len(asked)} queries", columns, rows,
         write=chosen.write)  # fmt: skip


def _asked_again(
    marked: int, asked: list[tuple[tuple[int, ...], NDArray[np.bool_]]], words: Vector, views: Vector, space: Space
) -> list[list[str]]:
    found: list[list[float]] = []
    for columns, right in asked:
        question = Scoring.of([Term("", words[i], is_learnt=True) for i in columns])
        scores = question.scores(np.stack([_cosines(views, words[i]) for i in columns]), space)
        first, rest = np.split(np.argsort(-scores, kind="stable"), [marked])
        if right[rest].any():
            good, bad = (views[first[right[first] == is_good], 0] for is_good in (True, False))
            nudges = [_cosines(views, some.mean(0)) if len(some) else np.zeros(len(views)) for some in (good, bad)]
            after = [scores, *(scores + b * nudges[0] - c * nudges[1] for b, c in WEIGHTS)]
            found.append([average_precision(way[rest], right[rest]) for way in after])
    each = np.array(found)
    better = [f"{(column > each[:, 0]).sum()}/{len(each)}" for column in each.T]
    weights = [("none", "none"), *((f"{b:g}", f"{c:g}") for b, c in WEIGHTS)]
    return [
        [str(marked), *weights[i], f"{each[:, i].mean():.3f}", better[i] if i else "-"] for i in range(len(weights))
    ]


def _cosines(views: Vector, vector: Vector) -> Vector:
    return pooled(views[:, 0] @ vector, views[:, 1:] @ vector)


if __name__ == "__main__":
    main()
