"""Words -> photos on the quarter of VOC that no training of ours has seen: average precision per query.

    python -m benchmarks.voc --data DIR [--model NAME]

Each class word is searched among the held-out photos of voc.zip; pairs such as "sofa cat" are averaged words, and a
photo is right when it has both labels. Chance is the share of right photos.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import data
from devise import config
from devise.model.encoder import Encoder
from devise.photos import load
from devise.training.evaluate import average_precision
from devise.vectors import Vector
from devise.words import WordVectors
from recipes.photos import is_held_out

MIN_PHOTOS = 5  # of a pair among the held-out photos


def encoded(paths: list[str], encoder: Encoder) -> Vector:
    rows = []
    for start in range(0, len(paths), config.BATCH):
        part = paths[start : start + config.BATCH]
        pixels = np.stack([load(path, size=encoder.size, resize=encoder.resize) for path in part])
        rows.append(encoder.encode(pixels)["words"])
    return np.concatenate(rows)


def precisions(queries: dict[str, tuple[str, ...]], photos: Vector, truth: dict[str, NDArray[np.bool_]],
               vectors: WordVectors) -> dict[str, tuple[float, float, int]]:  # fmt: skip
    """Query -> average precision, chance, number of right photos."""
    found = {}
    for query, labels in queries.items():
        right = np.all([truth[label] for label in labels], axis=0)
        score = photos @ vectors.query(query)
        found[query] = (average_precision(score, right), float(right.mean()), int(right.sum()))
    return found


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    options = parser.parse_args()
    voc = data.voc(options.data)
    names = [name for name in sorted(voc.labels) if is_held_out(name)]
    encoder = Encoder.open(options.model)
    vectors = WordVectors.open(encoder.info.space("words").vectors)
    photos = encoded([str(voc.folder / name) for name in names], encoder)
    truth = {label: np.array([label in voc.labels[name] for name in names]) for label in voc.classes}
    singles = precisions({label: (label,) for label in voc.classes}, photos, truth, vectors)
    frequent = [(a, b) for a, b in combinations(voc.classes, 2) if (truth[a] & truth[b]).sum() >= MIN_PHOTOS]
    pairs = precisions({f"{a} {b}": (a, b) for a, b in frequent}, photos, truth, vectors)
    shown = Table(
        "query", "photos", "average precision", "chance", title=f"{len(names)} held-out VOC photos, {encoder.info.name}"
    )
    for found, title in ((singles, "mean of the class words"), (pairs, "mean of the pairs")):
        for query, (precision, chance, count) in found.items():
            shown.add_row(query, str(count), f"{precision:.3f}", f"{chance:.3f}")
        means = np.mean(list(found.values()), axis=0)
        shown.add_row(title, str(len(found)), f"{means[0]:.3f}", f"{means[1]:.3f}", style="bold", end_section=True)
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
