"""What a store is: a catalog of photos, and rows of their contents in any number of spaces.

`devise.store.sqlite` is both in one file. tests/store/test_store_contract.py says what every implementation does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from devise.errors import LibraryError
from devise.spaces import ModelInfo, Space
from devise.store.filter import Filter
from devise.store.records import Card, Entry, GraphFile, Judged, Photo, PhotoFacts, Refused
from devise.store.regions import Regions
from devise.store.sharing import Queue, Served
from devise.vectors import Hits, Ids, Vector

Rows = NDArray[Any]  # (n, dim) float32, of bits (n, bytes) uint8
CHUNK: Final = 4_096  # rows read at once while scanning: 5 MB of words vectors
REGIONS_CHUNK: Final = 512  # with regions: 6 MB when they are unpacked, which is room that a process has already


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


class Listing(Protocol):
    """The photos as a page shows them: by the ids of their contents, the latest first."""

    def ids_of(self, paths: Iterable[str]) -> dict[str, int]:
        """The contents of those of the paths that are photos of the library."""

    def cards(self, content_id: int) -> list[Card]:
        """All files with a content, sorted by path."""

    def latest(self, where: Filter, k: int, start: int = 0) -> list[tuple[str, int]]:
        """Paths and contents, the latest taken first, then those that do not say when; equal ones by path."""

    def kinds(self) -> dict[str, int]:
        """How many photos of each format there are."""


class Catalog(Protocol):
    """Think of it as the list of photos: which files there are, which content each has, what each says.

    A content is what several equal files share. Its id is a number above 0 and below 2**40, and larger than any before:
    an index that has not heard of a deletion can never answer with another photo.
    """

    @property
    def judgements(self) -> Judgements: ...

    @property
    def listing(self) -> Listing: ...

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside, or nothing of it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Reads inside are of one moment, whatever others write."""

    def add_content(self, digest: bytes) -> int:
        """The id of a new content. digest: of its bytes; no other content has it."""

    def add_contents(self, digests: Sequence[bytes]) -> list[int]:
        """The same of many at once, in their order."""

    def content_of_hash(self, digest: bytes) -> int | None: ...

    def hash_to_id(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Of those of a few hashes that are known."""

    def hash_of_content(self, content_id: int) -> bytes: ...

    def hashes(self) -> Iterator[tuple[int, bytes]]:
        """Of all contents, by their ids."""

    def num_contents(self, after: int = 0) -> int:
        """How many contents there are above `after`."""

    def is_empty(self) -> bool:
        """Whether there are none."""

    def remove_orphans(self) -> int:
        """Delete contents that no photo has any more, with their rows in all spaces. How many."""

    def put_photo(self, photo: Photo) -> None:
        """A file with its content, in place of what was known of that path."""

    def entries(self) -> Iterator[Entry]:
        """All that is known of all photos, in order of their paths: for another store."""

    def put_entries(self, entries: Iterable[Entry]) -> None:
        """As another store gave them, each path once; their contents are known here."""

    def put_texts(self, path: str, stamp: str, says: Says, roots: Iterable[str]) -> None:
        """What the file of a photo says about itself; names are words from the folder in `roots` on."""

    def remove_photos(self, paths: Iterable[str]) -> None: ...

    def num_photos(self) -> int: ...

    def has_photos(self, folder: str) -> bool:
        """Whether there are any below a folder."""

    def paths(self) -> list[str]:
        """Of all photos, sorted."""

    def paths_ending(self, name: str) -> list[str]:
        """The photos whose path is something, a slash and `name`, sorted."""

    def remove_skipped(self, paths: Iterable[str]) -> None: ...

    def put_skipped(self, refused: Refused) -> None:
        """A file that cannot be read as a photo, and is none of the library."""

    def skipped(self, folders: Iterable[str] = ...) -> Iterator[Refused]: ...

    def refused_by(self) -> int:
        """The number of what decoded photos (devise.photos.DECODING) and refused those; 0 in older libraries."""

    def forget_skipped(self, refused_by: int) -> None:
        """All of them, for what is numbered so may read what was refused before."""

    def photo(self, path: str) -> Photo | None: ...

    def photos(self, folders: Iterable[str] = ...) -> Iterator[Photo]:
        """Those below any of the folders, each once; all of them where none are named."""

    def facts(self) -> Iterator[PhotoFacts]:
        """Of all photos, in order of their paths."""

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

    def lacking(self, space: Space) -> Ids:
        """The contents that have no row in a space, ascending: some, after a space was added to a library."""

    def regions(self, space: Space, ids: Ids | None = None, *, after: int = 0) -> Iterator[tuple[Ids, Vector, Regions]]:
        """The same with the rows of each photo's regions."""

    def stored(self, space: Space) -> Iterator[list[tuple[int, bytes]]]:
        """All ids and rows as devise.store.codec writes them, ascending: for another store, and for checks."""

    def put_stored(self, space: Space, rows: Iterable[tuple[int, bytes]]) -> None:
        """As another store gave them."""

    def delete(self, ids: Ids) -> None:
        """The rows of these ids in all spaces."""

    def clear(self, space: Space, ids: Ids | None = None) -> None:
        """The rows of one space go: those of these ids, or all."""

    def search(self, space: Space, queries: Rows, k: int, among: Ids | None = None) -> list[Hits]:
        """The k best by the space's metric for each of (n, dim) queries, exactly. among: the only ids that count."""


class KnownHashes(Protocol):
    """Think of it as a set of the hashes of all contents that takes no memory; any thread may ask."""

    def __contains__(self, digest: object) -> bool: ...
    def close(self) -> None: ...


class Store(Catalog, Protocol):
    """A catalog with its rows, what made them, and which folders they are from."""

    @property
    def name(self) -> str:
        """As messages call it."""

    @property
    def vectors(self) -> VectorStore: ...

    @property
    def served(self) -> Served | None:
        """None: indices are files beside the store, which is an EmbeddedStore."""

    @property
    def queue(self) -> Queue | None:
        """None: one program writes at a time."""

    def place(self) -> tuple[object, ...]:
        """Tells the library apart from one that took its place."""

    def num_bytes(self) -> int:
        """What it takes on its disk."""

    def close(self) -> None: ...

    def version(self) -> int:
        """Another number whenever somebody else has written."""

    def model(self) -> ModelInfo | None:
        """What made the vectors; None as long as there are none."""

    def labels(self) -> tuple[str, ...]:
        """The words that the model has learnt, kept so that tagging needs no model."""

    def set_model(self, model: ModelInfo, labels: Sequence[str]) -> None: ...

    def model_path(self) -> str | None:
        """Where the file of that model lay when it was last given by its path."""

    def set_model_path(self, path: str) -> None: ...

    def unfinished(self) -> tuple[str, ...]:
        """The spaces that were added to photos which were there before, as long as some of those have no row."""

    def set_unfinished(self, spaces: Iterable[str]) -> None: ...

    def space(self, name: str) -> Space:
        """Raises LibraryError for one that the library's model does not know."""

    def space_numbers(self) -> dict[str, int]:
        """Of each space that has rows: its number in the store, for repairs."""

    def revision(self) -> int: ...

    def next_revision(self) -> int:
        """A higher one than before, for whoever has written."""

    def roots(self) -> list[str]:
        """The folders that were indexed."""

    def add_roots(self, paths: Iterable[str]) -> None: ...

    def remove_roots(self, paths: Iterable[str]) -> None: ...

    def known_hashes(self) -> KnownHashes: ...

    def rename_photo(self, path: str, target: str, roots: Sequence[str]) -> None:
        """It lies at `target` now."""

    def rename_others(self, folder: str, renamed: Callable[[str], str]) -> None:
        """What else names paths below a folder: skipped photos, and judgements."""


class EmbeddedStore(Store, Protocol):
    """A store in a folder, and which indices are derived from it and lie beside it as files."""

    folder: Path

    def graph(self, space: str) -> GraphFile | None:
        """The index of a space that was saved last."""

    def put_graph(self, graph: GraphFile) -> None: ...

    def remove_graph(self, space: str) -> None: ...

    def gone(self) -> Ids:
        """The contents that were deleted since the indices were saved, ascending."""

    def forget_gone(self) -> None: ...


def embedded(store: Store) -> EmbeddedStore:
    return cast(EmbeddedStore, store)


def space_of(model: ModelInfo | None, name: str) -> Space:
    """Of a library's model. Raises LibraryError for one that it does not know."""
    spaces = {space.name: space for space in model.spaces} if model else {}
    if name not in spaces:
        raise LibraryError(f'the library has no space "{name}"; it has: {", ".join(spaces) or "none"}')
    return spaces[name]


def together(chunks: Iterable[tuple[Ids, Rows]]) -> tuple[Ids, Rows]:
    """One of many: (n,), (n, dim)."""
    found = list(chunks)
    if not found:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    if len(found) == 1:
        return found[0]
    return np.concatenate([ids for ids, _ in found]), np.concatenate([rows for _, rows in found])
