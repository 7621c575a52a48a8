"""What may be near to a vector: the index of a space tells of most photos, and scans those that came after it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from devise.config import IndexConfig
from devise.index.base import Saved, UnusableIndexError
from devise.index.deferred import DeferredIndex
from devise.index.pca import Projection
from devise.spaces import Space
from devise.store.base import EmbeddedStore
from devise.store.records import GraphFile
from devise.vectors import Hits, Vector


class SpaceIndex:
    """Think of it as all photos of a space, asked for those that are worth an exact look.

    record: which file it comes from. Raises UnusableIndexError where that cannot be its file.
    """

    def __init__(self, folder: Path, record: GraphFile, dim: int, settings: IndexConfig) -> None:
        try:
            path = file_of(folder, record)
            self._projection = Projection.from_bytes(record.basis, dim)
        except (ValueError, TypeError) as error:
            raise UnusableIndexError(f"the index of {record.space} is damaged: {error}; run: devise index") from error
        saved = Saved(record.crc32, record.size)
        self._index = DeferredIndex(path, self._projection.dim_of(dim), saved, settings, count=record.nodes)
        self.key = (record.file, record.crc32)
        self._reaches = record.max_id

    def follow(self, store: EmbeddedStore, space: Space) -> None:
        """Learn of what has come and gone since its file was saved, or since it was asked to before."""
        self._index.remove(store.gone())
        for ids, rows in store.vectors.rows(space, after=self._reaches):
            if len(ids):
                self._index.add(ids, self._projection.project(rows))
                self._reaches = int(ids[-1])

    def search(self, vectors: Vector, k: int) -> list[Hits]:
        """For each vector (n, dim) up to k contents by the scores of projections. Raises UnusableIndexError."""
        return self._index.search(self._projection.project(vectors), k)


class IndexCache:
    """The indices of a library, of each space the last one: what one thread has loaded, all of them ask."""

    def __init__(self, settings: IndexConfig) -> None:
        self._settings = settings
        self._lock = Lock()
        self._opened: dict[str, SpaceIndex] = {}

    def index_of(self, store: EmbeddedStore, space: Space) -> SpaceIndex | None:
        """As it is in the store's snapshot; None: there is none. Raises UnusableIndexError."""
        record = store.graph(space.name)
        if record is None:
            return None
        with self._lock:
            opened = self._opened.get(space.name)
            if opened is None or opened.key != (record.file, record.crc32):
                opened = self._opened[space.name] = SpaceIndex(store.folder, record, space.dim, self._settings)
            opened.follow(store, space)
            return opened


def file_of(folder: Path, record: GraphFile) -> Path:
    """Raises ValueError for a record that leads outside the library."""
    path = folder / record.file
    if path.parent != folder:
        raise ValueError(f"{record.file} is no file of the library")
    return path
