"""`devise explain`: is the warm part of a photo the one that shows the word? Cover it, and see how far the score falls.

    python -m benchmarks.quality.heat --data DIR

Held-out photos of VOC and the words that the model rightly gives them. The warmest eighth of a photo by each way is
made grey, and the photo is encoded anew (deletion; Petsiuk et al., "RISE", 2018, in one step). Beside the parts' own
cosines and occlusion: the middle of the photo, and cells drawn at random.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality.report import parser, show
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.encoder import Encoder
from devise.photos import load
from devise.search.explain import GRID, by_occlusion, by_parts
from devise.search.scoring import Scoring
from devise.vectors import Vector
from devise.words import WordVectors
from devise.words.queries import Term
from recipes.photos import is_held_out

GREY = 127
PART = 8  # one of so many cells is deleted
Heat = NDArray[np.float32]


def without(pixels: NDArray[np.uint8], heat: Heat) -> NDArray[np.uint8]:
    """The photo with its warmest cells made grey, an eighth of all."""
    side, found = len(heat), pixels.copy()
    edges = np.linspace(0, len(pixels), side + 1).round().astype(int)
    for number in np.argsort(-heat, axis=None, kind="stable")[: heat.size // PART]:
        row, column = divmod(int(number), side)
        found[edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = GREY
    return found


def views_of(encoder: Encoder, pixels: NDArray[np.uint8]) -> Vector:
    """(1 + parts, dim) of one photo."""
    found = encoder.encode(pixels[None])
    return np.concatenate([found["words"], found["parts"][0]])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--photos", type=int, default=60)
    chosen = options.parse_args()
    voc, vectors, encoder = data.voc(chosen.data), WordVectors.open(SHIPPED_VECTORS), Encoder.open(chosen.model)
    space, random = encoder.info.space("words"), np.random.default_rng(0)
    names = [name for name in sorted(voc.labels) if is_held_out(name)]

    middle = -np.add.outer(*[(np.arange(GRID) - (GRID - 1) / 2) ** 2] * 2).astype(np.float32)
    drops: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    asked = 0
    for name in random.permutation(names)[: chosen.photos]:
        path = str(voc.folder / name)
        pixels = load(path, size=encoder.size, resize=encoder.resize)
        views = views_of(encoder, pixels)
        for label in voc.labels[name]:
            question = Scoring.of([Term(label, vectors.vector(label), is_learnt=True)])
            before = by_parts(views, question, space)[0].term
            if (before.probability or 0) < 0.5:
                continue
            asked += 1
            ways: dict[str, Callable[[], Heat]] = {
                "parts": lambda q=question, v=views: by_parts(v, q, space)[0].heat,
                "occlusion": lambda q=question, p=path, v=views: by_occlusion(p, v, encoder, q, space)[0].heat,
                "the middle": lambda: middle,
                "at random": lambda: random.random((GRID, GRID)).astype(np.float32),
            }
            for way, heat_of in ways.items():
                begun = time.perf_counter()
                heat = heat_of()
                seconds[way] = seconds.get(way, 0) + time.perf_counter() - begun
                after = by_parts(views_of(encoder, without(pixels, heat)), question, space)[0].term
                drops.setdefault(way, []).append((before.probability or 0) - (after.probability or 0))
    rows = [[way, f"{np.mean(fell):.3f}", f"{1000 * seconds[way] / asked:.1f}"] for way, fell in drops.items()]
    show("heat", f"{asked} words of {chosen.photos} photos, an eighth of it deleted",
         ["warm by", "probability falls by", "ms a word"], rows, write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
