"""Exact search: every row is compared by itself, so that equal photos have equal scores whatever stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.index.base import Rows, checked, checked_rows
from devise.vectors import Hits, Ids, Vector

Scores = NDArray[np.floating]
ROUNDING = 1e-5  # of a cosine, between a matrix product and rows by themselves
CHUNK = 4_096  # rows scored at a time: 5 MB of 300 numbers stay in the cache of a desktop processor
CHUNK_OF_BITS = 1 << 16  # rows of bits scored at a time: half a megabyte of 64 bits
T = TypeVar("T", bound=np.generic)


def pieces(rows: NDArray[T], size: int) -> Iterator[NDArray[T]]:
    """An array a few rows at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def row_cosines(rows: Vector, vector: Vector, *, rows_are_unit: bool = True) -> Scores:
    """(n, dim), (dim,) -> (n,), each row by itself.

    Not a matrix product: there a row's last digit depends on its neighbours, and equal photos would not be equal.
    """
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    if not rows_are_unit:
        scores = scores / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-12)
    return np.clip(scores, -1.0, 1.0)


def inner_products(rows: Vector, vector: Vector) -> Scores:
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    return scores


def l1_nearness(rows: Vector, vector: Vector) -> Scores:
    """The L1 distance with a minus: 0 for equal rows."""
    scores: Scores = -np.abs(rows - vector).sum(1)
    return scores


def hamming_nearness(rows: NDArray[np.uint8], bits: NDArray[np.uint8]) -> Scores:
    """How many bits differ, with a minus: rows and query are packed, eight bits a byte."""
    words, query = (_words(each) for each in (rows, bits))  # 64 bits at once
    counts = num_differing(words, query)
    total = counts[:, 0] if counts.shape[1] == 1 else counts.sum(1, dtype=np.uint32)
    scores: Scores = -total.astype(np.float32)
    return scores


def _words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(..., bytes) -> (..., words of 8 bytes), the last of them filled up with zeros."""
    width = rows.shape[-1]
    if width % 8:
        filled = np.zeros((*rows.shape[:-1], width + -width % 8), np.uint8)
        filled[..., :width] = rows
        rows = filled
    return np.ascontiguousarray(rows).view(np.uint64)


def num_differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many of 64 bits differ, number by number."""
    if hasattr(np, "bitwise_count"):  # since numpy 2
        counts: NDArray[np.uint8] = np.bitwise_count(one ^ other)
        return counts
    differ = np.ascontiguousarray(one ^ other)
    counted: NDArray[np.uint8] = NUM_BITS[differ.view(np.uint8)].reshape(*differ.shape, 8).sum(-1, dtype=np.uint8)
    return counted


NUM_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)
METRICS: dict[str, Callable[[NDArray, NDArray], Scores]] = {  # type: ignore[type-arg]
    "cosine": row_cosines,  # of rows of length 1
    "inner": inner_products,
    "l1": l1_nearness,
    "hamming": hamming_nearness,
}


class FlatIndex:
    """All rows in memory, compared one by one: the truth that every other index is measured against.

    >>> index = FlatIndex(64, "hamming")
    >>> index.add([1, 2], np.packbits(bits, axis=1))   # (2, 64) of 0 and 1 -> (2, 8)

    metric: a key of METRICS. dim: numbers of a row; with Hamming bits, eight of which are a byte.
    """

    def __init__(self, dim: int, metric: str = "cosine") -> None:
        self.dim, self.metric = dim, metric
        is_packed = metric == "hamming"
        self._score, self._dtype = METRICS[metric], np.uint8 if is_packed else np.float32
        self._width = -(-dim // 8) if is_packed else dim
        self._stride = self._width + -self._width % 8 if is_packed else dim  # bits are held as words of 64
        self._chunk = CHUNK if not is_packed else CHUNK_OF_BITS
        self._last = -1
        self._held = np.empty(0, np.int64), np.empty((0, self._stride), self._dtype)  # replaced as one, for readers

    def __len__(self) -> int:
        return len(self._held[0])

    def add(self, ids: ArrayLike, rows: Rows) -> None:
        new, rows = checked(ids, rows, self._width, self._last, self._dtype)
        if len(new):
            held_ids, held = self._held
            self._held = np.concatenate([held_ids, new]), np.concatenate([held, self._filled(rows)])
            self._last = int(new[-1])

    def remove(self, ids: ArrayLike) -> None:
        held_ids, rows = self._held
        live = ~np.isin(held_ids, np.asarray(ids, np.int64))
        if not live.all():
            self._held = held_ids[live], rows[live]

    def search(self, queries: Rows, k: int, *, among: Ids | None = None) -> list[Hits]:
        queries = checked_rows(queries, self._width, self._dtype)
        ids, rows = self._held
        if among is not None:
            chosen = np.isin(ids, among)
            ids, rows = ids[chosen], rows[chosen]
        return [self._nearest(ids, rows, query, k) for query in self._filled(queries)]

    def _filled(self, rows: Rows) -> Rows:
        """With zeros behind bits, up to whole words."""
        more = self._stride - self._width
        return np.pad(rows, ((0, 0), (0, more))) if more else rows

    def _nearest(self, ids: Ids, rows: Rows, query: Rows, k: int) -> Hits:
        if k < 1 or not len(ids):
            return Hits.none()
        return Hits.best(ids, np.concatenate([self._score(some, query) for some in pieces(rows, self._chunk)]), k)


def scored_by(metric: str, chunks: Iterator[tuple[Ids, Rows]], query: Rows) -> Iterator[tuple[Ids, Scores]]:
    score = METRICS[metric]
    return ((ids, score(rows, query)) for ids, rows in chunks if len(ids))


def top(scored: Iterator[tuple[Ids, Scores]], k: int) -> tuple[Ids, Scores]:
    """The ids and scores of the k best and of all that are as good as the k-th, in no order: paths decide of those."""
    ids, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, theirs in scored:
        ids, scores = np.concatenate([ids, some]), np.concatenate([scores, theirs])
        if len(ids) > k:
            keep = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[keep], scores[keep]
    return ids, scores


def best_of_each(
    chunks: Iterator[tuple[Ids, Vector]], vectors: Vector, k: int, metric: str = "cosine"
) -> list[tuple[Ids, Scores]]:
    """Of each of (n, dim) vectors the k best: each row is read once, and all cores tell what may be best by cosine."""
    best = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(vectors)
    for ids, rows in chunks:
        if metric != "cosine":
            scored = [(ids, METRICS[metric](rows, vector)) for vector in vectors]
            best = [top(iter(both), k) for both in zip(best, scored, strict=True)]
            continue
        roughly = vectors @ rows.T if len(ids) else np.empty((0, 0), np.float32)
        for i, scores in enumerate(roughly):
            least = np.partition(scores, -k)[-k] - ROUNDING if k < len(ids) else -np.inf
            if len(best[i][0]) >= k:
                least = max(least, best[i][1].min() - ROUNDING)
            at = np.flatnonzero(scores >= least)
            best[i] = top(iter([best[i], (ids[at], row_cosines(rows[at], vectors[i]))]), k)
    return best
