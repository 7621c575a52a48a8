"""Engines that are asked with the same queries in turn: how many of the true neighbours each finds, and how quickly."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks import report
from benchmarks.indexes import Ids, Index, each_ms, least_ef
from benchmarks.report import Figure
from devise.vectors import Vector


@dataclass(frozen=True)
class Asked:
    """Queries of one kind, (n, dim), and the places of their true neighbours, (n, k). kinds: name -> which of them."""

    name: str
    queries: Vector
    truth: Ids
    kinds: dict[str, slice]


@dataclass(frozen=True)
class Engine:
    """One that answers. ids_of: the places of the photos in what `ask` gives."""

    name: str
    ask: Callable[[Vector], Any]
    ask_all: Callable[[Vector], object]
    build_seconds: float
    set_ef: Callable[[int], None] | None = None
    ids_of: Callable[[Any], Ids] = lambda found: found


@dataclass
class Run:
    """An engine with queries of one kind: what was found, (n,) shares of the true ones, and the ms of each query."""

    title: str
    engine: Engine
    asked: Asked
    ef: int | None = None
    shares: Vector = field(init=False)
    times: list[float] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Asks everything once, which also warms up."""
        self.set_up()
        found = [self.engine.ids_of(self.engine.ask(query)) for query in self.asked.queries]
        pairs = zip(found, self.asked.truth, strict=True)
        self.shares = np.array([len(np.intersect1d(some, true)) / len(true) for some, true in pairs], np.float32)

    @property
    def recall(self) -> float:
        return float(self.shares.mean())

    def set_up(self) -> None:
        if self.engine.set_ef and self.ef is not None:
            self.engine.set_ef(self.ef)

    def measure(self) -> None:
        self.set_up()
        self.times += each_ms(self.engine.ask, self.asked.queries)
        begun = time.perf_counter()
        self.engine.ask_all(self.asked.queries)
        self.batched.append(1e3 * (time.perf_counter() - begun) / len(self.asked.queries))


def of_peer(title: str, index: Index, k: int, seconds: float) -> Engine:
    return Engine(title, lambda query: index.ask(query, k), lambda many: index.ask_all(many, k), seconds, index.set_ef)


def runs_of(engine: Engine, index: Index, asked: list[Asked], wanted: dict[str, list[float]]) -> list[Run]:
    """With the smallest ef that finds as many as are wanted. wanted: title -> a share for each kind of queries."""
    return [
        Run(title, engine, queries, least_ef(index, queries.queries, queries.truth, enough))
        for title, shares in wanted.items()
        for queries, enough in zip(asked, shares, strict=True)
    ]


def take_turns(running: list[Run], rounds: int) -> None:
    for number in range(rounds):
        sys.stderr.write(f"timing, round {number + 1} of {rounds}\n")
        for run in running:
            run.measure()


def shown(title: str, running: list[Run], against: str) -> tuple[Table, list[Figure]]:
    """The table of runs with the same queries, and its figures; ratios are to the run named `against`."""
    asked, raw = running[0].asked, next((run for run in running if run.title == against), None)
    kinds = list(asked.kinds) if len(asked.kinds) > 1 else []
    columns = ("ef", "recall@10", *kinds, "worst", "p50 ms", f"/ {against}", "p99 ms", "batched ms", f"/ {against}")
    table, figures = Table("index", *columns, "build s", title=title), []
    for run in running:
        p50, p99, batched = _milliseconds(run)
        of_p50, of_batched = (p50 / _milliseconds(raw)[0], batched / _milliseconds(raw)[2]) if raw else (None, None)
        shares = [run.recall, *(float(run.shares[asked.kinds[kind]].mean()) for kind in kinds), float(run.shares.min())]
        cells = (p50, of_p50, p99, batched, of_batched, run.engine.build_seconds)
        texts = ("" if cell is None else report.number(cell) for cell in cells)
        table.add_row(run.title, str(run.ef or ""), *(f"{share:.3f}" for share in shares), *texts)
        what = f"{run.title}, {title}"
        figures += [
            *(Figure(f"{of}, {what}", share, "") for of, share in zip(columns[1:], shares, strict=False)),
            Figure(f"p50, {what}", p50, "ms", of_p50),
            Figure(f"p99, {what}", p99, "ms"),
            Figure(f"a query of many at once, {what}", batched, "ms", of_batched),
        ]
    return table, figures


def _milliseconds(run: Run) -> tuple[float, float, float]:
    """p50, p99, of many at once."""
    return float(np.percentile(run.times, 50)), float(np.percentile(run.times, 99)), float(np.median(run.batched))
