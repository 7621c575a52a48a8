"""What `devise check` says of any library, wherever it is: one thing that is wrong, and what mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from devise.errors import PhotoError, counted
from devise.filestat import changed_ns
from devise.progress import Progress
from devise.store.base import Store
from devise.store.digest import digest_of

Repair = Callable[[Any, Progress], None]  # of a store of the kind that was looked at


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. repair: what mends it; None: `devise index` does, and the library is sound."""

    text: str
    repair: Repair | None = None

    @property
    def is_damage(self) -> bool:
        return self.repair is not None


def unfinished(store: Store) -> Iterator[Finding]:
    """Spaces that were added, and that some photos lack as yet."""
    for name in store.unfinished():
        if lacking := len(store.vectors.lacking(store.space(name))):
            lack = counted(lacking, f"photo has no {name} yet", f"photos have no {name} yet")
            yield Finding(f"{lack}; run: devise index")


def photos(store: Store) -> Iterator[Finding]:
    """Photos on the disk that are not what they were; each is read, for programs exist that keep size and time."""
    gone = changed = disguised = 0
    for photo in store.photos():
        try:
            status = os.stat(photo.path)
        except OSError:
            gone += 1
            continue
        if (status.st_size, changed_ns(status)) != (photo.size, photo.mtime_ns):
            changed += 1
        elif _digest(photo.path) not in (None, store.hash_of_content(photo.content_id)):
            disguised += 1
    if gone:
        yield Finding(
            f"{counted(gone, 'photo is not where it was', 'photos are not where they were')}; "
            "if the disk is mounted, run: devise index"
        )
    if changed:
        yield Finding(f"{counted(changed, 'photo has', 'photos have')} changed since the last run; run: devise index")
    if disguised:
        had = counted(disguised, "photo has", "photos have")
        yield Finding(f"{had} changed, though size and time are as they were; run: devise index --rehash")


def _digest(path: str) -> bytes | None:
    """None: it cannot be read."""
    from devise.photos import read  # imports Pillow, which no other check needs

    try:
        return digest_of(read(path))
    except PhotoError:
        return None
