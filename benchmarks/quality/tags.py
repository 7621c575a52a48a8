"""Are the probabilities of tags true? VOC's 20 class words on the quarter of it that no training has seen.

    python -m benchmarks.quality.tags --data DIR

Of all pairs of a photo and a class whose probability lies between two numbers, how many are true? And at `--sure` 0.5,
the default of `devise tag`: how many of the class words that would be given are right, how many of the right ones are
given. The probabilities were fitted on photos of all training sets, each asked about the labels of its own set.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.held_out import HeldOut
from benchmarks.quality.report import parser, show
from devise import config

EDGES = (0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1)


def bins(probabilities: NDArray[np.float32], truth: NDArray[np.bool_]) -> list[list[str]]:
    """Rows of: range of probabilities, how many, their mean, the share that is true."""
    number = np.digitize(probabilities, EDGES[1:-1])
    rows = []
    for i, (low, high) in enumerate(pairwise(EDGES)):
        those = number == i
        told = [f"{probabilities[those].mean():.3f}", f"{truth[those].mean():.3f}"] if those.any() else ["-", "-"]
        rows.append([f"{low} to {high}", f"{those.sum():,}", *told])
    return rows


def main() -> None:
    chosen = parser(__doc__).parse_args()
    held = HeldOut.of(chosen)
    asked, found = held.asked, held.answers().probabilities
    rows, given = bins(found, asked.truth), found >= config.TagConfig.sure
    right = (given & asked.truth).sum()
    given_right, right_given = f"{right / given.sum():.3f}", f"{right / asked.truth.sum():.3f}"
    rows += [[f"given at {config.TagConfig.sure}", f"{given.sum():,}", f"{found[given].mean():.3f}", given_right],
             [f"right ones given at {config.TagConfig.sure}", f"{asked.truth.sum():,}", "-", right_given],
             ["photos without any", f"{(~given.any(1)).sum():,}", "-", "-"]]  # fmt: skip
    show("tags", f"{len(held.views)} photos, {len(held.words)} class words",
         ["probability", "count", "mean probability", "share that is true"], rows, write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
