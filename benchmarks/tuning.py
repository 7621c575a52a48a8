"""How large should graphs be? Tables of M, efConstruction, ef and projections against recall, time and size.

    python -m benchmarks.warm_search --data DIR --tune [--full]

Real photos only, some of them held out as queries. A projection keeps the first directions of the vectors, uncentred
(eigenvectors of their second moment), so that inner products stay what they were but for what is cut off; the graph of
it names candidates, and those are scored on the whole vectors. A cell is recall@10 and the median milliseconds of a
query; in the space of words the recall of queries that are words, a slash, and that of queries that are photos.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.indexes import Hnswlib, Ids, each_ms, exact, recall
from devise.vectors import Vector

K = 10
LINKS = (8, 16, 24, 32)
EF_CONSTRUCTIONS = (100, 200, 400)
EFS = (32, 64, 128, 512)
DIMS = {"words": (64, 96, 128, 192), "features": (64, 96, 128, 192)}
CANDIDATES = (64, 128)  # scored exactly
EFFORTS = (64, 128, 512)
SIZES = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
CONSOLE = Console(width=170)


@dataclass(frozen=True)
class Case:
    """Vectors of one space, those to ask with, and the right answers. num_words: queries that are words, the first."""

    space: str
    rows: Vector
    queries: Vector
    truth: Ids
    num_words: int = 0

    def recall(self, found: Sequence[Ids]) -> str:
        parts = [slice(0, self.num_words), slice(self.num_words, None)] if self.num_words else [slice(None)]
        return "/".join(f"{recall(found[part], self.truth[part]):.3f}" for part in parts)


def directions(rows: Vector, dim: int) -> Vector:
    """(all, dim): the first eigenvectors of the second moment."""
    moment = rows.T.astype(np.float64) @ rows
    return np.ascontiguousarray(np.linalg.eigh(moment)[1][:, ::-1][:, :dim].astype(np.float32))


class Projected:
    """A graph of projections whose candidates are scored exactly; basis None: of the vectors themselves."""

    def __init__(self, rows: Vector, dim: int | None, m: int, ef_construction: int) -> None:
        self.rows, self.graph = rows, Hnswlib(m, ef_construction)
        self.basis = None if dim is None else directions(rows, dim)
        small = rows if self.basis is None else rows @ self.basis
        begun = time.perf_counter()
        self.graph.build(small)
        self.seconds = time.perf_counter() - begun

    def ask(self, query: Vector, candidates: int) -> Ids:
        near = self.graph.ask(query if self.basis is None else query @ self.basis, candidates)
        scores = np.einsum("ij,j->i", self.rows[near], query)
        return near[np.argsort(-scores, kind="stable")[:K]]

    def measured(self, case: Case, candidates: int, ef: int) -> str:
        """Recall@10 and milliseconds."""
        self.graph.set_ef(max(ef, candidates))
        found = case.recall([self.ask(query, candidates) for query in case.queries])
        return f"{found} {np.median(each_ms(lambda q: self.ask(q, candidates), case.queries)):.2f}"

    @property
    def megabytes(self) -> float:
        return self.graph.index.index_file_size() / 1e6


def grid(case: Case, dim: int | None) -> Table:
    """M and efConstruction; of a projection as many candidates as ef says are scored exactly, 128 at most."""
    what = f"{case.rows.shape[1]} numbers" if dim is None else f"projected to {dim} numbers"
    title = f"{case.space}: {len(case.rows):,} photos, {what}; recall@{K} and ms"
    shown = Table("M", "efC", "build s", "file MB", *(f"ef {ef}" for ef in EFS), title=title)
    for m in LINKS:
        for effort in EF_CONSTRUCTIONS:
            graph = Projected(case.rows, dim, m, effort)
            cells = [graph.measured(case, K if dim is None else min(ef, CANDIDATES[-1]), ef) for ef in EFS]
            shown.add_row(str(m), str(effort), f"{graph.seconds:.1f}", f"{graph.megabytes:.1f}", *cells)
    return shown


def projections(case: Case) -> Table:
    """M 16, efConstruction 200: what each number of directions loses; the last columns have no graph in between."""
    pairs = [(c, ef) for c in CANDIDATES for ef in EFFORTS if ef >= c]
    columns = [f"{c} of ef {ef}" for c, ef in pairs]
    title = f"{case.space}: {len(case.rows):,} photos, candidates scored exactly, recall@{K} and ms"
    shown = Table("numbers", "build s", "MB", *columns, *(f"{c} exact" for c in CANDIDATES), title=title)
    for dim in (*DIMS[case.space], None):
        graph = Projected(case.rows, dim, 16, 200)
        cells = [graph.measured(case, c, ef) for c, ef in pairs]
        small = case.rows if graph.basis is None else case.rows @ graph.basis
        asked = case.queries if graph.basis is None else case.queries @ graph.basis
        bounds = [case.recall(exact(small, asked, c)) for c in CANDIDATES]
        shown.add_row(str(dim or "all"), f"{graph.seconds:.1f}", f"{graph.megabytes:.1f}", *cells, *bounds)
    return shown


def crossing(case: Case, dim: int) -> Table:
    """From which size on a graph is quicker than a scan of all vectors, both in memory."""
    shown = Table("photos", "scan ms", "scan of projections ms", f"graph of {dim} ms", title=f"{case.space}: one query")
    for count in _sizes(case):
        some = Case(case.space, case.rows[:count], case.queries, exact(case.rows[:count], case.queries, K))
        graph = Projected(some.rows, dim, 16, 200)
        graph.graph.set_ef(64)
        assert graph.basis is not None
        small, basis = some.rows @ graph.basis, graph.basis
        times = [
            each_ms(lambda q, rows=some.rows: _scan(rows, q), some.queries),
            each_ms(lambda q, s=some, p=small, b=basis: _two_steps(s.rows, p, b, q), some.queries),
            each_ms(lambda q, g=graph: g.ask(q, 64), some.queries),
        ]
        shown.add_row(f"{count:,}", *(f"{np.median(taken):.2f}" for taken in times))
    return shown


def _sizes(case: Case) -> Iterator[int]:
    yield from (size for size in SIZES if size < len(case.rows))
    yield len(case.rows)


def _scan(rows: Vector, query: Vector) -> Ids:
    return np.argpartition(-np.einsum("ij,j->i", rows, query), K)[:K]  # one thread, as a library scans


def _two_steps(rows: Vector, small: Vector, basis: Vector, query: Vector) -> Ids:
    near = np.argpartition(-np.einsum("ij,j->i", small, query @ basis), 64)[:64]
    return near[np.argsort(-np.einsum("ij,j->i", rows[near], query))[:K]]


def tune(cases: list[Case]) -> None:
    """Printed as it comes, the short tables first."""
    for case in cases:
        CONSOLE.print(projections(case))
        CONSOLE.print(crossing(case, 128))
    for case in cases:
        for dim in (*DIMS[case.space], None):
            CONSOLE.print(grid(case, dim))
