"""The file of a graph as hnswlib wrote it, verified and read without hnswlib, and beside it which ids share a node.

hnswlib itself tells neither a file's dimension nor what was deleted, and loads flipped bytes that crash it later. Both
stand in the file (hnswalg.h, saveIndex), and one pass over it tells all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from devise.index.base import Saved
from devise.index.duplicates import Duplicates
from devise.index.saved import PIECE, Layout, damaged, other_dimension, records
from devise.vectors import Ids, Vector

# hnswlib's own header (hnswalg.h, saveIndex): six size_t, then what we need not know
HEADER = struct.Struct("<6Q")
LEVEL0 = HEADER.size + 4 + 4 + 3 * 8 + 8 + 8  # then int, uint32, three size_t, a double, a size_t, and the nodes
DELETED = 1 << 16  # the bit in the first four bytes of a node (hnswalg.h, DELETE_MARK in byte 2)


def beside(path: Path) -> Path:
    """The file of a graph's duplicates, which is there if it has any."""
    return path.with_suffix(".ids")


def stored(path: Path, dim: int, saved: Saved, piece_bytes: int = PIECE) -> Iterator[tuple[Ids, Vector]]:
    """The live ids of a saved graph and their vectors, a piece at a time, to be believed when all have come.

    Far quicker than hnswlib gives them, which makes lists. Raises UnusableIndexError.
    """
    told, duplicates = _duplicates(path)
    for some in records(path, saved, partial(_layout, path, dim), told, piece_bytes):
        live = some["mark"] & DELETED == 0
        ids, at = duplicates.expand(some["label"][live])
        rows = some["vector"][live]
        yield ids, rows if len(at) == len(rows) else rows[at]


def verified(path: Path, dim: int, saved: Saved) -> tuple[Ids, Duplicates, int]:
    """The live nodes of a file that is whole and of this dimension, what they stand for, and the highest node."""
    told, duplicates = _duplicates(path)
    labels, live = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for some in records(path, saved, partial(_layout, path, dim), told):
        labels.append(some["label"].copy())
        live.append(some["mark"] & DELETED == 0)
    nodes = np.concatenate(labels)
    return nodes[np.concatenate(live)], duplicates, int(nodes.max(initial=-1))


def _duplicates(path: Path) -> tuple[bytes, Duplicates]:
    try:
        told = beside(path).read_bytes()
        return told, Duplicates.from_bytes(told)
    except FileNotFoundError:
        return b"", Duplicates.none()
    except (OSError, ValueError) as error:
        raise damaged(beside(path)) from error


def _layout(path: Path, dim: int, head: bytes) -> Layout:
    if len(head) < LEVEL0:
        raise damaged(path)
    base, _, count, stride, label_at, vector_at = HEADER.unpack_from(head)
    if label_at - vector_at != 4 * dim:
        raise other_dimension(path, (label_at - vector_at) // 4, dim)
    if base or vector_at < 4 or label_at + 8 > stride or stride > PIECE:
        raise damaged(path)
    fields = {"mark": ("<u4", 0), "vector": (f"({dim},)<f4", vector_at), "label": ("<i8", label_at)}
    formats, offsets = zip(*fields.values(), strict=True)
    record = np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": stride})
    return Layout(LEVEL0, count, record)
