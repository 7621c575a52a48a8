"""Codes without labels: compressed ones beside principal components, sparse ones by posting lists beside an exact scan.

python -m benchmarks.codes.autoencoders --data DIR
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data, real
from benchmarks.codes.metrics import Photos, read
from benchmarks.grown import base_of
from benchmarks.synthetic import HELD_OUT, Growth
from devise.descriptors.network.codes import positive
from devise.descriptors.network.heads import CodeHead, build
from devise.index.inverted import InvertedIndex, Sparse
from devise.training.objectives.autoencoder import Autoencoder, shared_neighbours
from devise.training.objectives.base import Lessons
from devise.training.options import TrainOptions

SEED, EPOCHS, BATCH, RATE = 7, 20, 64, 1e-3
JUDGED = 0.2  # share of the photos that are not learnt from
L1 = (0.01, 0.03, 0.1)
GROWN, ASKED, STRONGEST = 100_000, 100, 64
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


class Learnt(NamedTuple):
    """head: of codes; objective: what it learnt by. rebuilt: the share of the variance of the judging photos."""

    objective: Autoencoder
    head: CodeHead
    rebuilt: float

    @torch.no_grad()
    def codes(self, features: Floats) -> Floats:
        parts = torch.from_numpy(features).split(1000)
        return torch.cat([self.objective.codes(self.head, part) for part in parts]).numpy()


def learnt(
    features: Floats, learning: Ids, judging: Ids, options: TrainOptions, rate: float = RATE, epochs: int = EPOCHS
) -> Learnt:
    """What `devise train --objective autoencoder` does, on features that are there."""
    torch.manual_seed(SEED)
    rows = torch.from_numpy(features)[:, None]
    lessons = Lessons([], (), *[torch.empty(len(rows), 0)] * 2, torch.ones(len(rows)), torch.empty(0, 0), "", "")
    objective = Autoencoder(lessons, options)
    heads = {name: build(config) for name, config in objective.heads(features.shape[1]).items()}
    objective.begin(heads, rows[learning, 0])
    optimizer = torch.optim.AdamW([p for head in heads.values() for p in head.parameters()], rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for some in objective.sampler(torch.from_numpy(learning)).split(BATCH):
            if len(some) > 1:
                optimizer.zero_grad(set_to_none=True)
                objective.loss(heads, rows[some], some).backward()
                optimizer.step()
        schedule.step()
    for head in heads.values():
        head.eval()
    with torch.no_grad():
        figures = objective.validate(heads, [(rows[judging], torch.from_numpy(judging))])
    head = heads[objective.name]
    assert isinstance(head, CodeHead)
    return Learnt(objective, head, figures["rebuilt"])


def options(**chosen: float) -> TrainOptions:
    return TrainOptions(data=Path(), out="", objectives=("autoencoder",), **chosen)  # type: ignore[arg-type]


def precision(rows: Floats, truth: Floats) -> float:
    """P@10 by the cosine of rows."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return float(np.mean(np.take_along_axis(truth @ truth.T > 0, best, axis=1)))


def compressed(photos: Photos, learning: Ids, judging: Ids) -> None:
    features, truth = photos.features, photos.truth[judging]
    asked = torch.from_numpy(features[judging])
    print(f"{len(learning):,} products learnt, {len(judging):,} ask each other")
    print("| | numbers | bytes | rebuilt | recall@10 | P@10 |\n|---|---|---|---|---|---|")
    print(
        f"| features | {features.shape[1]:,} | {2 * features.shape[1]:,} | | | {precision(asked.numpy(), truth):.3f} |"
    )
    roots = np.sqrt(np.maximum(features, 0))
    roots /= np.linalg.norm(roots, axis=1, keepdims=True)
    centred = roots - roots[learning].mean(0)
    _, axes = np.linalg.eigh(centred[learning].T @ centred[learning])
    for dim in (64, 256):
        low = centred[judging] @ axes[:, ::-1][:, :dim]
        kept = float((low**2).sum() / (centred[judging] ** 2).sum())
        _line(f"principal components, {dim}", dim, kept, asked, low, truth)
        for noise, rate in ((0.0, RATE), (0.0, RATE / 10), (0.3, RATE / 10)):
            found = learnt(features, learning, judging, options(dim=dim, noise=noise), rate)
            how = f"code, --lr {rate:g}" + (f" --noise {noise:g}" if noise else "")
            _line(how, dim, found.rebuilt, asked, found.codes(features[judging]), truth)


def _line(name: str, dim: int, rebuilt: float, asked: torch.Tensor, codes: Floats, truth: Floats) -> None:
    recall = shared_neighbours(asked, torch.from_numpy(codes), 10)
    print(f"| {name} | {dim} | {2 * dim} | {rebuilt:.3f} | {recall:.3f} | {precision(codes, truth):.3f} |", flush=True)


def sparse(folder: Path | None) -> None:
    """Learnt on VOC's photos, asked at a hundred thousand made of them."""
    base = base_of(real.indexed(folder, "voc", ["voc"]))
    growth = Growth(base)
    rows = np.concatenate([np.maximum(growth.more(i, 10_000)[1]["features"], 0) for i in range(GROWN // 10_000)])
    queries = np.maximum(growth.more(HELD_OUT, ASKED)[1]["features"], 0)
    features, order = base.rows["features"], np.random.default_rng(SEED).permutation(len(base))
    learning, judging = order[: int(0.8 * len(order))], order[int(0.8 * len(order)) :]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    asked = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    truth, exact_ms = timed(lambda row: np.argpartition(-(unit @ row), 10)[:10], asked)
    print(f"\n{GROWN:,} photos between VOC's {len(base):,}, asked by {ASKED} more; exact scan: {exact_ms:.1f} ms of "
          f"processor time, {4 * rows.shape[1]:,} bytes a photo in memory")  # fmt: skip
    print("| --l1 | rebuilt | numbers a photo | bytes stored | bytes of lists | recall@10 | @10 of 500 by features "
          "| ms | times the scan |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for l1 in L1:
        found = learnt(features, learning, judging, options(l1=l1), epochs=10)
        for strongest in (None, STRONGEST):
            index = InvertedIndex(found.objective.dim, is_tfidf=True)
            for start in range(0, GROWN, 10_000):
                some = Sparse.of(positive(found.codes(rows[start : start + 10_000])), strongest)
                index.add(np.arange(start, start + some.num_rows), some)
            ask = [Sparse.of(row[None], strongest) for row in positive(found.codes(queries))]
            name = f"{l1:g}" + (f", {STRONGEST} strongest" if strongest else "")
            print(
                f"| {name} | {found.rebuilt:.3f} | {measured(index, ask, (unit, asked, truth), exact_ms)} |", flush=True
            )


def measured(index: InvertedIndex, ask: list[Sparse], exact: tuple[Floats, Floats, list[Ids]], exact_ms: float) -> str:
    """exact: rows and queries of features, of length 1, and what an exact scan of them finds."""
    unit, asked, truth = exact
    index.search(ask[0], 10)  # makes the lists
    near, ms = timed(lambda row: index.search(row, 10)[0].ids, ask)
    wide = [index.search(row, 500)[0].ids for row in ask]
    again = [ids[np.argsort(-(unit[ids] @ row))[:10]] for ids, row in zip(wide, asked, strict=True)]
    each = index.num_postings / GROWN
    return (f"{each:.0f} | {6 * each:.0f} | {index.nbytes / GROWN:.0f} | {recall(near, truth):.3f} | "
            f"{recall(again, truth):.3f} | {ms:.2f} | {ms / exact_ms:.2f}")  # fmt: skip


def timed(ask: Callable[..., Ids], queries: list[Sparse] | Floats) -> tuple[list[Ids], float]:
    """Answers, and the median of processor time in ms."""
    found, taken = [], []
    for query in queries:
        begun = time.process_time()
        found.append(ask(query))
        taken.append(1e3 * (time.process_time() - begun))
    return found, float(np.median(taken))


def recall(found: list[Ids], truth: list[Ids]) -> float:
    return float(np.mean([len(np.intersect1d(one, true)) / 10 for one, true in zip(found, truth, strict=True)]))


def main() -> None:
    chosen = data.parser((__doc__ or "").splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    photos = read(chosen.data, "fashion", "articleType")
    order = np.random.default_rng(SEED).permutation(len(photos.features))
    compressed(photos, order[int(JUDGED * len(order)) :], order[: int(JUDGED * len(order))])
    sparse(chosen.data)


if __name__ == "__main__":
    main()
