"""A vgg16 with random weights as a checkpoint of devise's, in floats and in bytes: for speed, never for finding.

Weights are torchvision's own initialisation (He et al., 2015); the head is that of every `devise train`, 2000 units and
300 numbers. It is let be computed in bytes as `devise train` does at its end, on 64 photos.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from devise import config

SEED = 0
PHOTOS = 64  # as many as `devise train` looks at


def checkpoints(photos: Sequence[Path]) -> dict[str, Path]:
    """The files by how they are computed, "floats" and "bytes"; made at the first call, in a minute."""
    folder = config.user_cache() / "benchmarks" / "vgg16"
    files = {name: folder / f"vgg16-{name}.safetensors" for name in ("floats", "bytes")}
    if not files["floats"].exists():
        _save(files["floats"])
    if not files["bytes"].exists():
        temporary = folder / "part.safetensors"
        shutil.copy(files["floats"], temporary)
        _calibrate(temporary, photos)
        temporary.rename(files["bytes"])
    return files


def _save(path: Path) -> None:
    import torch
    from torchvision.models import vgg16

    from devise.descriptors.network.backbones import Backbone
    from devise.descriptors.network.checkpoint import Checkpoint, save
    from devise.descriptors.network.config import BACKBONES, HeadConfig
    from devise.words import WordVectors

    torch.manual_seed(SEED)
    backbone, state = Backbone(BACKBONES["vgg16"]), vgg16(weights=None).state_dict()
    backbone.load_state_dict({name: state[name] for name in backbone.state_dict()})
    checkpoint = Checkpoint(path.stem, backbone.eval())
    vectors = WordVectors.open(config.SHIPPED_VECTORS)
    head = HeadConfig(
        kind="words", num_features=backbone.config.num_features, num_out=vectors.dim, labels=("cat",),
        vectors=vectors.name, fingerprint=vectors.fingerprint,
    )  # fmt: skip
    checkpoint.add_head(head)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(checkpoint, path)


def _calibrate(path: Path, photos: Sequence[Path]) -> None:
    from devise.descriptors.network.format import RANGES, read
    from devise.training.quantize import quantize

    quantize(path, [str(photo) for photo in photos])
    ranges = [rows for name, rows in read(path)[1].items() if name.startswith(RANGES)]
    if not ranges or not all(np.any(rows) for rows in ranges):
        sys.exit("in bytes, this vgg16 gives other vectors than in floats: there is nothing to measure")
