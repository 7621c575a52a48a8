"""The photos of a library by number, the latest first, and what is known of each: for pages that show them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from devise.errors import LibraryError
from devise.library.query_photos import QueryPhotos
from devise.reports import PhotoInfo, PhotoMap, Skipped
from devise.store.base import Store
from devise.store.filter import Filter
from devise.store.records import Card

MOST_GROUPS = 23  # that are told apart on a map, the largest; the rest are one more: a legend is for reading
NO_LABEL = "no label"

Columns = Mapping[str, Mapping[str, str]]


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

    def grouped(self, found: PhotoMap, by: str, columns: Columns | None = None) -> PhotoMap:
        """A map by "likeness", as it is, by "folder", or by a column of a table (column -> path -> label): its groups
        are then the folders that photos lie in, or their labels, the largest first. Raises LibraryError.
        """
        if by == "likeness":
            return found
        if columns and by in columns:
            said = {photo: columns[by][path] for path, photo in self.ids_of(columns[by]).items()}
            if not said:
                raise LibraryError("no photo of the table is in the library; index the folder that its paths are in")
            return _with_groups(found, [said.get(photo, NO_LABEL) for photo in found.ids.tolist()], "other labels")
        if by != "folder":
            choices = ", ".join(["likeness", "folder", *(columns or {})])
            raise LibraryError(f'a map has no groups by "{by}"; choose from: {choices}')
        paths = self.paths_of(found.ids.tolist())
        folders = [os.path.dirname(paths.get(content_id, "")) for content_id in found.ids.tolist()]
        by_folder = _with_groups(found, folders, "other folders")
        names = [os.path.basename(folder) for folder in by_folder.names]
        distinct = (name if names.count(name) == 1 else folder
                    for name, folder in zip(names, by_folder.names, strict=True))  # fmt: skip
        return replace(by_folder, names=tuple(distinct))

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


def _with_groups(found: PhotoMap, names: Sequence[str], others: str) -> PhotoMap:
    """The map with a group for each name, the largest first, and one for all that are too many."""
    largest = [name for name, _ in Counter(names).most_common(MOST_GROUPS)]
    numbers = {name: at for at, name in enumerate(largest)}
    groups = np.array([numbers.get(name, len(largest)) for name in names], np.int32)
    return replace(found, groups=groups, names=(*largest, *([others] if len({*names}) > len(largest) else [])))
