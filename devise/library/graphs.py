"""The graphs of a library: derived from the store, brought up to date after a run, never needed for truth."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from devise import config
from devise.errors import DeviseError
from devise.graph import Graph, available
from devise.library.report import Progress
from devise.library.rows import GraphFile
from devise.library.store import Ids, Store

MAX_DELETED = 0.3  # share of deleted nodes from which a graph is built anew: they cost time and recall


def update(store: Store, progress: Progress) -> None:
    """Make each graph hold just the contents of the store. Small libraries need none."""
    model = store.model()
    ids = store.ids()
    for space in model.spaces if model else ():
        if len(ids) < config.EXACT_BELOW:
            _drop(store, space.name)
        elif available():
            _update(store, space.name, space.dim, ids, progress)
    _sweep(store)


def load(store: Store, record: GraphFile, dim: int) -> Graph | None:
    """The graph as it was saved, or None when its file is missing, damaged or foreign: then a scan answers."""
    path = store.folder / record.file
    if Path(record.file).name != record.file:  # a record must never lead outside the library
        return None
    try:
        return Graph.load(path, dim=dim, crc32=record.crc32, size=record.size)
    except (DeviseError, OSError):
        return None


def _update(store: Store, space: str, dim: int, ids: Ids, progress: Progress) -> None:
    record = store.graph(space)
    graph = load(store, record, dim) if record else None
    if record and graph is None:
        progress.note(f"the graph of {space} is missing or damaged; building it again")
    held = graph.ids() if graph is not None else np.empty(0, np.int64)
    gone = np.setdiff1d(held, ids)
    reaches = record.max_id if record else 0
    if graph is None or record is None or _num_deleted(record, held) + len(gone) > MAX_DELETED * record.count:
        graph, gone, reaches, count = Graph.new(dim), gone[:0], 0, 0
    elif not len(gone) and ids[-1] <= reaches:
        return
    else:
        count = record.count
    graph.remove(gone)
    new = int((ids > reaches).sum())
    progress.building(space, 0, new)
    done = 0
    for some, rows in store.scan(space, after=reaches):
        graph.add(some, rows)
        done += len(some)
        progress.building(space, done, new)
    _record(store, space, graph, count + new, int(ids[-1]))


def _num_deleted(record: GraphFile, held: Ids) -> int:
    return record.count - len(held)


def _record(store: Store, space: str, graph: Graph, count: int, max_id: int) -> None:
    """A new file first, then the row that names it: at no moment does the row name a half-written file."""
    with store.transaction():
        revision = store.next_revision()
    file = f"{space}-{revision}.graph"
    crc32, size = graph.save(store.folder / file)
    with store.transaction():
        store.put_graph(GraphFile(space, file, crc32, size, count, max_id))


def _drop(store: Store, space: str) -> None:
    if store.graph(space):
        with store.transaction():
            store.remove_graph(space)


def _sweep(store: Store) -> None:
    """Delete the files of earlier graphs, and those of runs that were killed while they wrote one.

    A reader that has one open keeps it; one that comes too late scans.
    """
    model = store.model()
    records = [store.graph(space.name) for space in model.spaces] if model else []
    used = {record.file for record in records if record}
    for path in (*store.folder.glob("*.graph"), *store.folder.glob(".*.graph.*.tmp")):
        if path.name not in used:
            with suppress(OSError):
                path.unlink()
