"""Seconds to train heads on cached features, beside a loop without the cache and beside the reference's own words.

    python -m benchmarks.head_training --data DIR [--full]

1,600 photos of VOC: one pass of the backbone that ships, kept on the disk, then 50 epochs of `devise train`, of which 4
are measured and scaled (with --full all are run). A pass of the bare backbone takes pixels that are decoded already.
The loop without a cache decodes its photos and runs the backbone in each epoch; it is measured on one epoch of fewer
photos (with --full of all) and scaled. The reference says "around 20 minutes on CPU" an epoch of 1,000 photos; its
machine is unknown. Exits with 1 where the features of the cache are not those that were computed, or the heads have
learnt nothing. Needs torch.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from benchmarks import data, report
from benchmarks.report import Figure
from devise import config
from devise.config import IngestConfig
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.encoder import Encoder
from devise.photos import load
from devise.training import EpochReport, TrainOptions, TrainProgress, train
from devise.training.features import decoded, features_of
from devise.training.objectives.losses import LOSSES
from devise.training.sources import some_parts
from devise.words import WordVectors

PHOTOS = 1_600
EPOCHS = 50
MEASURED = 4  # epochs without --full
SAMPLE = 192  # photos of the bare backbone and of the loop without a cache
REFERENCE = 20 * 60.0  # seconds an epoch of 1,000 photos: semantic-search's README
LEAST_HIT = 0.4  # of held-out photos whose first label is right; a model that always says "dog" has less
ROUNDS = 3  # of the bare backbone, the median of which counts
FEW = 20  # photos of a label
FASTER = 10  # times, that reading features must at least be


class Watch(TrainProgress):
    """When each epoch ended."""

    def __init__(self) -> None:
        self.first_photo = 0.0
        self.ended: list[float] = []

    def photos(self, done: int, total: int) -> None:
        self.first_photo = self.first_photo or time.perf_counter()

    def epoch(self, report: EpochReport) -> None:
        self.ended.append(time.perf_counter())


def some_of(voc: data.Voc, count: int) -> dict[str, tuple[str, ...]]:
    """Paths of photos and their labels, without labels that few photos have."""
    counts = Counter(label for labels in voc.labels.values() for label in labels)
    kept = {path: tuple(label for label in labels if counts[label] >= FEW) for path, labels in voc.labels.items()}
    paths = np.random.default_rng(0).permutation(sorted(path for path, labels in kept.items() if labels))[:count]
    return {str(voc.folder / path): kept[path] for path in sorted(paths.tolist())}


def written(photos: Mapping[str, Sequence[str]], file: Path) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["path", "labels"])
        writer.writerows([path, "|".join(labels)] for path, labels in photos.items())


def passes(paths: Sequence[str], sample: int) -> list[Figure]:
    """The cold pass over all photos, the cache, and the bare backbone."""
    checkpoint = checkpoints.load(config.SHIPPED_MODEL)
    begun = time.perf_counter()
    computed, good, _ = features_of(paths, checkpoint)
    cold = time.perf_counter() - begun
    begun = time.perf_counter()
    kept, _, _ = features_of(paths, checkpoint)
    warm = time.perf_counter() - begun
    if not good.all() or not np.array_equal(computed, kept) or warm * FASTER > cold:
        sys.exit("the features of the cache are not those that were computed, or no sooner there")
    encoder = Encoder(checkpoint)
    pixels = np.stack(list(decoded(paths[:sample], encoder.size, encoder.resize)))
    bare_seconds(encoder, pixels[: IngestConfig.batch])  # warms up
    bare = len(pixels) / statistics.median(bare_seconds(encoder, pixels) for _ in range(ROUNDS))
    return [
        Figure("features, first pass", len(paths) / cold, "photos/s", len(paths) / cold / bare),
        Figure("bare backbone, decoded pixels", bare, "photos/s", 1.0),
        Figure("features, from the cache", len(paths) / warm, "photos/s", len(paths) / warm / bare),
        Figure("size of the cache", computed.nbytes / len(paths) / 1000, "KB/photo"),
    ]


def bare_seconds(encoder: Encoder, pixels: np.ndarray) -> float:
    begun = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(pixels), IngestConfig.batch):
            encoder.checkpoint.backbone.views(encoder.normalized(pixels[start : start + IngestConfig.batch]))
    return time.perf_counter() - begun


def trained(file: Path, out: Path, epochs: int) -> tuple[float, float]:
    """Seconds of an epoch, and of what is beside the epochs: features from the cache, calibration."""
    watch, begun = Watch(), time.perf_counter()
    told = train(TrainOptions(data=file, out=str(out), epochs=epochs), watch)
    whole = time.perf_counter() - begun
    if len(watch.ended) != epochs or not told.path.is_file() or told.best.hits[1] < LEAST_HIT:
        sys.exit(f"{len(watch.ended)} epochs, and the first label is right for {told.best.hits}")
    of_epochs = watch.ended[-1] - watch.first_photo
    return of_epochs / epochs, whole - of_epochs


def without_cache(photos: Mapping[str, Sequence[str]]) -> float:
    """Seconds an epoch of those photos: decode, backbone, head, each time anew."""
    vectors, names, paths = WordVectors.open(), sorted(set(chain(*photos.values()))), list(photos)
    checkpoint = checkpoints.load(config.SHIPPED_MODEL)
    encoder = Encoder(checkpoint)
    targets = torch.from_numpy(np.stack([vectors.vector(name) for name in names]))
    about = {"num_features": checkpoint.backbone.config.num_features, "num_out": vectors.dim}
    head = checkpoint.add_head(HeadConfig(kind="words", labels=tuple(names), vectors=vectors.name, input="power",
                                          fingerprint=vectors.fingerprint, **about)).train()  # fmt: skip
    loss = LOSSES["sigmoid"]()
    optimizer = torch.optim.AdamW([*head.parameters(), *loss.parameters()], lr=TrainOptions.learning_rate)
    truth = torch.tensor([[float(name in labels) for name in names] for labels in photos.values()])
    batch, begun = TrainOptions.batch, time.perf_counter()
    for start in range(0, len(paths), batch):
        pixels = [load(path, size=encoder.size, resize=encoder.resize) for path in paths[start : start + batch]]
        with torch.no_grad():
            views = checkpoint.backbone.views(encoder.normalized(np.stack(pixels)))
        some = truth[start : start + batch]
        optimizer.zero_grad(set_to_none=True)
        loss(head(some_parts(views).float()), targets, some, torch.ones_like(some)).backward()
        optimizer.step()
    return time.perf_counter() - begun


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    options = parser.parse_args()
    photos = some_of(data.voc(options.data), options.photos)
    paths, sample = list(photos), len(photos) if options.full else min(SAMPLE, len(photos))
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = place  # nothing is in the cache before
        file = Path(place) / "labels.csv"
        written(photos, file)
        figures = passes(paths, sample)
        measured = EPOCHS if options.full else MEASURED
        epoch, beside = trained(file, Path(place) / "heads", measured)
        naive = without_cache({path: photos[path] for path in paths[:sample]}) * len(paths) / sample * EPOCHS
    one = "measured" if options.full else f"of {sample} photos, scaled"
    cold, reference = len(paths) / figures[0].value, REFERENCE * EPOCHS * len(paths) / 1000
    cached = EPOCHS * epoch
    seconds = {
        f"{EPOCHS} epochs, features cached ({measured} measured)": cached,
        "devise train, features cached, with calibration": cached + beside,
        "devise train, the first pass included": cached + beside + cold,
        f"{EPOCHS} epochs without a cache: one {one}": naive,
        f"{EPOCHS} epochs of the reference, as published": reference,
    }
    figures += [Figure(what, value, "s", value / naive) for what, value in seconds.items()]
    report.show(f"{len(paths):,} photos, {torch.get_num_threads()} threads", figures, "bare backbone, no cache")
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
