"""`--like CLASS` without an index of its own: how many of the ten best of a full scan the one graph's candidates have.

    python -m benchmarks.quality.weighted_recall --data DIR

100,000 features in a real library: those of Tiny-ImageNet's photos and of VOC, and 30,000 mixtures of two of them.
Asked with VOC photos and random classes. The graph of plain features is asked for w * w * q, and what it names is
scored exactly by cos(w * q, w * x).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.report import parser, show
from devise import config
from devise.config import SearchConfig, Settings
from devise.descriptors.network.classes import read_classes
from devise.progress import Progress
from devise.search import maintain
from devise.search.searcher import Searcher
from devise.spaces import ModelInfo, Space
from devise.store.records import Photo
from devise.store.sqlite.store import Store
from devise.vectors import Vector, unit

NUM, ASKED, K = 100_000, 200, 10
AT = (128, 500, 1_000, 2_000, 4_000)


def features(chosen_data: Path | None, model: str | None) -> tuple[Vector, Vector]:
    """(NUM, dim) to be searched and (ASKED, dim) to ask with."""
    tiny, voc = sets.tiny(chosen_data), data.voc(chosen_data)
    rng = np.random.default_rng(0)
    real = sets.whole_features([str(voc.folder / name) for name in sorted(voc.labels)], model)
    small = sets.whole_features([*tiny.training[: NUM * 6 // 10], *tiny.validation], model, sets.SMALL)
    asked = real[rng.permutation(len(real))[:ASKED]]
    both = np.concatenate([real, small]).astype(np.float32)
    a, b = rng.integers(0, len(both), (2, NUM - len(both)))
    return unit(np.concatenate([both, 0.7 * both[a] + 0.3 * both[b]]).astype(np.float16)), unit(asked)


def filled(folder: Path, rows: Vector, name: str) -> Store:
    store = Store(folder, write=True)
    space = Space(name="features", dim=rows.shape[1])
    store.set_model(ModelInfo(name=name, fingerprint="x", spaces=(space,)), ())
    with store.transaction():
        for number, row in enumerate(rows):
            content = store.add_content(number.to_bytes(20, "big"))
            store.vectors.put(space, np.array([content]), row[None])
            store.put_photo(Photo(f"/{number:06}.jpg", content, 1, 1))
    maintain.update(store, Progress())
    return store


def main() -> None:
    chosen = parser(__doc__).parse_args()
    rows, asked = features(chosen.data, chosen.model)
    classes = read_classes(chosen.model or config.SHIPPED_MODEL)
    weights = unit(classes.weights[np.random.default_rng(1).integers(0, len(classes.names), len(asked))])
    best = []
    begun = time.perf_counter()
    for q, w in zip(asked, weights, strict=True):
        weighted = rows * w
        scores = weighted @ (w * q) / np.linalg.norm(weighted, axis=1)
        best.append(set(np.argpartition(-scores, K)[:K].tolist()))
    exact = (time.perf_counter() - begun) / len(asked)
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder), rows, classes.model)
        table = []
        for number in AT:
            searcher = Searcher(store, Settings(search=SearchConfig(min_candidates_weighted=number)))
            searcher.weighted(asked[0], weights[0], K)
            begun = time.perf_counter()
            found = [searcher.weighted(q, w, K) for q, w in zip(asked, weights, strict=True)]
            took = (time.perf_counter() - begun) / len(asked)
            recall = [len(b & {int(m.path[1:7]) for m in f}) / K for b, f in zip(best, found, strict=True)]
            table.append([f"{number:,}", f"{np.mean(recall):.3f}", f"{min(recall):.1f}", f"{1000 * took:.1f}"])
            print(table[-1], flush=True)
    table.append(["all, by numpy", "1.000", "1.0", f"{1000 * exact:.1f}"])
    columns = ["candidates", f"recall@{K}", "worst query", "ms a query"]
    show("weighted-recall", f"{classes.model}, {len(rows):,} photos, {len(asked)} queries", columns, table,
         write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
