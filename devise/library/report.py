"""What a library is at a moment: its photos and their vectors, its model, its folders and its bytes."""

from __future__ import annotations

from devise.reports import LibraryInfo
from devise.store.base import Store, together
from devise.vectors import Vector


def describe(store: Store) -> LibraryInfo:
    """A library that is there."""
    with store.snapshot():  # of one moment
        return LibraryInfo(
            path=store.name,
            exists=True,
            num_photos=store.num_photos(),
            num_contents=store.num_contents(),
            num_skipped=sum(1 for _ in store.skipped()),
            num_bytes=store.num_bytes(),
            model=store.model(),
            roots=tuple(store.roots()),
        )


def vectors(store: Store, space: str) -> tuple[list[str], Vector]:
    """All photos, sorted, and their vectors in a space: (n,), (n, dim)."""
    with store.snapshot():  # of one moment
        ids, rows = together(store.vectors.rows(store.space(space)))
        paths = store.paths_of(ids)
    order = sorted((path, at) for at, content_id in enumerate(ids.tolist()) for path in paths.get(content_id, ()))
    return [path for path, _ in order], rows[[at for _, at in order]]
