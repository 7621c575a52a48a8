"""What rounding costs: recall@10 of vectors in half precision and in bytes, against those in floats.

    python -m benchmarks.precision --data DIR [--full]

Vectors as benchmarks/grown.py makes them between real photos, floats until they are stored: 20,000 between VOC's, with
--full 100,000 between those of all sets. Asked with words, and with photos that are not among them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import grown, report, warm_search
from benchmarks.indexes import exact, recall
from benchmarks.report import Figure
from benchmarks.synthetic import HELD_OUT, Growth
from devise import Library
from devise.vectors import Vector

PHOTOS = {False: 20_000, True: 100_000}


def in_halves(rows: Vector) -> Vector:
    return rows.astype(np.float16).astype(np.float32)


def in_bytes(rows: Vector) -> Vector:
    """A scale for each row, as integers from -127 to 127."""
    scales = np.abs(rows).max(1, keepdims=True) / 127
    whole: NDArray[np.int8] = np.rint(rows / scales).astype(np.int8)
    return (whole * scales).astype(np.float32)


def main() -> None:
    options = report.parser(__doc__).parse_args()
    base = grown.read_base(options.data, full=options.full)
    growth, count = Growth(base), PHOTOS[options.full]
    rows = np.concatenate([growth.more(i, grown.CHUNK)[1]["words"] for i in range(count // grown.CHUNK)])
    with Library(base.place) as opened:
        words = warm_search.word_queries(opened)
    asked = {f"{len(words.queries)} words": words.queries, "100 photos": growth.more(HELD_OUT, 100)[1]["words"]}
    figures = []
    for what, queries in asked.items():
        truth = exact(rows, queries, warm_search.K)
        for how, rounded, size in (("halves", in_halves(rows), 2), ("bytes with a scale a row", in_bytes(rows), 1)):
            found = recall(list(exact(rounded, queries, warm_search.K)), truth)
            figures.append(Figure(f"{how}, {size * rows.shape[1]} bytes a photo, asked with {what}", found, ""))
    report.show(f"recall@{warm_search.K} of {count:,} photos", figures, "floats")
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
