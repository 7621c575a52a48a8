"""Photo -> photos on 2,500 product photos, in spaces alone and mixed: precision@10 by article type, colour and both.

    python -m benchmarks.quality.blends --data DIR [--library FOLDER] [--write]

--library: one that has the photos already, so that they are not indexed anew.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.quality.report import parser, show
from devise import Library
from devise.index.flat import METRICS
from devise.search.blend import nearness, spaces_of

AT = 10
SPACES = (
    *("features", "words", "grey", "phash", "colour"),
    *(f"features,{weight}:colour" for weight in ("0.25", "0.5", "1", "2", "4")),
)


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--library", type=Path, default=None)
    chosen = asked.parse_args()
    folder = data.unpacked(chosen.data, "fashion")
    with (folder / "labels.csv").open(newline="") as file:
        labels = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    with tempfile.TemporaryDirectory() as place, Library(chosen.library or place, model=chosen.model) as library:
        if chosen.library is None:
            library.index([folder / "fashion"])
        model = library.info().model
        assert model is not None
        near = {}
        for name in ("features", "words", "grey", "phash", "colour"):
            paths, rows = library.vectors(name)
            space = model.space(name)
            typed = rows.astype(np.uint8) if space.metric == "hamming" else rows
            near[name] = np.stack([nearness(space, METRICS[space.metric](typed, row)) for row in typed])
    kinds = [np.array([labels[Path(path).name][column] for path in paths]) for column in ("articleType", "baseColour")]
    rows_shown = []
    for spaces in SPACES:
        score = sum(weight * near[name] for name, weight in spaces_of(spaces))
        np.fill_diagonal(score, -np.inf)
        best = np.argpartition(-score, AT, axis=1)[:, :AT]
        same = [kind[best] == kind[:, None] for kind in kinds]
        rows_shown.append([spaces, *(f"{one.mean():.3f}" for one in (*same, same[0] & same[1]))])
    show("blends", f"{len(paths):,} product photos, precision@{AT}", ["space", "article type", "colour", "both"],
         rows_shown, write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
