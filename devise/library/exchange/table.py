"""The vectors of a space as a table: a row a photo, with what is known of the photo beside its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.spaces import Space
from devise.store.base import Store, together
from devise.store.records import PhotoFacts

FORMAT: Final = "devise.vectors/1"
BATCH: Final = 2_048  # photos at once: 2.5 MB of words vectors

# Of a photo: its path; the hash of its file's bytes (blake2b of 20 bytes), which says which photo it is wherever it
# lies; bytes of the file; width times height; format; when it was taken, in ISO 8601, "" where it does not say
COLUMNS: Final[Mapping[str, str]] = {
    "path": "U",
    "hash": "U",
    "bytes": "<i8",
    "pixels": "<i8",
    "kind": "U",
    "taken": "U",
}


class Batch(NamedTuple):
    """Some photos: a value for each column (n,), and their vectors (n, width)."""

    columns: Mapping[str, Sequence[Any]]
    vectors: NDArray[Any]


class Table:
    """All photos of a store that have a row in a space, by path. It is read anew, batch by batch, for who asks."""

    def __init__(self, store: Store, space: Space) -> None:
        self.store, self.space = store, space
        self._lacking = {*store.vectors.lacking(space).tolist()}

    def about(self) -> dict[str, Any]:
        """What a file says of itself, so that nobody takes its numbers for those of another model."""
        model = self.store.model()
        return {
            "format": FORMAT,
            "space": self.space.name,
            "dim": self.space.dim,
            "metric": self.space.metric,
            "dtype": self.space.dtype,
            "model": model.name if model else "",
            "made_by": self.made_by,
            "word_vectors": self.space.vectors,
        }

    @property
    def made_by(self) -> str:
        """The fingerprint of what made the rows."""
        model = self.store.model()
        return model.fingerprints()[self.space.name] if model else ""

    def batches(self) -> Iterator[Batch]:
        """Each photo once; copies have equal rows."""
        for photos in self._photos():
            ids = np.array([photo.content_id for photo in photos], np.int64)
            found, rows = together(self.store.vectors.rows(self.space, np.unique(ids)))
            columns = {name: self._column(name, photos) for name in COLUMNS}
            yield Batch(columns, rows[np.searchsorted(found, ids)])

    def column(self, name: str) -> Iterator[list[Any]]:
        """One column alone, without the vectors."""
        return (self._column(name, photos) for photos in self._photos())

    def sizes(self) -> tuple[int, dict[str, int]]:
        """How many rows there are, and of each column of texts the length of the longest."""
        count, longest = 0, {"path": 1, "hash": 40, "kind": 1, "taken": 1}
        for photos in self._photos():
            count += len(photos)
            for name in ("path", "kind", "taken"):
                longest[name] = max(longest[name], *map(len, self._column(name, photos)))
        return count, longest

    def _photos(self) -> Iterator[list[PhotoFacts]]:
        photos = (photo for photo in self.store.facts() if photo.content_id not in self._lacking)
        while batch := [*islice(photos, BATCH)]:
            yield batch

    def _column(self, name: str, photos: Sequence[PhotoFacts]) -> list[Any]:
        if name == "hash":
            return [self.store.hash_of_content(photo.content_id).hex() for photo in photos]
        if name == "bytes":
            return [photo.size for photo in photos]
        return [getattr(photo, name) or type_of(name)() for photo in photos]


def type_of(column: str) -> type[str] | type[int]:
    """Of the values of a column; what nobody knows is the empty one."""
    return str if COLUMNS[column] == "U" else int
