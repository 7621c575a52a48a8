"""Photos a second of the network alone, by what computes it: OpenVINO in bytes and in floats, and torch.

    python -m benchmarks.inference --data DIR [--full]

The model that ships, over the same decoded photos in batches of 32, in rounds that take turns. Exits with 1 where the
vectors of words are others than torch's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks import pictures, report
from benchmarks.report import Figure
from devise import config
from devise.config import IngestConfig
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.format import RANGES, find, read, widened
from devise.photos import load
from devise.vectors import Vector

PHOTOS, ROUNDS = {False: 64, True: 192}, {False: 3, True: 7}
LEAST_COSINE = {"OpenVINO in floats": 0.9999, "OpenVINO in bytes": 0.98}  # of each photo, to torch's
Encode = Callable[[NDArray[np.uint8]], dict[str, Vector]]


def in_floats() -> Compiled:
    """The same weights without the ranges that let layers be computed in bytes."""
    path = find(config.SHIPPED_MODEL)
    about, stored = read(path)
    plain = {name: rows for name, rows in stored.items() if not name.startswith(RANGES)}
    return Compiled(path, about, widened(plain), "words")


def main() -> None:
    options = report.parser(__doc__).parse_args()
    count, rounds = PHOTOS[options.full], ROUNDS[options.full]
    model, peer = Compiled.open(config.SHIPPED_MODEL), Encoder.open()
    encodes: dict[str, Encode] = {
        "OpenVINO in bytes": model.encode, "OpenVINO in floats": in_floats().encode, "torch": peer.encode,
    }  # fmt: skip
    files = pictures.photos(options.data, pictures.ORDINARY, count)
    pixels = np.stack([load(str(file), size=model.size, resize=model.resize) for file in files])
    batches = [pixels[at : at + IngestConfig.batch] for at in range(0, count, IngestConfig.batch)]
    vectors = {name: np.concatenate([encode(batch)["words"] for batch in batches]) for name, encode in encodes.items()}
    taken: dict[str, list[float]] = {name: [] for name in encodes}
    for _ in range(rounds):
        for name, encode in encodes.items():
            begun = time.perf_counter()
            for batch in batches:
                encode(batch)
            taken[name].append(count / (time.perf_counter() - begun))
    figures, of_torch = [], median(taken["torch"])
    for name, rates in taken.items():
        rate = median(rates)
        cosine = float((vectors[name] * vectors["torch"]).sum(1).min())
        if cosine < LEAST_COSINE.get(name, 0):
            sys.exit(f"{name}: vectors of words are others than torch's, cosine {cosine:.4f}")
        figures += [
            Figure(f"{name}, the slowest and the fastest of {rounds}: {min(rates):.1f}, {max(rates):.1f}", rate,
                   "photos/s", rate / of_torch),
            Figure(f"{name}, least cosine to torch's", cosine, ""),
        ]  # fmt: skip
    report.show(
        f"the network alone, {count} photos in batches of {IngestConfig.batch}, {os.cpu_count()} cores",
        figures,
        "torch",
    )
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
