"""What a store is: a catalog of photos, and rows of their contents in any number of spaces.

`devise.store.sqlite` is both in one file. tests/store/test_contract.py says what every implementation does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from devise.spaces import Space
from devise.store.filter import Filter
from devise.store.records import Judged, Photo, Refused
from devise.store.regions import Regions
from devise.vectors import Hits, Ids, Vector

Rows = NDArray[Any]  # (n, dim) float32, of bits (n, bytes) uint8


class Says(Protocol):
    """What a photo's file says about itself: devise.photos.details.Details."""

    @property
    def taken(self) -> str | None: ...
    @property
    def pixels(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...


class Judgements(Protocol):
    """What people said of answers, in the order in which they did."""

    def add(self, judged: Iterable[Judged]) -> None:
        """Those of one command, which `undo` takes back together."""

    def undo(self) -> list[Judged]:
        """Forget those that were made last; which ones."""

    def all(self) -> list[Judged]: ...

    def any(self) -> bool: ...

    def last_time(self) -> str:
        """When the latest one was made; an empty text where there is none."""


class Catalog(Protocol):
    """Think of it as the list of photos: which files there are, which content each has, what each says.

    A content is what several equal files share. Its id is a number above 0 and below 2**40, and larger than any before:
    an index that has not heard of a deletion can never answer with another photo.
    """

    @property
    def judgements(self) -> Judgements: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside, or nothing of it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Reads inside are of one moment, whatever others write."""

    def add_content(self, digest: bytes) -> int:
        """The id of a new content. digest: of its bytes; no other content has it."""

    def content_of_hash(self, digest: bytes) -> int | None: ...

    def remove_orphans(self) -> int:
        """Delete contents that no photo has any more, with their rows in all spaces. How many."""

    def put_photo(self, photo: Photo) -> None:
        """A file with its content, in place of what was known of that path."""

    def put_texts(self, path: str, stamp: str, says: Says, roots: Iterable[str]) -> None:
        """What the file of a photo says about itself; names are words from the folder in `roots` on."""

    def remove_photos(self, paths: Iterable[str]) -> None: ...

    def put_skipped(self, refused: Refused) -> None:
        """A file that cannot be read as a photo, and is none of the library."""

    def skipped(self, folders: Iterable[str] = ...) -> Iterator[Refused]: ...

    def photo(self, path: str) -> Photo | None: ...

    def photos(self, folders: Iterable[str] = ...) -> Iterator[Photo]:
        """Those below any of the folders, each once; all of them where none are named."""

    def paths_of(self, content_ids: Iterable[int], where: Filter | None = None) -> dict[int, list[str]]:
        """The photos of contents, those that the filter is true of."""

    def ids(self, where: Filter | None = None, *, after: int = 0) -> Ids:
        """The contents above `after` that have a photo which the filter is true of, ascending; None: all contents."""

    def count(self, where: Filter) -> int:
        """How many contents those are."""

    def having(self, text: str) -> int:
        """How many photos have all these words in their texts."""

    def best_texts(self, where: Filter, k: int) -> list[tuple[str, float]]:
        """The k photos whose texts are most about `where.text`, best first, and their BM25; equal ones by path."""


class VectorStore(Protocol):
    """Think of it as a table a space, of content id and row. Rows are written and deleted, never changed.

    Rows come back as they went in but for the rounding of the space's dtype; those of cosine are of length 1.
    """

    def put(self, space: Space, ids: Ids, rows: Rows) -> None:
        """Ids (n,) and their rows (n, dim); regions (n, regions, dim).

        Raises ValueError for rows of another width, not finite, or, where they are compared by cosine, not of length 1.
        """

    def rows(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Rows]]:
        """Those of the ids that are there, or of all ids above `after`: chunks (n,), (n, dim), ids ascending.

        Raises LibraryError for rows that are damaged.
        """

    def regions(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Vector, Regions]]:
        """The same with the rows of each photo's regions."""

    def delete(self, ids: Ids) -> None:
        """The rows of these ids in all spaces."""

    def search(self, space: Space, queries: Rows, k: int, among: Ids | None = None) -> list[Hits]:
        """The k best by the space's metric for each of (n, dim) queries, exactly. among: the only ids that count."""


def together(chunks: Iterable[tuple[Ids, Rows]]) -> tuple[Ids, Rows]:
    """One of many: (n,), (n, dim)."""
    found = list(chunks)
    if not found:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return np.concatenate([ids for ids, _ in found]), np.concatenate([rows for _, rows in found])
