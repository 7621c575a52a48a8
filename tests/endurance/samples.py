"""Two of everything that devise writes, made small: libraries, word vectors, settings, a model, features, a run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from devise import config
from devise.config import IndexConfig, Settings
from devise.library import Library
from devise.library.upkeep import portable
from devise.spaces import Calibration, Space
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words import WordVectors, neighbours
from devise.words.format import write_vectors
from tests.fakes import FakeEncoder

PHOTOS = 24
SETTINGS = Settings(index=IndexConfig(exact_below=10, min_behind=10))
WORDS = ("red", "green", "blue", "yellow", "black", "white", "sofa", "cat", "dog", "bird", "sky", "sea")
PARTS = 9


class Encoder(FakeEncoder):
    """With parts, so that the table of parts has something to be damaged."""

    def __init__(self, name: str = "fake") -> None:
        words = WordVectors.open("tiny")
        super().__init__(name, vectors_fingerprint=words.fingerprint)
        spaces = (Space(name="words", dim=4, vectors="tiny", vectors_fingerprint=words.fingerprint,
                        num_regions=PARTS, calibration=Calibration(scale=5.0, bias=-2.0)),
                  self.info.spaces[1])  # fmt: skip
        self.info = type(self.info)(name=name, fingerprint=self.info.fingerprint, spaces=spaces)
        self.labels = ("red", "green", "blue")

    def encode(self, pixels: Any) -> Any:
        found = super().encode(pixels)
        turned = np.stack([np.roll(found["words"], i, axis=1) for i in range(PARTS)], axis=1)
        return {**found, "parts": unit(turned + 0.2 * found["words"][:, None])}


def make(base: Path) -> None:
    """Two of everything that devise writes, so that files can be swapped."""
    rows = np.random.default_rng(1).normal(size=(400, 4))
    for name, shift in (("tiny", 0), ("other", 1)):
        words = [*WORDS, *(f"word{i}" for i in range(400 - len(WORDS)))]
        write_vectors(config.own_folder("embeddings") / f"{name}.safetensors", words, rows + shift, source="drawn")
        neighbours.build(WordVectors.open(name))
    for name, start in (("one", 0), ("two", 1_000)):
        photos = base / f"photos-{name}"
        photos.mkdir()
        for i in range(PHOTOS):
            noise = np.random.default_rng(start + i).integers(0, 256, (12, 16, 3), np.uint8)
            Image.fromarray(noise).save(photos / f"{i:02}.bmp")
            (photos / f"{i:02}.txt").write_text(f"sunday in paris {i}")
        made = base / name
        made.mkdir()
        with Library(made / "library", settings=SETTINGS) as library:
            library.index([photos], model=Encoder())
            library.marks.add("red", [photos / "00.bmp", photos / "01.bmp"], is_good=True)
        portable.export(made / "library", made / "exported.db")
        _with_wal(made / "library", made / "wal")
        shutil.copytree(config.own_folder("embeddings"), made / "embeddings")
        (made / "settings").mkdir()
        (made / "settings" / "settings.json").write_text(json.dumps({"vectors": "tiny"}))
        _checked_in_child(lambda made=made, seed=start: _models(base, made, seed))


def _with_wal(library: Path, copy: Path) -> None:
    """A library as a killed run leaves it, with a -wal that holds something."""
    with closing(Store(library, write=True)) as store:
        with store.transaction():
            store.next_revision()
            store.db.execute(
                "INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES ('a', x'00', 'b', 1, '', 9)"
            )
            store.db.execute("DELETE FROM marks WHERE batch = 9")
        shutil.copytree(library, copy)


def _checked_in_child(work: Callable[[], None]) -> None:
    """Torch's threads must not be in a process that forks."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the models could not be made")


def _models(base: Path, made: Path, seed: int) -> None:
    import torch

    from devise.descriptors.network import checkpoint as checkpoints
    from devise.descriptors.network.backbones import Backbone
    from devise.descriptors.network.checkpoint import Checkpoint
    from devise.descriptors.network.config import BackboneConfig, HeadConfig
    from devise.descriptors.network.preprocess import Preprocessing
    from devise.training.features import features_of

    torch.manual_seed(seed)
    backbone = BackboneConfig(name="own", layers=(8, "S", 16, "P8"), batch_norm=True, first_stride=2, top="conv",
                              num_features=24, parts=2,
                              preprocessing=Preprocessing(size=32, resize="squash"))  # fmt: skip
    checkpoint = Checkpoint(name="own", backbone=Backbone(backbone))
    checkpoint.add_head(HeadConfig(kind="words", num_features=24, num_out=4, labels=("red", "blue"), vectors="tiny",
                                   fingerprint=WordVectors.open("tiny").fingerprint, scale=3.0))  # fmt: skip
    checkpoint.add_head(HeadConfig(kind="classes", num_features=24, num_out=2, labels=("red", "blue")))
    (made / "models").mkdir()
    checkpoints.save(checkpoint, made / "models" / "own.safetensors")
    features_of(photos_of(base)[:6], checkpoint, cache=made / "models")
    train_on(base, made / "models")


def photos_of(base: Path) -> list[str]:
    return sorted(str(path) for path in (base / "photos-one").glob("*.bmp"))


def train_on(base: Path, models: Path, *, stop: bool = True) -> None:
    """A run that is stopped after its second epoch, or goes on from there."""
    from devise.training import TrainOptions, TrainProgress, train

    class Stop(TrainProgress):
        def epoch(self, report: Any) -> None:
            if stop and report.epoch == 2:
                raise KeyboardInterrupt

    table = base / "labels.csv"
    table.write_text(
        "path,labels\n" + "".join(f"{path},{WORDS[i % 3]}\n" for i, path in enumerate(photos_of(base)[:12]))
    )
    options = TrainOptions(data=table, out=str(models / "run.safetensors"), vectors="tiny", epochs=3, batch=4,
                           backbone=str(base / "one" / "models" / "own.safetensors"), resume=True)  # fmt: skip
    try:
        train(options, Stop())
    except KeyboardInterrupt:
        return
