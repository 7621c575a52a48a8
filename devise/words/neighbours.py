"""The graph beside a word vector file: derived, stamped with the rows it was made of, never needed for truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise.config import Settings
from devise.errors import DeviseError, writing
from devise.files import replacing
from devise.index.base import Saved
from devise.index.hnsw import HnswIndex, available
from devise.vectors import Vector

CHUNK = 4096  # rows added at a time: 5 MB, and a progress line that moves


class Rows(Protocol):
    """What a graph needs of word vectors."""

    settings: Settings
    path: Path
    dim: int
    fingerprint: str

    def __len__(self) -> int: ...
    def rows(self, slots: ArrayLike) -> Vector: ...


class Searched(Rows, Protocol):
    @property
    def graph(self) -> HnswIndex | None: ...


@dataclass(frozen=True)
class Stamp:
    """What must hold before a graph is trusted."""

    fingerprint: str
    crc32: int
    size: int


def graph_path(path: Path) -> Path:
    return path.with_suffix(".graph")


def stamp_path(path: Path) -> Path:
    return path.with_suffix(".graph.json")


def build(vectors: Rows, progress: Callable[[int, int], None] | None = None) -> bool:
    """Build and save the graph of a file; False where hnswlib is missing."""
    if not available():
        return False
    graph = HnswIndex(vectors.dim, vectors.settings.index)
    for start in range(0, len(vectors), CHUNK):
        slots = np.arange(start, min(start + CHUNK, len(vectors)))
        graph.add(slots, vectors.rows(slots))
        if progress:
            progress(int(slots[-1]) + 1, len(vectors))
    with writing(stamp_path(vectors.path)):
        stamp_path(vectors.path).unlink(missing_ok=True)  # a stamp must never stand beside another graph
    crc32, size = graph.save(graph_path(vectors.path))
    with replacing(stamp_path(vectors.path)) as temporary:
        stamp = {"fingerprint": vectors.fingerprint, "crc32": crc32, "size": size}
        temporary.write_text(json.dumps(stamp), "utf-8")
    return True


def load(vectors: Rows) -> HnswIndex | None:
    """The graph, or None when it is missing, damaged or of other rows: then a scan answers."""
    try:
        stamp = Stamp(**json.loads(stamp_path(vectors.path).read_text("utf-8")))
        if stamp.fingerprint != vectors.fingerprint:
            return None
        saved = Saved(stamp.crc32, stamp.size)
        graph = HnswIndex.load(graph_path(vectors.path), vectors.dim, saved, vectors.settings.index)
    except (OSError, ValueError, TypeError, RecursionError, DeviseError):
        return None
    return graph if len(graph) == len(vectors) else None


def candidates(vectors: Searched, vector: Vector, k: int) -> NDArray[np.int64] | None:
    """Slots that are likely the nearest, to be scored exactly; None: score all.

    A graph of words leads a query astray that is no word but a mean of some: it is asked once more, with a higher ef.
    """
    search, index = vectors.settings.search, vectors.settings.index
    wanted = max(search.min_candidates, search.candidates * k)
    if 2 * wanted >= len(vectors) or vectors.graph is None:
        return None
    (found,) = vectors.graph.search(vector[None], wanted)
    if not len(found) or found.scores[0] < index.near_word:
        (found,) = vectors.graph.search(vector[None], wanted, ef=index.ef_means)
    return found.ids if len(found) >= k else None
