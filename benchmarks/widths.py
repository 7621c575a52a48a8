"""How fast backbones of several widths and input sizes are on this processor, before any of them is trained.

    python -m benchmarks.widths [--photos 16]

Weights are random: time does not depend on them. Processor time, not wall time, so that other work on the machine
counts little. Photos a second are of two cores that do nothing else, without decoding, which takes 3 to 5 ms of a core
for a photo of 500 pixels.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.calibrate import ranges
from devise.descriptors.network.checkpoint import Checkpoint, save
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.config import BACKBONES, BackboneConfig, HeadConfig, Layers, trunk
from devise.descriptors.network.format import read, widened
from devise.descriptors.network.preprocess import Preprocessing

SIDES = (224, 256, 288, 320)
CORES = 2
ROUNDS = 3
SEED = 0


@dataclass(frozen=True)
class Plain:
    """Stages of 3x3 convolutions, each stage at half the side of the one before: RepVGG (Ding et al., 2021), folded."""

    widths: tuple[int, ...]
    counts: tuple[int, ...]

    def layers(self) -> Layers:
        found: list[int | str] = []
        for stage, (width, count) in enumerate(zip(self.widths, self.counts, strict=True)):
            found += (["S"] if stage else []) + [width] * count
        return tuple(found)


CANDIDATES = {
    "plain, 32-64-96-192-384": Plain((32, 64, 96, 192, 384), (1, 1, 3, 8, 3)),
    "plain, 32-48-96-160-384": Plain((32, 48, 96, 160, 384), (1, 2, 4, 12, 2)),
    "plain, 48-48-96-192-512 (RepVGG-A0)": Plain((48, 48, 96, 192, 512), (1, 2, 4, 14, 1)),
    "plain, 64-64-128-256-512": Plain((64, 64, 128, 256, 512), (1, 2, 4, 14, 1)),
}


def configs(side: int) -> dict[str, BackboneConfig]:
    seen, slim = Preprocessing(size=side, resize="squash"), BACKBONES["slim"]
    found = {"slim": replace(slim, preprocessing=seen)}
    for name, plain in CANDIDATES.items():
        found[name] = replace(slim, name=name, layers=plain.layers(), batch_norm=False, preprocessing=seen)
    return found


def multiplications(config: BackboneConfig) -> float:
    side, total, width = config.preprocessing.size, 0, 3
    for layer in trunk(config):
        if layer.kind == "convolution":
            side //= layer.stride
            width = layer.width
            total += side * side * layer.width_in * layer.width * layer.kernel**2
    return total + side * side * width * config.num_features


def initialised(config: BackboneConfig) -> Backbone:
    torch.manual_seed(SEED)
    backbone = Backbone(config).eval()
    for module in backbone.features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return backbone


def speeds(config: BackboneConfig, pixels: NDArray[np.uint8], folder: Path) -> tuple[float, float, float]:
    """Photos a second of CORES cores in bytes and in floats, and MB of the file with one words head."""
    checkpoint = Checkpoint(name="candidate", backbone=initialised(config))
    head = HeadConfig(kind="words", num_features=config.num_features, num_out=300, labels=("a",), input="power")
    checkpoint.add_head(head).eval()
    file = folder / "candidate.safetensors"
    save(checkpoint, file, in_bytes=True)
    about, stored = read(file)
    arrays, found = widened(stored), []
    for more in (ranges(config, {"words": head}, arrays, pixels), {}):
        model = Compiled(file, about, arrays | more, "words")
        model.encode(pixels)  # threads awake
        found.append(CORES / min(seconds_each(model, pixels) for _ in range(ROUNDS)))
    return found[0], found[1], file.stat().st_size / 1e6


def seconds_each(model: Compiled, pixels: NDArray[np.uint8]) -> float:
    begun = time.process_time()
    model.encode(pixels)
    return (time.process_time() - begun) / len(pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=16)
    options = parser.parse_args()
    print("| backbone | side | GMAC | million weights | MB | photos/s in bytes | in floats |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            pixels = rng.integers(0, 256, (options.photos, side, side, 3), np.uint8)
            for name, config in configs(side).items():
                in_bytes, in_floats, size = speeds(config, pixels, Path(folder))
                weights = sum(p.numel() for p in Backbone(config).parameters()) / 1e6
                row = [name, f"{side}", f"{multiplications(config) / 1e9:.2f}", f"{weights:.1f}", f"{size:.1f}",
                       f"{in_bytes:.0f}", f"{in_floats:.0f}"]  # fmt: skip
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
