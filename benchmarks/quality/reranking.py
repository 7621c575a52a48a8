"""Class-weighted reranking: photos like a photo, and like one of the two things that it shows.

    python -m benchmarks.quality.reranking --data DIR

Every photo of VOC with two labels or more is asked with, once for each of its labels: plain cosine of features, and
`--like LABEL`, cos(w * q, w * x). Precision@9: the share of the first nine that show the wanted label. VOC's words that
are no ImageNet class ("cat") stand for the nearest classes by word vectors, as they do for users.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.report import parser, show
from devise import config
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.classes import read_classes
from devise.search.class_weights import class_weights
from devise.vectors import Vector, unit
from devise.words import WordVectors

TOP = 9
CASE = ("cat", "siamese cat", "bottle", "wine bottle")  # the article's: a photo of a cat beside a bottle


def nearest(rows: Vector, asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, dim) unit rows -> (asked, TOP): the nearest of each, without itself."""
    scores = rows[asked] @ rows.T
    scores[np.arange(len(asked)), asked] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]


def main() -> None:
    chosen = parser(__doc__).parse_args()
    voc, vectors = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    names, classes = sorted(voc.labels), read_classes(chosen.model or config.SHIPPED_MODEL)
    truth = np.array([[label in voc.labels[name] for label in voc.classes] for name in names])
    features = unit(sets.whole_features([str(voc.folder / name) for name in names], chosen.model).astype(np.float32))
    several, rows, weights = truth.sum(1) > 1, [], []
    for i, label in enumerate(voc.classes):
        asked = np.flatnonzero(several & truth[:, i])
        if not len(asked):
            continue
        wish = class_weights(label, classes, vectors)
        weighted = unit(features * wish.weights)
        shares = [truth[nearest(space, asked), i].mean() for space in (features, weighted)]
        weights.append(len(asked))
        rows.append(
            [label, str(len(asked)), ", ".join(wish.names), f"{truth[:, i].mean():.3f}", *(f"{x:.3f}" for x in shares)]
        )
        print(rows[-1], flush=True)
    means = [np.mean([float(row[column]) for row in rows]) for column in (3, 4, 5)]
    rows.append(["mean over labels", str(sum(weights)), "", *(f"{mean:.3f}" for mean in means)])
    title = (
        f"{classes.model}, {int(several.sum())} VOC photos with two labels or more, precision@{TOP} for the wanted one"
    )
    show(
        "reranking", title, ["label", "asked", "classes", "chance", "plain", "like the label"], rows, write=chosen.write
    )
    both = np.flatnonzero(truth[:, voc.classes.index("bottle")] & truth[:, voc.classes.index("cat")])
    case = []
    for name in (None, *CASE):
        wish = class_weights(name, classes, vectors) if name else None
        found = nearest(unit(features * wish.weights) if wish else features, both)
        shares = [f"{truth[found, voc.classes.index(label)].mean():.3f}" for label in ("cat", "bottle")]
        case.append([f"like {name}" if name else "plain", ", ".join(wish.names) if wish else "", *shares])
    title = f"{classes.model}, the {len(both)} VOC photos with a bottle and a cat: share of the first {TOP} with either"
    show("reranking-case", title, ["ranked", "classes", "a cat", "a bottle"], case, write=chosen.write)


if __name__ == "__main__":
    main()
