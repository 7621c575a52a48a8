"""Which rows of bits are near to each other, all pairs of them, without a look at all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014):
rows of 64 bits are cut into four pieces of 16. Of two rows that differ in at most r bits one piece differs in at most
r / 4, so tables of the pieces name all pairs that can be near, and those are counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.index.flat import num_differing

PIECES, PIECE_BITS = 4, 16
AT_ONCE = 1 << 21  # pairs that are looked at together: 50 MB
Places = NDArray[np.int64]


class Pairs(NamedTuple):
    """Two rows each, by their places, the first the lower: (n,), (n,); how many of their bits differ: (n,)."""

    first: Places
    second: Places
    distances: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.first)


def near_pairs(rows: NDArray[np.uint8], radius: int, *, at_once: int = AT_ONCE) -> Pairs:
    """All pairs of (n, 8) rows of 64 bits that differ in at most `radius` bits, each once, in order. Exact.

    >>> near_pairs(np.array([[0] * 8, [255] * 8, [0] * 7 + [1]], np.uint8), radius=4)
    Pairs(first=array([0]), second=array([2]), distances=array([1], dtype=uint8))

    Equal rows are pairs like others, and n of them are n * n / 2: give each but once where there may be many. Raises
    ValueError for rows of another width, and for a radius from 16 on, where the tables name nearly all pairs.
    """
    if rows.ndim != 2 or rows.shape[1] != 8 or rows.dtype != np.uint8:
        raise ValueError(f"rows of 64 bits are (n, 8) bytes, not {rows.shape} of {rows.dtype}")
    if not 0 <= radius < PIECES * 4:
        raise ValueError(f"a radius from 0 to {PIECES * 4 - 1}, not {radius}")
    keys = np.ascontiguousarray(rows).view(np.uint64)[:, 0]
    found = [np.empty(0, np.int64)]
    for piece in range(PIECES):
        # of a radius 4 * a + b the first b + 1 pieces may differ in a bits, the others in a - 1
        most = radius // PIECES - (piece > radius % PIECES)
        values = (keys >> np.uint64(PIECE_BITS * piece)).astype(np.uint16)
        for first, second in _alike(values, most, at_once):
            near = num_differing(keys[first], keys[second]) <= radius
            low, high = np.minimum(first[near], second[near]), np.maximum(first[near], second[near])
            found.append(np.unique(low * len(keys) + high))
    at = np.unique(np.concatenate(found))
    first, second = at // max(1, len(keys)), at % max(1, len(keys))
    return Pairs(first, second, num_differing(keys[first], keys[second]))


def _alike(values: NDArray[np.uint16], most: int, at_once: int) -> Iterator[tuple[Places, Places]]:
    """Pairs of places whose values differ in at most so many bits, each once."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.searchsorted(ordered, np.arange((1 << PIECE_BITS) + 1))
    if most >= 0:
        ends = starts[ordered.astype(np.int64) + 1]  # equal values: each with those behind it
        yield from _expanded(order, np.arange(len(order)), np.arange(1, len(order) + 1), ends, at_once)
    for count in range(1, most + 1):
        for bits in combinations(range(PIECE_BITS), count):
            mask = sum(1 << bit for bit in bits)
            lower = np.flatnonzero(ordered & (1 << bits[-1]) == 0)  # of each pair the one that lacks the highest bit
            others = (ordered[lower] ^ mask).astype(np.int64)
            yield from _expanded(order, lower, starts[others], starts[others + 1], at_once)


def _expanded(order: Places, each: Places, begin: Places, end: Places, at_once: int) -> Iterator[tuple[Places, Places]]:
    """Each place with all from `begin` to `end`, a bounded number of pairs at a time."""
    counts = end - begin
    has_some = counts > 0
    each, begin, counts = each[has_some], begin[has_some], counts[has_some]
    total = np.cumsum(counts)
    start = 0
    while start < len(each):
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + at_once, side="right")))
        some = counts[start:stop]
        within = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield order[np.repeat(each[start:stop], some)], order[np.repeat(begin[start:stop], some) + within]
        start = stop
