"""What an index of so many photos costs here, beside what benchmarks/scale_simulation.py takes it to cost.

Rows are those of real photos and others between them (benchmarks/synthetic.py); of more than a million the same million
again, for what a scan costs does not depend on its numbers. All times are of a processor, not of a clock.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as devise itself: threads that wait for each other count as work

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks import grown
from benchmarks.scale_simulation import MILLION, Parts
from benchmarks.synthetic import HELD_OUT, SEED, Growth
from devise.index.flat import FlatIndex
from devise.index.hnsw import HnswIndex
from devise.index.pca import Projection
from devise.index.quantized import QuantizedIndex
from devise.vectors import Vector

CHUNK = 50_000
QUERIES = 16  # at once
WANTED = 40  # candidates of a query: SearchConfig.min_candidates


def compared(folder: Path | None, parts: Parts, sizes: list[int], graphs: list[int]) -> Table:
    """A row for each index and size. expected: what the formula says for so many."""
    made = Table(title="core-ms a query, bytes a row, core-s to build: measured, and as the simulation has them")
    for name in ("index", "rows", "core-ms a query", "expected", "bytes a row", "expected", "build core-s", "expected"):
        made.add_column(name, justify="right")
    growth = Growth(grown.read_base(folder))
    projection = Projection.fit(growth.base.rows["words"], 128)
    million = [projection.project(rows) for rows in words(growth, min(max(sizes, default=0), MILLION))]
    asked = projection.project(growth.more(HELD_OUT, QUERIES)[1]["words"])
    for count in sizes:
        ms, size, build = flat(million, asked, count)
        expected = parts.words_core_ms * count / MILLION
        made.add_row("flat, words", f"{count:,}", f"{ms:.3f}", f"{expected:.3f}", f"{size:.0f}",
                     f"{parts.flat_bytes:.0f}", f"{build:.1f}", "")  # fmt: skip
    for count in graphs:
        ms, size, build, recall = graph(growth, count)
        made.add_row(f"graph, features, recall@10 {recall:.3f}", f"{count:,}", f"{ms:.3f}",
                     f"{parts.photo_core_ms:.3f} of a million", f"{size:.0f}", f"{parts.graph_bytes:.0f}",
                     f"{build:.1f}", f"{parts.build_core_s * count / MILLION:.1f}")  # fmt: skip
    return made


def words(growth: Growth, count: int) -> Iterator[Vector]:
    """As growth.more makes them, without the features, which take four times as long."""
    for number, start in enumerate(range(0, count, CHUNK)):
        rng = np.random.default_rng([SEED, number])
        a, b, t = growth._pairs(rng, min(CHUNK, count - start))
        yield growth._moved("words", a, b, t, rng, growth.steps["words"])


def flat(million: list[Vector], asked: Vector, count: int) -> tuple[float, float, float]:
    """core-ms a query, bytes a row and core-s to build an index of projected words vectors."""
    index, first, spent = QuantizedIndex(128), 0, 0.0
    while first < count:
        for rows in million:
            rows = rows[: count - first]
            begun = time.process_time()
            index.add(np.arange(first, first + len(rows)) + 1, rows)
            spent += time.process_time() - begun
            first += len(rows)
            if first == count:
                break
    return core_ms(lambda: index.search(asked, WANTED)), 2 * 128 + 8, spent


def graph(growth: Growth, count: int) -> tuple[float, float, float, float]:
    """The same of a graph of projected features, and its recall of the ten nearest by exact projections."""
    projection = Projection.fit(growth.base.rows["features"], 128)
    index, exact, begun, first = HnswIndex(128), FlatIndex(128), 0.0, 0
    for number, start in enumerate(range(0, count, CHUNK)):
        rows = projection.project(growth.more(number, min(CHUNK, count - start))[1]["features"])
        ids = np.arange(first, first + len(rows)) + 1
        now = time.process_time()
        index.add(ids, rows)
        begun += time.process_time() - now
        exact.add(ids, rows)
        first += len(rows)
    asked = projection.project(growth.more(HELD_OUT, QUERIES)[1]["features"])
    found, right = index.search(asked, WANTED), exact.search(asked, 10)
    recall = np.mean([np.isin(one.ids, other.ids).mean() for one, other in zip(right, found, strict=True)])
    size = 128 * 4 + 2 * 16 * 4 + 4 + 16  # numbers, links of the lowest layer, ids: what a file of hnswlib holds
    return core_ms(lambda: index.search(asked, WANTED)), size, begun, float(recall)


def core_ms(ask: Callable[[], object], times: int = 2) -> float:
    """Of one of QUERIES queries, the least of some rounds after one that warms up."""
    ask()
    rounds = []
    for _ in range(times):
        begun = time.process_time()
        ask()
        rounds.append(time.process_time() - begun)
    return min(rounds) * 1_000 / QUERIES
