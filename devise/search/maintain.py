"""The graphs of a library: derived from the store, brought up to date now and then, never needed for truth.

A run of a few photos into a large library leaves the graphs as they are: what is new is scanned by searches, what was
deleted they leave out, until there is enough of both that the work of loading and saving a graph is well spent.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devise import config
from devise.errors import DeviseError
from devise.index.deferred import LazyGraph
from devise.index.duplicates import Apart
from devise.index.hnsw import Graph, available
from devise.index.pca import GROWTH, Projection
from devise.search.space_index import Nearby
from devise.spaces import Space
from devise.store.records import GraphFile
from devise.store.sqlite.store import Store

if TYPE_CHECKING:
    from devise.progress import Progress

MAX_DELETED = 0.3  # share of deleted nodes from which a graph is built anew: they cost time and recall
READ_AGAIN = 1 << 26  # bytes of a graph up to which every run makes sure that its file is whole


def update(store: Store, progress: Progress) -> None:
    """Make graphs that have fallen behind hold just the contents of the store. Small libraries need none."""
    model, count = store.model(), store.num_contents()
    spaces = model.spaces if model else ()
    if count < config.EXACT_BELOW:
        for space in spaces:
            _drop(store, space.name)
        _forget_gone(store)
    elif available() and any(_is_due(store, space, count) for space in spaces):
        for space in spaces:
            _update(store, space, count, progress)
        _forget_gone(store)
    _sweep(store)


def max_behind(count: int) -> int:
    """Contents that the graphs of a library of `count` need not know: searches look at each of them."""
    return max(config.EXACT_BELOW, int(config.GRAPH_BEHIND * count))


def load(store: Store, record: GraphFile, dim: int) -> tuple[Graph, Projection] | None:
    """The graph as it was saved, or None when its file is missing, damaged or foreign: then a scan answers."""
    try:
        path, projection = _file(store, record), Projection.from_bytes(record.basis, dim)
        return Graph.load(path, dim=projection.dim_of(dim), crc32=record.crc32, size=record.size), projection
    except (DeviseError, OSError, ValueError, TypeError):
        return None


def _file(store: Store, record: GraphFile) -> Path:
    """Raises ValueError for a record that leads outside the library."""
    path = store.folder / record.file
    if path.parent != store.folder:
        raise ValueError(f"{record.file} is no file of the library")
    return path


class Opened:
    """The graphs of a reader, of each space the last one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graphs: dict[str, tuple[str, int, tuple[LazyGraph, Projection] | None]] = {}

    def nearby(self, space: Space) -> Nearby | None:
        """None: there is no good graph."""
        record = self._store.graph(space.name)
        if record is None:
            return None
        file, crc32, opened = self._graphs.get(space.name, ("", 0, None))
        if (file, crc32) != (record.file, record.crc32):
            opened = self._open(record, space.dim)
            self._graphs[space.name] = (record.file, record.crc32, opened)
        return Nearby.of(self._store, record, *opened) if opened else None

    def _open(self, record: GraphFile, dim: int) -> tuple[LazyGraph, Projection] | None:
        try:
            path, projection = _file(self._store, record), Projection.from_bytes(record.basis, dim)
            graph = LazyGraph(path, projection.dim_of(dim), crc32=record.crc32, size=record.size)
        except (ValueError, TypeError):
            return None
        return graph, projection


def _is_due(store: Store, space: Space, count: int) -> bool:
    record = store.graph(space.name)
    if record is None or len(store.gone()) + store.num_contents(after=record.max_id) > max_behind(count):
        return True
    try:
        if (store.folder / record.file).stat().st_size != record.size:
            return True
    except OSError:
        return True
    return record.size <= READ_AGAIN and load(store, record, space.dim) is None


def _update(store: Store, space: Space, count: int, progress: Progress) -> None:
    record = store.graph(space.name)
    opened = load(store, record, space.dim) if record else None
    if record and opened is None:
        progress.note(f"the graph of {space.name} is missing or damaged; building it again")
    if record is None or opened is None or _is_outgrown(store, record, opened[0], count):
        projection, reaches, before, fitted = Projection.fit(store, space.name, space.dim), 0, 0, count
        graph = Graph.new(projection.dim_of(space.dim))
    else:
        (graph, projection), reaches, before, fitted = opened, record.max_id, record.nodes, record.fitted
        graph.remove(store.gone())
    new, done, last = store.num_contents(after=reaches), 0, reaches
    progress.building(space.name, 0, new)
    apart = Apart(graph)
    for some, rows in store.scan(space.name, after=reaches):
        graph.add(some, apart.of(projection.of(rows)))
        done, last = done + len(some), int(some[-1])
        progress.building(space.name, done, new)
    _record(store, space.name, graph, projection, (before + done, last, fitted))


def _is_outgrown(store: Store, record: GraphFile, graph: Graph, count: int) -> bool:
    """Too many of its nodes are deleted, or its directions come from too few photos."""
    deleted = record.nodes - len(graph) + len(np.intersect1d(graph.ids(), store.gone()))
    return deleted > MAX_DELETED * record.nodes or count >= GROWTH * record.fitted


def _record(store: Store, space: str, graph: Graph, projection: Projection, reach: tuple[int, int, int]) -> None:
    """A new file first, then the row that names it: at no moment does the row name a half-written file."""
    with store.transaction():
        revision = store.next_revision()
    file = f"{space}-{revision}.graph"
    crc32, size = graph.save(store.folder / file)
    with store.transaction():
        store.put_graph(GraphFile(space, file, crc32, size, *reach, projection.to_bytes()))


def _drop(store: Store, space: str) -> None:
    if store.graph(space):
        with store.transaction():
            store.remove_graph(space)


def _forget_gone(store: Store) -> None:
    """No graph holds any of them."""
    if len(store.gone()):
        with store.transaction():
            store.forget_gone()


def _sweep(store: Store) -> None:
    """Delete the files of earlier graphs.

    A reader that has one open keeps it; one that comes too late scans.
    """
    model = store.model()
    records = [store.graph(space.name) for space in model.spaces] if model else []
    used = {record.file for record in records if record}
    for path in store.folder.glob("*.graph"):
        if path.name not in used:
            with suppress(OSError):
                path.unlink()
