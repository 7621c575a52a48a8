"""The photos of a library by number, the latest first, and what is known of each: for pages that show them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from devise.errors import LibraryError
from devise.library.query_photos import QueryPhotos
from devise.reports import PhotoInfo, PhotoMap, Skipped
from devise.store.base import Store
from devise.store.filter import Filter
from devise.store.records import Card

FOLDERS = 23  # that are told apart on a map, the largest; the rest are one more: a legend is for reading


@dataclass(frozen=True)
class Listing:
    """Think of it as a table of photos, whose ids are good for as long as the photos are in the library."""

    reader: Callable[[], Store]
    photos: QueryPhotos

    def ids_of(self, paths: Iterable[str]) -> dict[str, int]:
        """The ids of those of the paths that are photos of the library; copies share one."""
        return self.reader().listing.ids_of(paths)

    def named(self, name: str) -> str:
        """The path of a photo of the library, by that or by the end of it. Raises PhotoError."""
        return self.photos.named(name)

    def photo(self, photo_id: int) -> PhotoInfo | None:
        """None where no photo of the library has the id. Files that are there stand before those that are gone."""
        cards = self.reader().listing.cards(photo_id)
        if not cards:
            return None
        cards.sort(key=lambda card: (not os.path.isfile(card.path), card.path))
        first = cards[0]
        taken = min((card.taken for card in cards if card.taken), default=None)
        lines = dict.fromkeys(line for card in cards for line in self._captions(card).splitlines() if line.strip())
        return PhotoInfo(
            id=photo_id,
            paths=tuple(card.path for card in cards),
            size=first.size,
            taken=taken,
            pixels=first.pixels,
            kind=first.kind,
            captions=tuple(lines),
        )

    def _captions(self, card: Card) -> str:
        """As they are written in its file and beside it; of one that is gone or has changed as they are searched."""
        from devise.photos import Found, details, find  # Pillow, which a search need not load

        if self.photos.is_as_indexed(card.path):
            for found in find([card.path]):
                if isinstance(found, Found):
                    return details(found.path, beside=found.beside).text
        return card.captions

    def file(self, photo_id: int) -> str | None:
        """A file that shows the photo as it was indexed; None where none does any more."""
        paths = (card.path for card in self.reader().listing.cards(photo_id))
        return next((path for path in paths if self.photos.is_as_indexed(path)), None)

    def paths_of(self, ids: Iterable[int]) -> dict[int, str]:
        """The first path of each of the photos that are in the library."""
        return {content_id: min(paths) for content_id, paths in self.reader().paths_of(ids).items()}

    def grouped(self, found: PhotoMap, by: str) -> PhotoMap:
        """A map by "likeness", as it is, or by "folder": its groups are then the folders that photos lie in, the
        largest first. Raises LibraryError.
        """
        if by == "likeness":
            return found
        if by != "folder":
            raise LibraryError(f'a map has no groups by "{by}"; choose from: likeness, folder')
        paths = self.paths_of(found.ids.tolist())
        folders = [os.path.dirname(paths.get(content_id, "")) for content_id in found.ids.tolist()]
        largest = [folder for folder, _ in Counter(folders).most_common(FOLDERS)]
        numbers, names = {folder: at for at, folder in enumerate(largest)}, list(map(os.path.basename, largest))
        distinct = [name if names.count(name) == 1 else folder for name, folder in zip(names, largest, strict=True)]
        others = ["other folders"] if len({*folders}) > len(largest) else []
        groups = np.array([numbers.get(folder, len(largest)) for folder in folders], np.int32)
        return replace(found, groups=groups, names=(*distinct, *others))

    def digest(self, photo_id: int) -> bytes:
        """The hash of the content of a photo of the library."""
        return self.reader().hash_of_content(photo_id)

    def latest(self, where: Filter, k: int, start: int = 0) -> list[tuple[str, int]]:
        """Paths and ids from number `start` on: the latest taken first, last those that do not say when."""
        return self.reader().listing.latest(where, k, start)

    def kinds(self) -> dict[str, int]:
        """How many photos there are of each format, most first."""
        return self.reader().listing.kinds()

    def folders(self) -> dict[str, int]:
        """How many photos stand in each folder, sorted by path."""
        counts = Counter(map(os.path.dirname, self.reader().paths()))
        return dict(sorted(counts.items()))

    def skipped(self) -> list[Skipped]:
        """Files that cannot be read as photos, sorted by path, and why."""
        return [Skipped(refused.path, refused.reason) for refused in self.reader().skipped()]

    def revision(self) -> int:
        """A higher number whenever photos have come, changed or gone."""
        return self.reader().revision()
