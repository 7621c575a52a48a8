"""A photo to ask with: from the library by its path or its bytes, else from the encoder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devise.errors import LibraryError, PhotoError, listed
from devise.filestat import changed_ns
from devise.library import models
from devise.library.models import check_model
from devise.store.sqlite.store import Store, digest_of
from devise.vectors import Vector

if TYPE_CHECKING:
    from devise.descriptors.base import Descriptor


@dataclass(frozen=True)
class Pictures:
    """Photos in the library or anywhere else. reader: the library's rows, None while there is no library.

    encoder: the model to encode with, opened when it is needed; it is given the rows it has to fit to.
    """

    path: Path
    reader: Callable[[], Store | None]
    encoder: Callable[[Store | None], Descriptor]

    def vector(self, photo: str | Path, space: str) -> tuple[int | None, Vector]:
        """A photo's content, if it is in the library, and its vector."""
        path = os.path.abspath(photo)
        content_id, data = self._content(path)
        store = self.reader()
        if content_id is None or store is None:
            return None, models.of_space(self._encoded(data, path, space), space, self.encoder(None))
        vector = store.vector(space, content_id)
        if vector is None:
            raise LibraryError(f'the library {self.path} has no space "{space}"; ask in another')
        return content_id, vector

    def views(self, photo: str | Path) -> Vector:
        """(1 + parts, dim): the words vectors of a photo and of its parts."""
        path = os.path.abspath(photo)
        content_id, data = self._content(path)
        store = self.reader()
        if content_id is not None and store is not None:
            _, whole, parts = store.views([content_id])
            if len(whole):
                return np.concatenate([whole, parts.vectors()[0]])
            raise LibraryError(f'the library {self.path} has no space "words"; ask in another')
        vectors = self._encoded(data, path, "words")
        whole = models.of_space(vectors, "words", self.encoder(None))[None]
        return np.concatenate([whole, vectors["parts"][0]]) if "parts" in vectors else whole

    def named(self, name: str | Path) -> str:
        """The path of a photo, by that or by the end of it if only one in the library ends so. Raises PhotoError."""
        path, store = os.path.abspath(name), self.reader()
        if os.path.exists(path) or (store and store.photo(path)):
            return path
        found = store.paths_ending(str(name)) if store else []
        if not found:
            raise PhotoError(name, "there is no such photo here or in the library; give its path")
        if len(found) > 1:
            raise PhotoError(name, f"{len(found)} photos in the library are called so; give one path: {listed(found)}")
        return found[0]

    def content(self, photo: str) -> int | None:
        """A photo's content, if it is in the library."""
        return self._content(os.path.abspath(photo))[0]

    def is_as_indexed(self, path: str) -> bool:
        """Whether a photo of the library is there as it was when it was indexed."""
        store = self.reader()
        return bool(store and os.path.isfile(path) and _as_indexed(store, path) is not None)

    def checked_encoder(self, space: str = "words") -> Descriptor:
        """The encoder that made the library's vectors of a space, where there are any. Raises LibraryError."""
        store = self.reader()
        encoder = self.encoder(store)
        if store:
            check_model(store, models.info_of(encoder), space)
        return encoder

    def _content(self, path: str) -> tuple[int | None, bytes]:
        """The content of an indexed photo, else of its bytes; None and the bytes of one that is not in the library."""
        store = self.reader()
        content_id = _as_indexed(store, path) if store else None
        if content_id is not None:
            return content_id, b""
        from devise.photos import read  # imports Pillow, which a search never needs

        data = read(path)
        return store.content_of_hash(digest_of(data)) if store else None, data

    def _encoded(self, data: bytes, path: str, space: str) -> dict[str, Vector]:
        from devise.photos import load

        encoder = self.checked_encoder(space)
        return encoder.encode(load(data, size=encoder.size, resize=encoder.resize, path=path)[None])


def _as_indexed(store: Store, path: str) -> int | None:
    """The content of an indexed photo, if its file has not changed since (or is gone)."""
    known = store.photo(path)
    if known is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return known.content_id
    return known.content_id if (status.st_size, changed_ns(status)) == (known.size, known.mtime_ns) else None
