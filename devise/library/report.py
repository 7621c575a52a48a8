"""What a library is at a moment: its photos and their vectors, its model, its folders and its bytes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from devise.results import LibraryInfo
from devise.store.sqlite.store import Store
from devise.vectors import Vector


def describe(store: Store) -> LibraryInfo:
    """A library that is there."""
    with store.transaction(write=False):  # of one moment
        return LibraryInfo(
            path=str(store.folder),
            exists=True,
            num_photos=store.num_photos(),
            num_contents=store.num_contents(),
            num_skipped=sum(1 for _ in store.skipped()),
            num_bytes=num_bytes(store.folder),
            model=store.model(),
            roots=tuple(store.roots()),
        )


def num_bytes(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # SQLite's own files come and go while another program indexes
            total += file.stat().st_size
    return total


def vectors(store: Store, space: str) -> tuple[list[str], Vector]:
    """All photos, sorted, and their vectors in a space: (n,), (n, dim)."""
    with store.transaction(write=False):  # of one moment
        chunks = list(store.scan(space))
        ids = np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in chunks)])
        paths = store.paths_of(ids)
    order = sorted((path, at) for at, content_id in enumerate(ids.tolist()) for path in paths.get(content_id, ()))
    rows = np.concatenate([some for _, some in chunks])
    del chunks
    return [path for path, _ in order], rows[[at for _, at in order]]
