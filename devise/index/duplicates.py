"""Equal vectors are one node of a graph that stands for many ids, for hnswlib links equal ones to each other only.

Blank pages, black frames and one picture in many files would otherwise be islands, and searches end on them: of 3,000
photos with four groups of 500 equal ones a graph of a node for each found 0.3 to 0.6 of the ten nearest.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Ids, Vector

GRAIN = 1e-4  # numbers of equal vectors differ by less: a projection is a matrix product, which rounds as it likes
HEADER = struct.Struct("<8sIQ")  # what it is, the checksum of the rest, how many pairs
MAGIC = b"devdups1"
SEED = 100  # of what is multiplied to tell vectors apart


class Duplicates(NamedTuple):
    """Think of it as a dict of node to all live ids that it stands for. A node that is not in it stands for itself.

    nodes, ids: (pairs,), sorted by node, then by id.
    """

    nodes: Ids
    ids: Ids

    @classmethod
    def none(cls) -> Duplicates:
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    @property
    def num_more(self) -> int:
        """How many ids there are more than nodes. Nodes are sorted."""
        return len(self.ids) - int(np.count_nonzero(np.diff(self.nodes))) - bool(len(self.nodes))

    def expand(self, nodes: Ids) -> tuple[Ids, NDArray[np.int64]]:
        """The ids of (n,) nodes, and the place in `nodes` of each: (ids,), (ids,)."""
        start = np.searchsorted(self.nodes, nodes)
        counts = np.searchsorted(self.nodes, nodes, "right") - start
        places = np.arange(len(nodes))
        if not counts.any():
            return nodes, places
        alone, shared = places[counts == 0], np.repeat(places, counts)
        ends = np.cumsum(counts)
        at = np.arange(ends[-1]) - np.repeat(ends - counts - start, counts)
        return np.concatenate([nodes[alone], self.ids[at]]), np.concatenate([alone, shared])

    def node_of(self, ids: Ids) -> Ids:
        """The node of each of (n,) live ids."""
        if not len(self.ids):
            return ids
        order = np.argsort(self.ids)
        at = order[np.minimum(np.searchsorted(self.ids, ids, sorter=order), len(order) - 1)]
        return np.where(self.ids[at] == ids, self.nodes[at], ids)

    def joined(self, nodes: Ids, ids: Ids) -> Duplicates:
        """With new ids of nodes that are there, be it alone until now."""
        firsts = np.unique(nodes)
        firsts = firsts[~np.isin(firsts, self.nodes)]
        all_nodes = np.concatenate([self.nodes, firsts, nodes])
        all_ids = np.concatenate([self.ids, firsts, ids])
        order = np.lexsort((all_ids, all_nodes))
        return Duplicates(all_nodes[order], all_ids[order])

    def without(self, ids: Ids) -> tuple[Duplicates, Ids]:
        """Without some ids, and the nodes that stand for nothing any more."""
        lost = np.isin(self.ids, ids)
        left = Duplicates(self.nodes[~lost], self.ids[~lost])
        touched = np.unique(self.nodes[lost])
        alone = ids[~np.isin(ids, self.ids)]
        return left, np.concatenate([alone, touched[~np.isin(touched, left.nodes)]])

    def to_bytes(self) -> bytes:
        pairs = np.stack([self.nodes, self.ids]).astype("<i8").tobytes()
        return HEADER.pack(MAGIC, crc32(pairs), len(self.ids)) + pairs

    @classmethod
    def from_bytes(cls, stored: bytes) -> Duplicates:
        """Raises ValueError for what is none."""
        if len(stored) < HEADER.size or not stored.startswith(MAGIC):
            raise ValueError("these are no duplicates of a graph")
        _, checksum, count = HEADER.unpack_from(stored)
        pairs = stored[HEADER.size :]
        if len(pairs) != 16 * count or crc32(pairs) != checksum:
            raise ValueError("duplicates that are damaged")
        nodes, ids = np.frombuffer(pairs, "<i8").astype(np.int64).reshape(2, -1)
        order = np.lexsort((ids, nodes))
        return cls(nodes[order], ids[order])


def keys(rows: Vector) -> NDArray[np.int64]:
    """A number for each of (n, dim) rows, the same for equal ones: sums that overflow are as good as any."""
    weights = np.random.default_rng(SEED).integers(1, 1 << 62, rows.shape[1], dtype=np.int64)
    sums: NDArray[np.int64] = np.round(rows / GRAIN).astype(np.int64) @ weights
    return sums
