"""An inverted index: of each dimension a posting list of the rows that are not 0 there; for rows that are mostly 0.

So text is searched, and photos by visual words (Sivic and Zisserman, "Video Google", 2003) or by sparse codes. A query
touches the lists of its own dimensions only; what they add up to is the exact inner product.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.index.base import Rows, checked_rows
from devise.vectors import Hits, Ids

Places = NDArray[np.int64]
Floats = NDArray[np.float32]


class Sparse(NamedTuple):
    """Rows by what is not 0 in them. starts: (n + 1,), where each row begins; dims, values: (m,), dims ascending.

    >>> Sparse.of(np.array([[0, 2, 0], [1, 0, 3]], np.float32))
    Sparse(starts=array([0, 1, 3]), dims=array([1, 0, 2]), values=array([2., 1., 3.], dtype=float32))
    """

    starts: Places
    dims: NDArray[np.int32]
    values: Floats

    @property
    def num_rows(self) -> int:
        return self.starts.size - 1

    @classmethod
    def of(cls, rows: Rows, strongest: int | None = None) -> Sparse:
        """(n, dim) floats; strongest: so many numbers of each row, the largest whatever their sign, and no others."""
        kept = rows != 0
        if strongest is not None and strongest < rows.shape[1]:
            sizes = np.abs(rows)
            kept &= sizes >= np.partition(sizes, -strongest, axis=1)[:, -strongest, None]
        row, dims = np.nonzero(kept)
        counts = np.bincount(row, minlength=len(rows))
        return cls(_starts(counts), dims.astype(np.int32), rows[row, dims].astype(np.float32))

    @classmethod
    def joined(cls, parts: list[Sparse]) -> Sparse:
        counts = [np.diff(part.starts) for part in parts]
        return cls(_starts(np.concatenate(counts)), np.concatenate([part.dims for part in parts]),
                   np.concatenate([part.values for part in parts]))  # fmt: skip

    def rows_of(self) -> Places:
        """Of each value the number of its row: (m,)."""
        return np.repeat(np.arange(self.num_rows), np.diff(self.starts))

    def some(self, kept: NDArray[np.bool_]) -> Sparse:
        """The rows that are chosen: (n,)."""
        of_values = np.repeat(kept, np.diff(self.starts))
        return Sparse(_starts(np.diff(self.starts)[kept]), self.dims[of_values], self.values[of_values])


class InvertedIndex:
    """Think of it as a book's index: of each word the pages, and of a query the pages that have most of its words.

    >>> index = InvertedIndex(100_000, is_tfidf=True)
    >>> index.add(ids, Sparse(starts, words, counts))      # or dense rows (n, dim)
    >>> hits, = index.search(Sparse.of(row[None]), 10)

    is_tfidf: numbers count times the logarithm of how rare their dimension is, and rows then have length 1: the score
    is a cosine. Without it, it is the inner product of the rows as they are. Rows in none of its lists score 0.
    """

    def __init__(self, dim: int, *, is_tfidf: bool = False, strongest: int | None = None) -> None:
        """strongest: numbers that are kept of a row and of a query; None: all."""
        self.dim, self.is_tfidf, self.strongest = dim, is_tfidf, strongest
        self._last = -1
        self._lists = _Lists(np.empty(0, np.int64), Sparse.of(np.empty((0, dim), np.float32)), dim, is_tfidf)

    def __len__(self) -> int:
        return len(self._lists.ids)

    @property
    def num_postings(self) -> int:
        return len(self._lists.rows.dims)

    @property
    def nbytes(self) -> int:
        """Of the lists: eight a posting, and where each begins."""
        lists = self._lists.postings
        return lists.places.nbytes + lists.values.nbytes + lists.starts.nbytes + self._lists.ids.nbytes

    def add(self, ids: ArrayLike, rows: Rows | Sparse) -> None:
        new, some = np.asarray(ids, np.int64), self._checked(rows)
        if new.shape != (some.num_rows,):
            raise ValueError(f"{new.shape} ids for rows of shape {(some.num_rows, self.dim)}")
        if np.any(np.diff(new, prepend=self._last) <= 0):
            raise ValueError("ids must only grow: a used id could come back twice")
        if len(new):
            lists = self._lists
            self._lists = lists.with_rows(np.concatenate([lists.ids, new]), Sparse.joined([lists.rows, some]))
            self._last = int(new[-1])

    def remove(self, ids: ArrayLike) -> None:
        lists = self._lists
        live = ~np.isin(lists.ids, np.asarray(ids, np.int64))
        if not live.all():
            self._lists = lists.with_rows(lists.ids[live], lists.rows.some(live))

    def search(self, queries: Rows | Sparse, k: int, *, among: Ids | None = None) -> list[Hits]:
        asked, lists = self._checked(queries), self._lists
        chosen = None if among is None else np.isin(lists.ids, among)
        found = []
        for start, end in zip(asked.starts[:-1], asked.starts[1:], strict=True):
            scores = lists.scores(asked.dims[start:end], asked.values[start:end])
            if chosen is None:
                found.append(Hits.best(lists.ids, scores, k))
            else:
                found.append(Hits.best(lists.ids[chosen], scores[chosen], k))
        return found

    def _checked(self, rows: Rows | Sparse) -> Sparse:
        """Raises ValueError for what are no such rows."""
        if not isinstance(rows, Sparse):
            return Sparse.of(checked_rows(rows, self.dim), self.strongest)
        is_in = not len(rows.dims) or (rows.dims.min() >= 0 and rows.dims.max() < self.dim)
        if not (is_in and rows.starts[-1] == len(rows.dims) == len(rows.values) and np.isfinite(rows.values).all()):
            raise ValueError(f"sparse rows must be finite, with dimensions below {self.dim}: (starts, dims, values)")
        if np.any(np.diff(rows.rows_of() * self.dim + rows.dims) <= 0):
            raise ValueError("the dimensions of a sparse row must only grow")
        return rows


class _Postings(NamedTuple):
    """By dimension: list d is from starts[d] to starts[d + 1]. places: of rows; values: what they count there."""

    starts: Places
    places: NDArray[np.int32]
    values: Floats


class _Lists:
    """What readers hold while a writer makes others: never changed, lists made at the first search."""

    def __init__(self, ids: Ids, rows: Sparse, dim: int, is_tfidf: bool) -> None:
        self.ids, self.rows, self._dim, self._is_tfidf = ids, rows, dim, is_tfidf

    def with_rows(self, ids: Ids, rows: Sparse) -> _Lists:
        return _Lists(ids, rows, self._dim, self._is_tfidf)

    @cached_property
    def rarity(self) -> Floats:
        """log(rows / rows that have it), of each dimension: (dim,). All alike would be 0, so a row more is counted."""
        having = np.bincount(self.rows.dims, minlength=self._dim)
        rare: Floats = np.log((len(self.ids) + 1) / np.maximum(having, 1)).astype(np.float32)
        return rare

    @cached_property
    def postings(self) -> _Postings:
        row, values = self.rows.rows_of(), self.rows.values
        if self._is_tfidf:
            values = values * self.rarity[self.rows.dims]
            lengths = np.sqrt(np.bincount(row, values * values, minlength=len(self.ids)))
            values = (values / np.maximum(lengths, 1e-12)[row]).astype(np.float32)
        order = np.argsort(self.rows.dims, kind="stable")
        counts = np.bincount(self.rows.dims, minlength=self._dim)
        return _Postings(_starts(counts), row[order].astype(np.int32), values[order])

    def scores(self, dims: NDArray[Any], values: Floats) -> Floats:
        """Of all rows: (n,)."""
        lists = self.postings
        if self._is_tfidf:
            values = values * self.rarity[dims]
            values = values / max(float(np.sqrt(values @ values)), 1e-12)
        scores = np.zeros(len(self.ids), np.float32)
        for dim, value in zip(dims.tolist(), values.tolist(), strict=True):
            some = slice(lists.starts[dim], lists.starts[dim + 1])
            scores[lists.places[some]] += np.float32(value) * lists.values[some]  # a row stands in a list once
        return scores


def _starts(counts: ArrayLike) -> Places:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
