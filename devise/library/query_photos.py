"""A photo to ask with: from the library by its path or its bytes, else from the encoder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from devise.config import PhotoConfig
from devise.errors import LibraryError, PhotoError, listed
from devise.filestat import changed_ns
from devise.library import models
from devise.library.models import check_model
from devise.search.blend import Asked, spaces_of
from devise.spaces import Space
from devise.store.base import Store, together
from devise.store.digest import digest_of
from devise.store.location import Location
from devise.vectors import Vector

if TYPE_CHECKING:
    from devise.descriptors.base import Descriptor
    from devise.descriptors.looks import Looks
    from devise.photos.inputs import PhotoInput
    from devise.results import TermHeat
    from devise.search.scoring import Scoring


@dataclass(frozen=True)
class QueryPhotos:
    """Photos in the library or anywhere else: paths, bytes of files, pictures of Pillow, arrays (height, width, 3).

    reader: the library's rows, None while there is no library. encoder: the model to encode with, opened when it is
    needed; it is given the rows it has to fit to. limits: which photos are read at all.
    """

    path: Location
    reader: Callable[[], Store | None]
    encoder: Callable[[Store | None], Descriptor]
    limits: PhotoConfig

    def vector(self, photo: PhotoInput, space: str) -> tuple[int | None, Vector]:
        """A photo's content, if it is in the library, and its vector."""
        content_id, data = self._content(photo)
        store = self.reader()
        if content_id is None or store is None:
            return None, self._made(data, photo, space)
        rows = together(store.vectors.rows(self._space(store, space), np.array([content_id])))[1]
        if len(rows):
            return content_id, rows[0]
        self._check_made_here(photo, space)
        if space not in store.unfinished():
            raise self._lacking(space)
        from devise.photos.inputs import file_bytes

        return content_id, self._made(file_bytes(photo, self.limits), photo, space)

    def asked(self, photo: PhotoInput, spaces: str, *, poses: bool = False) -> tuple[int | None, tuple[Asked, ...]]:
        """A photo's content, if it is in the library, and its rows in each of the spaces: "features,0.5:colour"."""
        content_id, found = None, list[Asked]()
        wanted = spaces_of(spaces)
        if any(name == "local" for name, _ in wanted):
            raise LibraryError("local descriptors stand alone, and do not mind turns; ask with --space local")
        for name, weight in wanted:
            content_id, rows = self.poses(photo, name) if poses else self.row(photo, name)
            found.append(Asked(name, rows, weight))
        return content_id, tuple(found)

    def row(self, photo: PhotoInput, space: str) -> tuple[int | None, Vector]:
        """The same in one space, (1, width)."""
        content_id, vector = self.vector(photo, space)
        return content_id, vector[None]

    def pixels(self, photo: PhotoInput, size: int, resize: str) -> NDArray[np.uint8]:
        """(size, size, 3) of a photo's file."""
        from devise.photos import load

        source = self.source(photo)
        path = source if isinstance(source, str) else None
        return load(source, size=size, resize=resize, path=path, limits=self.limits)

    def poses(self, photo: PhotoInput, space: str) -> tuple[int | None, Vector]:
        """The same of the photo turned and mirrored, (8, width): its file is read for that."""
        from devise.descriptors.poses import eight
        from devise.photos.inputs import file_bytes

        content_id, data = self._content(photo)
        store = self.reader()
        if store is not None:
            self._space(store, space)
        self._check_made_here(photo, space)
        found = self._found(photo) if isinstance(photo, str | os.PathLike) else photo
        maker: Descriptor = self._looks(space) or self.checked_encoder(space)
        pixels = self._pixels(data or file_bytes(found, self.limits), found, maker)
        rows = maker.encode(eight(pixels))
        models.of_space(rows, space, maker)  # raises where it makes none
        return content_id, rows[space]

    def _made(self, data: bytes, photo: PhotoInput, space: str) -> Vector:
        """By the look of that name without the network, else by the encoder."""
        self._check_made_here(photo, space)
        if looks := self._looks(space):
            row: Vector = self._encoded(data, photo, looks)[space][0]
            return row
        encoder = self.checked_encoder(space)
        return models.of_space(self._encoded(data, photo, encoder), space, encoder)

    def _space(self, store: Store, name: str) -> Space:
        model = store.model()
        if model is None or name not in model.fingerprints():
            raise self._lacking(name)
        return model.space(name)

    def _lacking(self, space: str) -> LibraryError:
        from devise.search.snapshot import no_space

        store = self.reader()
        return no_space(space, store.model() if store else None)

    def _check_made_here(self, photo: PhotoInput, space: str) -> None:
        """Raises PhotoError for a photo without a vector in a space whose vectors are made elsewhere."""
        store = self.reader()
        model = store.model() if store else None
        if any(each.name == space and each.is_imported for each in (model.spaces if model else ())):
            remedy = f"bring it with: devise vectors import FILE --space {space} --add"
            raise PhotoError(
                name_of(photo), f'it has no vector in "{space}", whose vectors are made elsewhere; {remedy}'
            )

    def term(self, photo: PhotoInput, space: str = "words") -> Vector:
        """The vector of a photo, or of a photo's name, in a query."""
        return self.vector(self.named(photo) if isinstance(photo, str | os.PathLike) else photo, space)[1]

    def views(self, photo: PhotoInput) -> Vector:
        """(1 + parts, dim): the words vectors of a photo and of its parts."""
        content_id, data = self._content(photo)
        store = self.reader()
        if content_id is not None and store is not None:
            for _, whole, regions in store.vectors.regions(self._space(store, "words"), np.array([content_id])):
                return np.concatenate([whole, regions.vectors()[0]])
            raise self._lacking("words")
        encoder = self.checked_encoder("words")
        vectors = self._encoded(data, photo, encoder)
        whole = models.of_space(vectors, "words", encoder)[None]
        return np.concatenate([whole, vectors["parts"][0]]) if "parts" in vectors else whole

    def explained(self, photo: PhotoInput, scoring: Scoring, space: Space, *, is_covered: bool) -> list[TermHeat]:
        """What each term gives a photo, and where. space: of the words; is_covered: told by covering its pieces."""
        from devise.descriptors import looks
        from devise.search import explain

        views = self.views(photo)
        if explain.is_square(views) and not is_covered:
            heats = explain.by_parts(views, scoring, space)
        else:
            heats = explain.by_occlusion(self.source(photo), views, self.checked_encoder(), scoring, space)
        heats = explain.with_classes(heats, views, scoring, space, lambda: self.vector(photo, "features")[1])
        return explain.with_colours(heats, scoring, lambda: self.pixels(photo, looks.SIZE, looks.RESIZE))

    def named(self, photo: str | os.PathLike[str]) -> str:
        """The path of a photo, by that or by the end of it if only one in the library ends so. Raises PhotoError."""
        name, store = os.fspath(photo), self.reader()
        path, here = os.path.abspath(name), not self.limits.is_library_only
        if (here and os.path.exists(path)) or (store and store.photo(path)):
            return path
        found = store.paths_ending(name) if store else []
        if not found:
            place = "here or in the library; give its path" if here else "in the library; give the end of its path"
            raise PhotoError(name, f"there is no such photo {place}")
        if len(found) > 1:
            raise PhotoError(name, f"{len(found)} photos in the library are called so; give one path: {listed(found)}")
        return found[0]

    def _found(self, photo: str | os.PathLike[str]) -> str:
        """The path of a photo; where there is no such file, the one of the library that ends so. Raises PhotoError."""
        path, store = os.path.abspath(photo), self.reader()
        if self.limits.is_library_only or os.path.exists(path) or not store or not store.paths_ending(os.fspath(photo)):
            return path
        return self.named(photo)

    def content(self, photo: PhotoInput) -> int | None:
        """A photo's content, if it is in the library."""
        return self._content(photo)[0]

    def is_as_indexed(self, path: str) -> bool:
        """Whether a photo of the library is there as it was when it was indexed."""
        store = self.reader()
        return bool(store and os.path.isfile(path) and _as_indexed(store, path) is not None)

    def source(self, photo: PhotoInput) -> str | bytes:
        """What `devise.photos` opens."""
        from devise.photos.inputs import file_bytes

        return self._found(photo) if isinstance(photo, str | os.PathLike) else file_bytes(photo, self.limits)

    def checked_encoder(self, space: str = "words") -> Descriptor:
        """The encoder that made the library's vectors of a space, where there are any. Raises LibraryError."""
        store = self.reader()
        encoder = self.encoder(store)
        if store:
            check_model(store, models.info_of(encoder), space)
        return encoder

    def _content(self, photo: PhotoInput) -> tuple[int | None, bytes]:
        """The content of an indexed photo, else of its bytes; None and the bytes of one that is not in the library."""
        store = self.reader()
        if isinstance(photo, str | os.PathLike):
            photo = self._found(photo)
            content_id = _as_indexed(store, photo) if store else None
            if content_id is not None:
                return content_id, b""
            if self.limits.is_library_only and not (store and store.photo(photo)):
                raise PhotoError(photo, "it is no photo of the library; give one that is")
        from devise.photos.inputs import file_bytes  # imports Pillow, which a search never needs

        data = file_bytes(photo, self.limits)
        return store.content_of_hash(digest_of(data)) if store else None, data

    def _encoded(self, data: bytes, photo: PhotoInput, encoder: Descriptor) -> dict[str, Vector]:
        return encoder.encode(self._pixels(data, photo, encoder)[None])

    def _pixels(self, data: bytes, photo: PhotoInput, encoder: Descriptor) -> NDArray[np.uint8]:
        from devise.photos import load

        path = os.path.abspath(photo) if isinstance(photo, str | os.PathLike) else None
        return load(data, size=encoder.size, resize=encoder.resize, path=path, limits=self.limits)

    def _looks(self, space: str) -> Looks | None:
        """What makes the rows of a space that needs no network; None: the encoder does."""
        from devise.descriptors.looks import looks_of

        store = self.reader()
        model = store.model() if store else None
        return looks_of(each for each in (model.spaces if model else ()) if each.name == space)


def name_of(photo: PhotoInput) -> str:
    """What a photo is called in a message."""
    return os.fspath(photo) if isinstance(photo, str | os.PathLike) else "that one"


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
