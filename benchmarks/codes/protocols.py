"""CIFAR-10 codes in the protocols of three papers, by networks that learn as a whole and by heads on frozen ones.

python -m benchmarks.codes.protocols --data DIR     # learns first what benchmarks.codes.learning has not
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks import data
from benchmarks.codes import cifar, learning
from benchmarks.codes.learning import BITS, COURSES, Heads, Network
from benchmarks.codes.spaces import points
from devise.files import replacing
from devise.training.objectives.hashing import METHODS

STEPS, BATCH = 1_600, 250  # of heads on frozen features
KINDS = ["frozen", "unfrozen"]
AT = 1_000  # ranks that count in Lin's protocol
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class Protocol(NamedTuple):
    """Rows of CIFAR: who asks, who is learnt from, who is asked. frozen, whole: names of networks."""

    name: str
    frozen: str
    whole: str
    queries: Rows
    learnt: Rows
    base: Rows


class Precision(NamedTuple):
    """Mean average precision: the mean of the precision at each right photo; of all ranks, and of the first AT alone.

    found: divided by the right ones among the first AT; of_all: by all right ones, AT at most, as some papers do.
    """

    whole: float
    found: float
    of_all: float


def protocols(photos: cifar.Cifar) -> list[Protocol]:
    """Equal scores keep the order of the base, which is drawn, as the photos are in the order of their classes."""
    train, test = np.arange(50_000), np.arange(50_000, 60_000)
    thousand, few = photos.some("test", 100), photos.some("train", 500)
    drawn = np.random.default_rng(cifar.SEED).permutation(60_000)
    return [
        Protocol("Lin 2015 (first 1,000 ranks; in brackets of all) and DSH: 10,000 ask 50,000", "vgg", "vgg-codes",
                 test, train, drawn[np.isin(drawn, train)]),
        Protocol("DPSH: 1,000 ask 59,000, 5,000 are learnt from", "shipped", "slim-codes", thousand, few,
                 drawn[~np.isin(drawn, thousand)]),
    ]  # fmt: skip


def precisions(right: NDArray[np.bool_], at: int = AT) -> Precision:
    """Of one query: right (ranks,), best first."""
    ranks = np.flatnonzero(right)
    each = np.arange(1, len(ranks) + 1) / (ranks + 1)
    count = int(np.searchsorted(ranks, at))
    first, whole = float(each[:count].sum()), float(each.sum())
    return Precision(whole / max(len(each), 1), first / max(count, 1), first / max(min(at, len(each)), 1))


def judged(orders: Iterator[tuple[int, NDArray[np.int64]]], labels: Rows, protocol: Protocol) -> Precision:
    """The means over the queries. orders: a query's row, and places in the base, nearest first."""
    base = labels[protocol.base].astype(np.int8)
    found = np.array([precisions(base[order] == labels[query]) for query, order in orders])
    if len(found) != len(protocol.queries):
        raise ValueError(f"{len(found)} of {len(protocol.queries)} queries have an answer")
    return Precision(*found.mean(0).tolist())


def by_codes(codes: Floats, protocol: Protocol) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """codes: (60000, bits) of -1 and 1, 64 bits at most. By those that differ; queries of one code share an order."""
    flags = np.zeros((len(codes), 64), bool)
    flags[:, : codes.shape[1]] = codes > 0
    packed = np.packbits(flags, axis=1).view(np.uint64)[:, 0]
    base = packed[protocol.base]
    different, whose = np.unique(packed[protocol.queries], return_inverse=True)
    for at, code in enumerate(different):
        order = np.argsort(np.bitwise_count(base ^ code), kind="stable")
        for query in protocol.queries[whose == at]:
            yield int(query), order


def by_floats(rows: Floats, protocol: Protocol, at_once: int = 250) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """rows: (60000, dim) of length 1; by the cosine."""
    base = rows[protocol.base].T
    for start in range(0, len(protocol.queries), at_once):
        some = protocol.queries[start : start + at_once]
        for query, scores in zip(some, rows[some] @ base, strict=True):
            yield int(query), np.argsort(-scores)


def fitted(features: Tensor, labels: Rows, rows: Rows) -> Heads:
    """All heads on features that stay as they are: `devise train --objective hash` without --unfreeze."""
    torch.manual_seed(cifar.SEED)
    network = Heads(features.shape[1], tuple(METHODS))
    optimizer = torch.optim.AdamW(network.parameters(), learning.HEADS, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning.HEADS, total_steps=STEPS)
    truth = torch.from_numpy(labels)
    for _ in range(STEPS * BATCH // len(rows)):
        order = torch.from_numpy(rows)[torch.randperm(len(rows))]
        for some in order.split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            network.loss(features[some], truth[some]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def codes(network: Heads, features: Tensor) -> dict[str, Floats]:
    """Of each head: (60000, bits) of -1 and 1."""
    with torch.no_grad():
        return {name: torch.where(head(features) > 0, 1.0, -1.0).numpy() for name, head in network.heads.items()}


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


UNLABELLED: dict[str, Callable[[Floats, Rows, int], Floats]] = {"LSH": lsh, "ITQ": itq}


def features(photos: cifar.Cifar, name: str) -> Tensor:
    """(60000, num_features) by a network, kept beside the runs. "shipped": the model that ships, as it is."""
    kept = cifar.RUNS / f"{name}.features.npy"
    if not kept.exists():
        begun = time.process_time()
        made = learning.features(_network(photos, name), photos.pixels).numpy()
        with replacing(kept) as temporary, temporary.open("wb") as opened:
            np.save(opened, made)
        print(f"{name}: features of 60,000 pictures took {time.process_time() - begun:.0f} s of one core", flush=True)
    return torch.from_numpy(np.load(kept))


def table(photos: cifar.Cifar, protocol: Protocol, kinds: list[str]) -> None:
    """A row a method, a column for each number of bits. kinds: of KINDS."""
    title, labels = f"\n{protocol.name}\n| | 12 | 24 | 32 | 48 bits |\n|---|---|---|---|---|", photos.labels
    print(title, flush=True)
    for name in kinds:
        rows = features(photos, protocol.frozen if name == "frozen" else protocol.whole)
        unit = nn.functional.normalize(rows, dim=1).numpy()
        found = judged(by_floats(unit, protocol), labels, protocol)
        print(f"| {name}: features, {unit.shape[1]} floats | {_shown(found)} | | | |", flush=True)
        for maker, make in UNLABELLED.items() if name == "frozen" else ():
            each = [make(unit, protocol.learnt, bits) for bits in BITS]
            _row(f"{name}: {maker}", each, labels, protocol)
        network: Heads = fitted(rows, labels, protocol.learnt) if name == "frozen" else _network(photos, protocol.whole)
        made = codes(network.eval(), rows)
        for method in METHODS:
            _row(f"{name}: {method}", [made[f"{method} {bits}"] for bits in BITS], labels, protocol)


def picture(photos: cifar.Cifar, protocol: Protocol, num: int = 300) -> None:
    """Codes of 48 bits, of greedyhash, of some of those that ask, in two dimensions."""
    some = np.random.default_rng(cifar.SEED).permutation(protocol.queries)[:num]
    made = codes(_network(photos, protocol.whole).eval(), features(photos, protocol.whole)[some])["greedyhash 48"]
    points(made, np.eye(10, dtype=np.float32)[photos.labels[some]], photos.classes, cifar.RUNS / "codes-cifar.svg")


def _row(name: str, each: list[Floats], labels: Rows, protocol: Protocol) -> None:
    shown = [_shown(judged(by_codes(one, protocol), labels, protocol)) for one in each]
    print(f"| {name} | {' | '.join(shown)} |", flush=True)


def _shown(found: Precision) -> str:
    return f"@1000 {found.found:.3f} ({found.of_all:.3f}), all {found.whole:.3f}"


def courses(name: str) -> list[str]:
    """Those that a course begins with, first of all the first, and itself."""
    return [*courses(COURSES[name].begin), name] if name in COURSES else []


def _network(photos: cifar.Cifar, name: str) -> Network:
    if name == "shipped":
        return learning.begun(COURSES["slim-codes"], photos.pixels)
    return learning.trained(COURSES[name])


def main() -> None:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["Lin", "DPSH"], default="", help="this table alone")
    parser.add_argument("--rows", nargs="*", choices=KINDS, default=KINDS, help="these alone")
    options = parser.parse_args()
    photos = cifar.read(options.data)
    for protocol in protocols(photos):
        if protocol.name.startswith(options.only):
            for name in courses(protocol.whole):
                learning.learn(photos, COURSES[name])
            table(photos, protocol, options.rows)
    picture(photos, protocols(photos)[0])


if __name__ == "__main__":
    main()
