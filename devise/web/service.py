"""What a server answers, without HTTP: the library's own answers as documents, and its photos as pictures."""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devise.config import WebConfig
from devise.errors import DeviseError, PhotoError
from devise.library import Library
from devise.results import Answer, Match
from devise.search.explain import hottest
from devise.store.filter import Filter
from devise.version import version
from devise.web.parameters import Asked, RequestError
from devise.words.grammar import Query

if TYPE_CHECKING:
    from devise.library.listing import Columns
    from devise.reports import PhotoInfo
    from devise.web.thumbnails import Thumbnails

Document = dict[str, Any]
MEDIA_TYPES = {  # what browsers show by themselves; all else is a download
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "bmp": "image/bmp",
}  # fmt: skip
MAX_GROUPS = 1_000  # of duplicates on a page
MAX_FOLDERS = 5_000  # in a list to choose from


class Service:
    """Of one library. Any thread may ask."""

    def __init__(
        self, library: Library, settings: WebConfig, thumbnails: Thumbnails, columns: Columns | None = None
    ) -> None:
        """columns: of a table, that maps can be coloured by."""
        self.library, self.settings, self._thumbnails, self._columns = library, settings, thumbnails, columns or {}
        self._tags: tuple[object, Document] | None = None  # as of which library

    # Searches

    def search(self, asked: Asked, photo: bytes | None = None) -> Document:
        """photo: asked with beside the words."""
        query: Query = asked.query if photo is None else photo
        if photo is not None and asked.query:
            query = [photo, f"+ {asked.query}"]
        answer = self.library.search(
            query,
            asked.k,
            average=asked.is_average,
            min_probability=asked.min_probability,
            like=asked.like,
            where=asked.where,
            space=asked.space or "words",
        )
        return self._answer(answer, asked.why)

    def similar(self, photo: str | bytes, asked: Asked) -> Document:
        """photo: a path of the library, or the bytes of a file."""
        answer = self.library.similar(
            photo, asked.k, space=asked.space or "features", like=asked.like, where=asked.where
        )
        return self._answer(answer, False)

    def _answer(self, answer: Answer[Match], why: bool) -> Document:
        ids = self.library.listing.ids_of(match.path for match in answer)
        documents = zip(answer.to_json(why), answer, strict=True)
        matches = [{"id": ids[match.path], **one} for one, match in documents if match.path in ids]
        return {"matches": matches, "notes": [note.to_json() for note in answer.notes]}

    def latest(self, where: Filter, k: int, start: int) -> Document:
        found = self.library.listing.latest(where, k, start)
        total = self.library.count(where) if where else len(self.library)
        return {"photos": [{"id": photo_id, "path": path} for path, photo_id in found], "total": total}

    def tag(self, photo: str | bytes, k: int, *, any_word: bool, sure: float | None) -> list[Document]:
        tags = self.library.tag(photo, k, any_word, sure)
        return [{"path": photo if isinstance(photo, str) else None, "tags": tags.to_json()}]

    def words(self, query: str, k: int) -> list[Document]:
        return self.library.words().nearest(query, k).to_json()

    def explain(self, photo_id: int, query: str) -> list[Document]:
        return [heat.to_json() for heat in self.library.explain(self.path(photo_id), query)]

    # Photos

    def photo(self, photo_id: int) -> Document:
        return self._info(photo_id).to_json()

    def path(self, photo_id: int) -> str:
        """A file of the photo; raises RequestError where there is no such photo."""
        return self.library.listing.file(photo_id) or self._info(photo_id).paths[0]

    def _info(self, photo_id: int) -> PhotoInfo:
        info = self.library.listing.photo(photo_id)
        if info is None:
            raise _no_photo(photo_id)
        return info

    def _file(self, photo_id: int) -> str:
        """One that is as it was indexed, so that what is shown is what was found."""
        file = self.library.listing.file(photo_id)
        if file is None:
            path = self._info(photo_id).paths[0]
            raise RequestError(f"{path} is gone or has changed", "bring the library up to date: devise index", 410)
        return file

    def thumbnail(self, photo_id: int, size: int) -> bytes:
        """A JPEG whose longer side has `size` pixels; no file is looked at where it was made before."""
        from devise.photos import thumbnail_jpeg

        if not self.library.listing.paths_of([photo_id]):
            raise _no_photo(photo_id)
        digest = self.library.listing.digest(photo_id)
        return self._thumbnails.get(digest, size, lambda: thumbnail_jpeg(self._file(photo_id), size))

    def heat(self, photo_id: int, query: str, size: int) -> bytes:
        """The photo lit where it shows what was asked for, as a JPEG."""
        from devise.photos import overlay_jpeg

        path = self._file(photo_id)
        return overlay_jpeg(path, hottest(self.library.explain(path, query)), size)

    def original(self, photo_id: int) -> tuple[bytes, str, str]:
        """Its bytes, its name, and what browsers are told it is."""
        path = self._file(photo_id)
        kind = self._info(photo_id).kind or ""
        try:
            return Path(path).read_bytes(), os.path.basename(path), MEDIA_TYPES.get(kind, "application/octet-stream")
        except OSError as error:
            raise PhotoError(path, "it cannot be read; check its permissions and its disk") from error

    def files(self, ids: Sequence[int]) -> list[str]:
        """Of photos to be packed; those that are gone are left out."""
        files = [file for photo_id in ids if (file := self.library.listing.file(photo_id))]
        if not files:
            raise RequestError("none of these photos is there any more", "search again", 404)
        return files

    # The library

    def info(self) -> Document:
        info = self.library.info()
        spaces = [space.name for space in info.model.spaces] if info.model else []
        kinds = self.library.listing.kinds() if info.exists else {}
        return {"version": version(), "library": info.to_json(), "spaces": spaces, "kinds": kinds,
                "map_by": ["likeness", "folder", *self._columns]}  # fmt: skip

    def folders(self) -> list[Document]:
        found = self.library.listing.folders()
        return [{"path": path, "photos": count} for path, count in list(found.items())[:MAX_FOLDERS]]

    def skipped(self) -> list[Document]:
        return [{"path": one.path, "reason": one.reason} for one in self.library.listing.skipped()]

    def duplicates(self, up_to: str) -> list[Document]:
        """As devise duplicates --json, each photo with its id."""
        groups = [group.to_json() for group in self.library.duplicates(up_to=up_to)[:MAX_GROUPS]]
        photos = [photo for group in groups for photo in (group["keep"], *group["others"])]
        ids = self.library.listing.ids_of(photo["path"] for photo in photos)
        for photo in photos:
            photo["id"] = ids.get(photo["path"])
        return groups

    def map(self, space: str, by: str) -> Document:
        """As devise map --json, without paths."""
        return self.library.listing.grouped(self.library.map(space=space), by, self._columns).to_json()

    def revision(self) -> int:
        return self.library.listing.revision()

    def tags(self) -> Document:
        """The words that are true of most photos, of a sample of them, and one photo for each: once a library."""
        version = self.revision(), len(self.library)
        if self._tags is None or self._tags[0] != version:
            self._tags = version, self._counted_tags()
        return self._tags[1]

    def _counted_tags(self) -> Document:
        paths = self.library.paths()
        step = max(1, -(-len(paths) // self.settings.tagged))
        counts, shown, looked = Counter[str](), dict[str, tuple[float, str]](), 0
        for path in paths[::step]:
            try:
                tags = self.library.tag(path, 5)
            except DeviseError:  # gone or changed since
                continue
            looked += 1
            for tag in tags:
                counts[tag.word] += 1
                shown[tag.word] = max(shown.get(tag.word, (0.0, "")), (tag.worth, path))
        ids = self.library.listing.ids_of(path for _, path in shown.values())
        words = [{"word": word, "photos": count, "id": ids.get(shown[word][1])} for word, count in counts.most_common()]
        return {"looked_at": looked, "photos": len(paths), "words": words}

    # Judgements

    def marks(self) -> list[Document]:
        return [mark.to_json() for mark in self.library.marks]

    def mark(self, query: str, ids: Sequence[int], is_good: bool) -> list[Document]:
        paths = [self.path(photo_id) for photo_id in ids]
        return [mark.to_json() for mark in self.library.marks.add(query, paths, is_good=is_good)]

    def undo_mark(self) -> list[Document]:
        return [mark.to_json() for mark in self.library.marks.undo()]


def _no_photo(photo_id: int) -> RequestError:
    return RequestError(f"no photo of the library has the id {photo_id}", "search again", 404)


def packed(files: Sequence[str]) -> Iterator[bytes]:
    """The files as a zip archive, piece by piece: photos are packed already, so they are only put side by side."""
    out = _Pieces()
    names = Counter[str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            name = os.path.basename(file).encode("utf-8", "replace").decode()
            names[name.casefold()] += 1
            stem, end = os.path.splitext(name)
            unique = name if names[name.casefold()] == 1 else f"{stem} ({names[name.casefold()]}){end}"
            try:
                archive.write(file, unique)
            except (OSError, ValueError):  # gone meanwhile, or dated before 1980
                continue
            yield out.taken()
    yield out.taken()


class _Pieces(io.RawIOBase):
    """A file that forgets what was taken from it."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._waiting.append(piece)
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        pieces, self._waiting = self._waiting, []
        return b"".join(pieces)
