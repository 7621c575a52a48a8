"""A learnt metric on kinds of products that it never saw, and exemplars in closed form, beside plain features.

python -m benchmarks.codes.metrics --data DIR     # indexes the photos once, which takes minutes
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import data, real
from devise import Library, config
from devise.config import SearchConfig
from devise.descriptors.network.checkpoint import load
from devise.descriptors.network.heads import CodeHead
from devise.descriptors.network.weights import backbone_ranges
from devise.search.exemplar import SHRINKAGE as SHRINKAGE_OF_ALL
from devise.search.exemplar import Exemplars
from devise.training.features import VIEWS, Extractor, features_of
from devise.training.objectives.base import Lessons
from devise.training.objectives.metric import Metric, recall_at
from devise.training.options import TrainOptions

AT = (1, 2, 4, 8)
ALONE = 600  # photos that are learnt from without labels: each is looked at five times
SEED, EPOCHS, BATCH, RATE = 7, 30, 64, 1e-3
SHRINKAGE = (0.1, 1.0, 10.0)  # times the mean variance, added to each
Floats = NDArray[np.float32]


class Photos(NamedTuple):
    """features, words: (n, dim) unit rows; truth: (n, labels)."""

    features: Floats
    words: Floats
    truth: Floats
    labels: tuple[str, ...]


def read(folder: Path | None, name: str, column: str) -> Photos:
    """From a library in the cache, indexed by the model that ships where it is not there yet."""
    with Library(real.indexed(folder, name, [name])) as library:
        paths, features = library.vectors("features")
        words = library.vectors("words")[1]
    with (data.unpacked(folder, name) / "labels.csv").open(newline="") as file:
        said = {Path(row["path"]).name: row[column].split("|") for row in csv.DictReader(file)}
    labels = tuple(sorted({label for row in said.values() for label in row}))
    truth = np.array([[label in said[Path(path).name] for label in labels] for path in paths], np.float32)
    return Photos(features, words, truth, labels)


def learnt(photos: Photos, rows: NDArray[np.int64], options: TrainOptions) -> Floats:
    """Rows of the metric for all photos, learnt from some: what `devise train --objective metric` does."""
    torch.manual_seed(SEED)
    truth, features = torch.from_numpy(photos.truth), torch.from_numpy(photos.features)
    lessons = Lessons([], photos.labels, truth, torch.ones_like(truth), torch.ones(len(truth)), truth[:0], "", "")
    objective = Metric(lessons, options)
    head = CodeHead(objective.heads(features.shape[1])["metric"])
    fit(objective, head, features[:, None], torch.from_numpy(rows))
    with torch.no_grad():
        return torch.nn.functional.normalize(head(features), dim=1).numpy()


def recalls(rows: Floats, truth: Floats) -> str:
    found = recall_at(rows @ rows.T, truth, AT)
    return " | ".join(f"{found[k]:.3f}" for k in AT)


def products(folder: Path | None) -> None:
    """Half of the kinds of products are learnt, the others asked."""
    photos = read(folder, "fashion", "articleType")
    photos = photos._replace(truth=photos.truth[:, photos.truth.sum(0) >= 4])
    kinds = np.random.default_rng(SEED).permutation(photos.truth.shape[1])
    is_new = photos.truth[:, kinds[::2]].any(1)
    rows = np.flatnonzero(~is_new & photos.truth.any(1))
    asked = photos.truth[is_new]
    print(f"{len(kinds)} kinds; {len(rows):,} photos of half of them learnt, {is_new.sum():,} of the others asked")
    print("| | recall@1 | @2 | @4 | @8 |\n|---|---|---|---|---|")
    logits = photos.features @ load(config.SHIPPED_MODEL).heads["classes"].weights.detach().numpy().T
    shares = np.exp(logits - logits.max(1, keepdims=True))
    softmax = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    for name, made in {"features": photos.features, "words": photos.words, "softmax of the model": softmax}.items():
        print(f"| {name} | {recalls(made[is_new], asked)} |", flush=True)
    cases = [("triplet", miner, margin) for miner in ("semihard", "all", "hard") for margin in (0.1, 0.2, 0.4)]
    cases += [("contrastive", miner, margin) for miner in ("all", "hard") for margin in (0.5, 1.0)]
    cases += [("ntxent", "all", 0.2)]
    for loss, miner, margin in cases:
        chosen = TrainOptions(data=Path(), out="", objectives=("metric",), loss=loss, miner=miner, margin=margin)
        how = loss if loss == "ntxent" else f"{loss}, {miner}, margin {margin}"
        print(f"| {how} | {recalls(learnt(photos, rows, chosen)[is_new], asked)} |", flush=True)
    some = np.random.default_rng(1).permutation(rows)[:ALONE]
    print(
        f"| ntxent --unlabelled, {ALONE} photos | {recalls(alone(photos, some, folder)[is_new], asked)} |", flush=True
    )


def alone(photos: Photos, some: NDArray[np.int64], folder: Path | None) -> Floats:
    """Rows of all photos by a metric of some photos alone: `devise train --objective metric --unlabelled`."""
    with Library(real.indexed(folder, "fashion", ["fashion"])) as library:
        paths = library.vectors("features")[0]
    checkpoint = load(config.SHIPPED_MODEL)
    checkpoint.backbone.config = replace(checkpoint.backbone.config, parts=0)
    extractor = Extractor(checkpoint, backbone_ranges(config.SHIPPED_MODEL))
    views = torch.from_numpy(features_of([paths[i] for i in some], extractor, views=VIEWS)[0]).float()
    torch.manual_seed(SEED)
    none = torch.empty(len(views), 0)
    lessons = Lessons([], (), none, none, torch.ones(len(views)), torch.empty(0, 0), "", "")
    options = TrainOptions(data=Path(), out="", objectives=("metric",), loss="ntxent", unlabelled=True)
    objective = Metric(lessons, options)
    head = CodeHead(objective.heads(views.shape[2])["metric"])
    fit(objective, head, views, torch.arange(len(views)))
    with torch.no_grad():
        return torch.nn.functional.normalize(head(torch.from_numpy(photos.features)), dim=1).numpy()


def fit(objective: Metric, head: CodeHead, features: Tensor, rows: Tensor) -> None:
    """features: (n, views, num_features)."""
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for some in objective.sampler(rows).split(BATCH):
            if len(some) > 1:
                optimizer.zero_grad(set_to_none=True)
                objective.loss({"metric": head}, features[some], some).backward()
                optimizer.step()
        schedule.step()
    head.eval()


def exemplars(photos: Photos, name: str, num: int = 50) -> None:
    """Each photo its own classifier, P@10: in closed form (Hariharan et al., 2012), over all photos and as `devise
    similar --exemplar` does it, and by a support vector machine (Malisiewicz et al., 2011).
    """
    rows, wanted = photos.features, np.random.default_rng(SEED).permutation(len(photos.features))[:num]
    is_right = photos.truth[wanted] @ photos.truth.T > 0
    scores = {"cosine": rows[wanted] @ rows.T}
    for share in SHRINKAGE:
        scores[f"closed form, {share:g}"] = Exemplars.of(rows, share).weights(rows[wanted]) @ rows.T
    usual = scores[f"closed form, {SHRINKAGE_OF_ALL:g}"].copy()
    few = np.argsort(-scores["cosine"], axis=1)[:, : SearchConfig.shortlist]
    is_few = np.zeros_like(is_right)
    np.put_along_axis(is_few, few, True, axis=1)
    scores["--exemplar"] = np.where(is_few, usual, -np.inf)
    scores["support vector machine"] = np.stack([machine(rows, at) for at in wanted])
    for how, found in scores.items():
        found[np.arange(num), wanted] = -np.inf
        best = np.argpartition(-found, 10, axis=1)[:, :10]
        print(f"| {name} | {how} | {np.take_along_axis(is_right, best, axis=1).mean():.3f} |", flush=True)


def machine(rows: Floats, at: int) -> Floats:
    """Scores of all rows by a linear machine that tells one of them from all others, which weigh as much together."""
    from sklearn.svm import LinearSVC

    fitted = LinearSVC(C=1.0, class_weight="balanced", max_iter=2_000)
    fitted.fit(rows, np.arange(len(rows)) == at)
    return np.asarray(fitted.decision_function(rows), np.float32)


def rooms(folder: Path) -> Photos:
    """Of a folder of photos called 1_kitchen.jpg (emanhamed/Houses-dataset)."""
    place = config.user_cache() / "benchmarks" / "library-rooms"
    with Library(place) as library:
        if not len(library):
            library.index([folder])
        paths, features = library.vectors("features")
        words = library.vectors("words")[1]
    said = [Path(path).stem.rpartition("_")[2] for path in paths]
    labels = tuple(sorted(set(said)))
    return Photos(features, words, np.array([[label == one for label in labels] for one in said], np.float32), labels)


def main() -> None:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", type=Path, help="a folder of photos called 1_kitchen.jpg")
    parser.add_argument("--exemplars", action="store_true", help="these alone")
    options = parser.parse_args()
    if not options.exemplars:
        products(options.data)
    print("\n| | | P@10 |\n|---|---|---|")
    exemplars(read(options.data, "fashion", "articleType"), "products")
    exemplars(read(options.data, "voc", "labels"), "VOC")
    if options.rooms:
        exemplars(rooms(options.rooms), "rooms")


if __name__ == "__main__":
    main()
