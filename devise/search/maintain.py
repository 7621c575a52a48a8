"""The indices of a library: derived from the store, brought up to date now and then, never needed for truth.

A run of a few photos into a large library leaves them as they are: what is new is scanned by searches, what was
deleted they leave out, until there is enough of both that the work of loading and saving an index is well spent.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devise.config import IndexConfig
from devise.errors import DeviseError
from devise.index import hnsw_file, quantized
from devise.index.base import FileIndex, Saved
from devise.index.hnsw import HnswIndex, available
from devise.index.pca import GROWTH, SAMPLE, Projection
from devise.index.quantized import QuantizedIndex
from devise.search.space_index import file_of
from devise.spaces import Space
from devise.store.base import EmbeddedStore, Store, embedded, together
from devise.store.records import GraphFile
from devise.vectors import Ids

if TYPE_CHECKING:
    from devise.progress import Progress

GRAPH, FLAT = ".graph", ".flat"  # how files of indices end, which tells their kind
MAX_DELETED = 0.3  # share of deleted nodes from which a graph is built anew: they cost time and recall
READ_AGAIN = 1 << 26  # bytes of an index up to which every run makes sure that its file is whole


def update(given: Store, progress: Progress, settings: IndexConfig = IndexConfig()) -> None:
    """Make indices that have fallen behind hold just the contents of the store. Small libraries need none.

    An index that a server keeps is told of what it has not heard of.
    """
    if given.served is not None:
        given.served.settle()
        return
    store = embedded(given)
    model = store.model()
    spaces = [space for space in model.spaces if space.metric == "cosine"] if model else []  # others are scanned
    counts = [(space, num_rows(store, space)) for space in spaces]
    large = [(space, count) for space, count in counts if count >= settings.exact_below]
    for space, count in counts:
        if count < settings.exact_below:
            _drop(store, space.name)
    if not large:
        _forget_gone(store)
    elif any(_is_due(store, space, count, settings) for space, count in large):
        for space, count in large:
            _update(store, space, count, progress, settings)
        _forget_gone(store)
    _sweep(store)


def forget(store: Store, space: Space) -> None:
    """Have the index of a space made anew. A server's hears of each row that comes or goes."""
    if store.served is None:
        embedded(store).remove_graph(space.name)


def num_rows(store: Store, space: Space) -> int:
    """How many contents have a row in a space: all, but in one that was made elsewhere."""
    return store.num_contents() - (len(store.vectors.lacking(space)) if space.is_imported else 0)


def suffix_of(space: Space) -> str:
    """How the file of a space's index ends, which tells its kind: .graph, or .flat for what is scanned whole.

    Words are far from all photos, and a graph leads such queries astray: it is only asked for photos. hnswlib has no
    wheels, and where it is not installed all is scanned.
    """
    return FLAT if space.vectors is not None or not available() else GRAPH


def stored_ids(store: EmbeddedStore, record: GraphFile, dim: int) -> Ids | None:
    """The ids in an index as it was saved, ascending; None where its file is missing, damaged or foreign."""
    try:
        path, projection = file_of(store.folder, record), Projection.from_bytes(record.basis, dim)
        read = hnsw_file.stored if path.suffix == GRAPH else quantized.stored
        saved = Saved(record.crc32, record.size)
        ids = [np.array(some) for some, _ in read(path, projection.dim_of(dim), saved)]
        return np.sort(np.concatenate([np.empty(0, np.int64), *ids]))
    except (DeviseError, OSError, ValueError, TypeError):
        return None


def _is_due(store: EmbeddedStore, space: Space, count: int, settings: IndexConfig) -> bool:
    record = store.graph(space.name)
    if record is None or not record.file.endswith(suffix_of(space)):
        return True
    if len(store.gone()) + store.num_contents(after=record.max_id) > settings.may_lack(count):
        return True
    try:
        if (store.folder / record.file).stat().st_size != record.size:
            return True
    except OSError:
        return True
    return record.size <= READ_AGAIN and stored_ids(store, record, space.dim) is None


def _update(store: EmbeddedStore, space: Space, count: int, progress: Progress, settings: IndexConfig) -> None:
    record = store.graph(space.name)
    if record and not record.file.endswith(suffix_of(space)):
        record = None
    opened = _load(store, record, space, settings) if record else None
    if record and opened is None:
        progress.note(f"the index of {space.name} is missing or damaged; building it again")
    if record is None or opened is None or _is_outgrown(store, record, opened[0], count):
        projection, reaches, before, fitted = _fit(store, space, settings), 0, 0, count
        index = _new(space, projection.dim_of(space.dim), settings)
    else:
        (index, projection), reaches, before, fitted = opened, record.max_id, record.nodes, record.fitted
        index.remove(store.gone())
    new, done, last = store.num_contents(after=reaches), 0, reaches
    progress.building(space.name, 0, new)
    for some, rows in store.vectors.rows(space, after=reaches):
        index.add(some, projection.project(rows))
        done, last = done + len(some), int(some[-1])
        progress.building(space.name, done, new)
    if space.is_imported and new:  # those that have no row will have none: an import builds the index anew
        last = int(store.ids(after=reaches)[-1])
    held = len(index) if isinstance(index, QuantizedIndex) else before + done  # a graph keeps what is deleted
    _record(store, space.name, index, projection, (held, last, fitted))


def _load(
    store: EmbeddedStore, record: GraphFile, space: Space, settings: IndexConfig
) -> tuple[FileIndex, Projection] | None:
    try:
        path, projection = file_of(store.folder, record), Projection.from_bytes(record.basis, space.dim)
        dim, saved = projection.dim_of(space.dim), Saved(record.crc32, record.size)
        if path.suffix == GRAPH:
            return HnswIndex.load(path, dim, saved, settings), projection
        return QuantizedIndex.load(path, dim, saved), projection
    except (DeviseError, OSError, ValueError, TypeError):
        return None


def _new(space: Space, dim: int, settings: IndexConfig) -> FileIndex:
    return HnswIndex(dim, settings) if suffix_of(space) == GRAPH else QuantizedIndex(dim)


def _fit(store: EmbeddedStore, space: Space, settings: IndexConfig) -> Projection:
    """From evenly spread contents."""
    if space.dim <= settings.dim:
        return Projection()
    ids = np.setdiff1d(store.ids(), store.vectors.lacking(space)) if space.is_imported else store.ids()
    return Projection.fit(together(store.vectors.rows(space, ids[:: -(-len(ids) // SAMPLE)]))[1], settings.dim)


def _is_outgrown(store: EmbeddedStore, record: GraphFile, index: FileIndex, count: int) -> bool:
    """Too many of its nodes are deleted, or its directions come from too few photos."""
    if count >= GROWTH * record.fitted:
        return True
    if not isinstance(index, HnswIndex):
        return False
    deleted = record.nodes - len(index) + len(np.intersect1d(index.ids(), store.gone()))
    return deleted > MAX_DELETED * record.nodes


def _record(
    store: EmbeddedStore, space: str, index: FileIndex, projection: Projection, reach: tuple[int, int, int]
) -> None:
    """A new file first, then the row that names it: at no moment does the row name a half-written file."""
    with store.transaction():
        revision = store.next_revision()
    file = f"{space}-{revision}{GRAPH if isinstance(index, HnswIndex) else FLAT}"
    crc32, size = index.save(store.folder / file)
    with store.transaction():
        store.put_graph(GraphFile(space, file, crc32, size, *reach, projection.to_bytes()))


def _drop(store: EmbeddedStore, space: str) -> None:
    if store.graph(space):
        with store.transaction():
            store.remove_graph(space)


def _forget_gone(store: EmbeddedStore) -> None:
    """No index holds any of them."""
    if len(store.gone()):
        with store.transaction():
            store.forget_gone()


def _files(path: Path) -> tuple[Path, Path]:
    return path, hnsw_file.beside(path)


def _sweep(store: EmbeddedStore) -> None:
    """Delete the files of earlier indices.

    A reader that has one open keeps it; one that comes too late scans.
    """
    model = store.model()
    records = [store.graph(space.name) for space in model.spaces] if model else []
    used = {path for record in records if record for path in _files(store.folder / record.file)}
    for path in [path for kind in (f"*{GRAPH}", f"*{FLAT}", "*.ids") for path in store.folder.glob(kind)]:
        if path not in used:
            with suppress(OSError):
                path.unlink()
