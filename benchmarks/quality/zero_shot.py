"""Zero-shot: words for classes that no head was trained on, against ConSE and chance.

    python -m benchmarks.quality.zero_shot --data DIR [--seeds N]

For each seed 40 of Tiny-ImageNet's 200 classes are left out of the heads' training; their validation photos are then
named among the 40, and among all 200. The backbone has seen all classes: its teacher knows ImageNet's 1,000, and
Tiny-ImageNet's labels took part in its training. What is new to the heads is not new to the features.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, percent, show
from devise.analysis.metrics import hits
from devise.config import SHIPPED_VECTORS
from devise.training import LOSS_NAMES
from devise.words import WordVectors

AT, UNSEEN = (1, 2, 5, 10), 40
EPOCHS = 4


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=5)
    chosen = options.parse_args()
    tiny, vectors = sets.tiny(chosen.data), WordVectors.open(SHIPPED_VECTORS)
    words = sets.targets(tiny.names, vectors)
    training = sets.whole_features(tiny.training, chosen.model, sets.SMALL)
    validation = sets.whole_features(tiny.validation, chosen.model, sets.SMALL)
    found: dict[str, list[list[float]]] = {}
    for seed in range(chosen.seeds):
        unseen = np.random.default_rng(seed).permutation(200)[:UNSEEN]
        seen = np.setdiff1d(np.arange(200), unseen)
        rows = np.flatnonzero(np.isin(tiny.training_classes, seen))
        lessons = heads.Lessons.of(training[rows], np.searchsorted(seen, tiny.training_classes[rows]), len(seen))
        asked = np.flatnonzero(np.isin(tiny.validation_classes, unseen))
        photos, right = torch.from_numpy(validation[asked])[:, None], tiny.validation_classes[asked]
        scores = {
            f"words, {loss}": heads.scores(
                heads.trained(lessons, words[seen], loss, seed=seed, epochs=EPOCHS), photos, words
            )
            for loss in LOSS_NAMES
        }
        known = np.exp(heads.softmax(lessons, seed=seed, epochs=EPOCHS)(photos).numpy())
        scores["ConSE"] = heads.convex(known, words[seen], words)
        truth = np.eye(200)[right]
        for name, of_all in scores.items():
            among = hits(of_all[:, unseen], truth[:, unseen], at=AT)
            found.setdefault(name, []).append([*among.values(), *hits(of_all, truth, at=AT).values()])
            print(name, seed, np.round(found[name][-1], 3), flush=True)
    rows_shown = [[name, *(percent(column) for column in np.array(runs).T)] for name, runs in found.items()]
    rows_shown.append(["chance", *(f"{100 * k / n:.1f}" for n in (UNSEEN, 200) for k in AT)])
    show(
        "zero-shot", f"validation photos of {UNSEEN} unseen classes, {EPOCHS} epochs, seeds 0 to {chosen.seeds - 1}",
        ["head", *(f"of 40: hit@{k}" for k in AT), *(f"of 200: hit@{k}" for k in AT)], rows_shown, write=chosen.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
