"""Indexes of other libraries behind the same calls, with the same M and efConstruction, so that only they differ."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector

EFS = sorted({round(10 * 1.1**step) for step in range(72)})  # 10, 11, ... 7893, 8682: a tenth more each
ENOUGH = 0.99  # recall@10 that all have to reach
CORES = os.cpu_count() or 1
Ids = NDArray[np.int64]


class Index(Protocol):
    """Think of it as rows in, the places of the nearest rows out."""

    def build(self, rows: Vector) -> None: ...
    def set_ef(self, ef: int) -> None: ...
    def ask(self, row: Vector, k: int) -> Ids:
        """(dim,) -> (k,), by one thread."""
        ...

    def ask_all(self, rows: Vector, k: int) -> Ids:
        """(n, dim) -> (n, k), by all cores."""
        ...


@dataclass
class Hnswlib:
    m: int = 16
    ef_construction: int = 200
    index: Any = None

    def build(self, rows: Vector) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=self.m, ef_construction=self.ef_construction, random_seed=100)
        self.index.add_items(rows)

    def set_ef(self, ef: int) -> None:
        self.index.set_ef(ef)

    def ask(self, row: Vector, k: int) -> Ids:
        return self.index.knn_query(row[None], k=k, num_threads=1)[0][0].astype(np.int64)

    def ask_all(self, rows: Vector, k: int) -> Ids:
        return self.index.knn_query(rows, k=k)[0].astype(np.int64)


@dataclass
class Faiss:
    """m None: IndexFlatIP, an exact scan."""

    m: int | None = 16
    ef_construction: int = 200
    index: Any = None

    def build(self, rows: Vector) -> None:
        import faiss

        if self.m is None:
            self.index = faiss.IndexFlatIP(rows.shape[1])
        else:
            self.index = faiss.IndexHNSWFlat(rows.shape[1], self.m, faiss.METRIC_INNER_PRODUCT)
            self.index.hnsw.efConstruction = self.ef_construction
        faiss.omp_set_num_threads(CORES)
        self.index.add(rows)

    def set_ef(self, ef: int) -> None:
        if self.m is not None:
            self.index.hnsw.efSearch = ef

    def ask(self, row: Vector, k: int) -> Ids:
        self._use(1)
        return self.index.search(row[None], k)[1][0]

    def ask_all(self, rows: Vector, k: int) -> Ids:
        self._use(CORES)
        return self.index.search(rows, k)[1]

    def _use(self, threads: int) -> None:
        import faiss

        if faiss.omp_get_max_threads() != threads:  # of the whole process
            faiss.omp_set_num_threads(threads)


@dataclass
class Usearch:
    m: int = 16
    ef_construction: int = 200
    index: Any = None

    def build(self, rows: Vector) -> None:
        from usearch.index import Index

        effort = {"connectivity": self.m, "expansion_add": self.ef_construction}
        self.index = Index(ndim=rows.shape[1], metric="ip", dtype="f32", **effort)
        self.index.add(np.arange(len(rows)), rows)

    def set_ef(self, ef: int) -> None:
        self.index.expansion_search = ef

    def ask(self, row: Vector, k: int) -> Ids:
        return self.index.search(row, k, threads=1).keys.astype(np.int64)

    def ask_all(self, rows: Vector, k: int) -> Ids:
        return self.index.search(rows, k).keys.astype(np.int64)


@dataclass
class Voyager:
    m: int = 16
    ef_construction: int = 200
    index: Any = None
    ef: int = 10

    def build(self, rows: Vector) -> None:
        from voyager import Index, Space

        size = {"max_elements": len(rows)}
        self.index = Index(Space.Cosine, rows.shape[1], M=self.m, ef_construction=self.ef_construction, **size)
        self.index.add_items(rows)

    def set_ef(self, ef: int) -> None:
        self.ef = ef

    def ask(self, row: Vector, k: int) -> Ids:
        return self.index.query(row, k, num_threads=1, query_ef=max(self.ef, k))[0].astype(np.int64)

    def ask_all(self, rows: Vector, k: int) -> Ids:
        return self.index.query(rows, k, query_ef=max(self.ef, k))[0].astype(np.int64)


@dataclass
class Annoy:
    """A forest, as the article had it (Bernhardsson, 2013): ef is how many leaves of each tree are looked at."""

    trees: int = 50
    index: Any = None
    ef: int = 10

    def build(self, rows: Vector) -> None:
        from annoy import AnnoyIndex

        self.index = AnnoyIndex(rows.shape[1], "angular")
        self.index.set_seed(100)
        for number, row in enumerate(rows):
            self.index.add_item(number, row)
        self.index.build(self.trees, n_jobs=CORES)

    def set_ef(self, ef: int) -> None:
        self.ef = ef

    def ask(self, row: Vector, k: int) -> Ids:
        return np.array(self.index.get_nns_by_vector(row, k, self.ef * self.trees), np.int64)

    def ask_all(self, rows: Vector, k: int) -> Ids:
        with ThreadPoolExecutor(CORES) as pool:  # it lets go of the interpreter while it searches
            return np.stack(list(pool.map(lambda row: self.ask(row, k), rows)))


def exact(rows: Vector, queries: Vector, k: int) -> Ids:
    """(n, k): the places of the nearest rows by brute force, best first."""
    found = []
    for query in queries:
        scores = rows @ query
        best = np.argpartition(-scores, k)[:k] if k < len(rows) else np.arange(len(rows))
        found.append(best[np.argsort(-scores[best], kind="stable")])
    return np.array(found, np.int64)


def recall(found: Sequence[Ids], truth: Ids) -> float:
    """Share of the true neighbours among those found."""
    pairs = zip(found, truth, strict=True)
    return float(np.mean([len(np.intersect1d(some, true)) / len(true) for some, true in pairs]))


def least_ef(index: Index, queries: Vector, truth: Ids, enough: float = ENOUGH) -> int:
    """The smallest ef that finds enough of the true neighbours; the largest one where none does."""

    def finds_enough(ef: int) -> bool:
        index.set_ef(ef)
        return recall([index.ask(query, truth.shape[1]) for query in queries], truth) >= enough

    return EFS[min(bisect_left(EFS, True, key=finds_enough), len(EFS) - 1)]


def each_ms(ask: Callable[[Any], object], queries: Iterable[Any]) -> list[float]:
    """How long each query took."""
    taken = []
    for query in queries:
        begun = time.perf_counter()
        ask(query)
        taken.append(1e3 * (time.perf_counter() - begun))
    return taken
