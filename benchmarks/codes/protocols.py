"""CIFAR-10 codes in the protocols of three papers, on features of a VGG that learnt from the same photos.

python -m benchmarks.codes.protocols --data DIR
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import data
from benchmarks.codes import cifar
from devise.descriptors.network.checkpoint import load
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.heads import CodeHead
from devise.training.objectives.hashing import METHODS

BITS = (12, 24, 32, 48)
EPOCHS, BATCH, RATE = 8, 128, 1e-2
ASKED = 1_000  # queries of ten thousand: each has the whole base put in order
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class Protocol(NamedTuple):
    """Rows of CIFAR: who asks, who is learnt from, who is asked. at: ranks that count; None: all."""

    name: str
    backbone: str
    queries: Rows
    learnt: Rows
    base: Rows
    at: int | None


def protocols(photos: cifar.Cifar) -> list[Protocol]:
    train, test = np.arange(50_000), np.arange(50_000, 60_000)
    thousand, few = photos.some("test", 100), photos.some("train", 500)
    rest = np.setdiff1d(np.arange(60_000), thousand)
    return [
        Protocol("Lin 2015: 10,000 ask 50,000, mAP@1000", "vgg32-50000", test, train, train, 1000),
        Protocol("DSH: 10,000 ask 50,000", "vgg32-50000", test, train, train, None),
        Protocol("DPSH: 1,000 ask 59,000, 5,000 learnt from", "vgg32-5000", thousand, few, rest, None),
    ]


def precision(right: NDArray[np.bool_], at: int | None, of_all: bool = False) -> float:
    """Mean average precision: right (queries, ranks), best first.

    The mean of the precision at each right photo among the first `at`; of_all: divided by min(at, all right ones),
    not by those found among the first, as some papers do.
    """
    all_right = right.sum(1)
    right = right[:, :at]
    ranks = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    counts = np.minimum(all_right, right.shape[1]) if of_all else right.sum(1)
    return float(np.mean((ranks * right).sum(1) / np.maximum(counts, 1)))


def judged(
    score: Callable[[Rows], Floats], labels: Rows, protocol: Protocol, at_once: int = 250
) -> tuple[float, float]:
    """By both definitions; equal scores by the order of the base. score: of some queries with all of the base."""
    base, each = labels[protocol.base], []
    for start in range(0, len(protocol.queries), at_once):
        some = protocol.queries[start : start + at_once]
        scores = score(some)
        order = np.argsort(-scores, axis=1, kind="stable")
        right = base[order] == labels[some][:, None]
        each.append((precision(right, protocol.at), precision(right, protocol.at, True), len(some)))
    counts = np.array([count for *_, count in each])
    found = [float(np.average([one[i] for one in each], weights=counts)) for i in (0, 1)]
    return found[0], found[1]


def by_codes(codes: Floats, protocol: Protocol) -> Callable[[Rows], Floats]:
    """codes: (60000, bits) of -1 and 1; minus the Hamming distance, as small numbers, which sort faster."""
    base = codes[protocol.base]
    return lambda some: np.rint((codes[some] @ base.T - codes.shape[1]) / 2).astype(np.int16)


def learnt(features: Tensor, labels: Rows, rows: Rows, method: str, bits: int) -> Floats:
    """Codes of all photos by a head that learnt from some: `devise train --objective hash` on these features."""
    torch.manual_seed(cifar.SEED)
    head = CodeHead(HeadConfig(kind="bits", num_features=features.shape[1], num_out=bits, labels=()))
    loss = METHODS[method](bits, 10)
    optimizer = torch.optim.AdamW([*head.parameters(), *loss.parameters()], RATE)
    epochs = EPOCHS * max(1, 25_000 // len(rows))
    total = epochs * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=total)
    truth = torch.eye(10)[torch.from_numpy(labels)]
    for _ in range(epochs):
        order = torch.from_numpy(rows)[torch.randperm(len(rows))]
        for some in order[: len(rows) // BATCH * BATCH].split(BATCH):
            cost = loss(head(features[some]), truth[some], torch.ones_like(truth[some]))
            optimizer.zero_grad(set_to_none=True)
            cost.backward()
            optimizer.step()
            schedule.step()
    head.eval()
    with torch.no_grad():
        return torch.where(head(features) > 0, 1.0, -1.0).numpy()


def lsh(features: Floats, rows: Rows, bits: int) -> Floats:
    """Signs of random projections (Charikar, 2002) of centred features."""
    planes = np.random.default_rng(cifar.SEED).normal(size=(features.shape[1], bits)).astype(np.float32)
    return np.where((features - features[rows].mean(0)) @ planes > 0, 1, -1).astype(np.float32)


def itq(features: Floats, rows: Rows, bits: int, rounds: int = 50) -> Floats:
    """Principal components, turned so that their signs lose least: Gong and Lazebnik, CVPR 2011."""
    centred = features - features[rows].mean(0)
    _, axes = np.linalg.eigh(centred[rows].T @ centred[rows])
    low = centred @ axes[:, ::-1][:, :bits]
    turn = np.linalg.qr(np.random.default_rng(cifar.SEED).normal(size=(bits, bits)))[0].astype(np.float32)
    for _ in range(rounds):
        left, _, right = np.linalg.svd(np.sign(low[rows] @ turn).T @ low[rows])
        turn = (left @ right).T
    return np.where(low @ turn > 0, 1, -1).astype(np.float32)


def codes(name: str, bits: int, features: Tensor, labels: Rows, protocol: Protocol) -> Floats:
    """(60000, bits) of -1 and 1, by a method's name."""
    if name in METHODS:
        return learnt(features, labels, protocol.learnt, name, bits)
    make = {"LSH": lsh, "ITQ": itq}[name]
    return make(torch.nn.functional.normalize(features, dim=1).numpy(), protocol.learnt, bits)


def table(photos: cifar.Cifar, protocol: Protocol, features: Tensor) -> None:
    """Mean average precision by method and bits; where only some ranks count, also by the other definition."""
    asked = f"asked by {len(protocol.queries):,} of them"
    print(f"\n{protocol.name}; {asked}\n| | 12 | 24 | 32 | 48 |\n|---|---|---|---|---|")
    unit = torch.nn.functional.normalize(features, dim=1).numpy()
    base = unit[protocol.base]
    whole, other = judged(lambda some: unit[some] @ base.T, photos.labels, protocol)
    print(f"| features, {unit.shape[1]} floats | {whole:.3f} ({other:.3f}) | | | |", flush=True)
    for name in ("LSH", "ITQ", *METHODS):
        shown = []
        for bits in BITS:
            made = codes(name, bits, features, photos.labels, protocol)
            one, two = judged(by_codes(made, protocol), photos.labels, protocol)
            shown.append(f"{one:.3f}" if protocol.at is None else f"{one:.3f} ({two:.3f})")
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


def main() -> None:
    options = data.parser((__doc__ or "").splitlines()[0]).parse_args()
    photos, made = cifar.read(options.data), dict[str, Tensor]()
    for protocol in protocols(photos):
        if protocol.backbone not in made:
            backbone = load(cifar.RUNS / f"{protocol.backbone}.safetensors").backbone
            made[protocol.backbone] = cifar.features(backbone, photos.pixels)
        some = protocol.queries[:: max(1, len(protocol.queries) // ASKED)]
        table(photos, protocol._replace(queries=some), made[protocol.backbone])


if __name__ == "__main__":
    main()
