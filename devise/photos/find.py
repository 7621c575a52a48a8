"""Find the photos in folders: the same order every time, nothing skipped in silence, no folder walked twice."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from devise import config
from devise.errors import FolderError
from devise.filestat import changed_ns
from devise.photos.formats import UNREADABLE, suffix, unreadable
from devise.photos.ignore import IGNORE_FILE, Rules
from devise.photos.sidecars import Listing, Sidecar

# Deleted, or on a disk that was taken away: the next walk tells
VANISHED = "it vanished while its folder was looked at; the next run looks again"


@dataclass(frozen=True)
class Found:
    """A file that looks like a photo; its size and time stamp tell whether it has changed."""

    path: str
    size: int
    mtime_ns: int
    beside: tuple[Sidecar, ...] = ()  # files that tell about it


@dataclass(frozen=True)
class Trouble:
    """A photo or folder that cannot be read. `hides`: what stands at or below `path` is unknown, not gone."""

    path: str
    reason: str
    hides: bool = False


def find(folders: Sequence[str | Path], *, exclude: Sequence[str] = ()) -> Iterator[Found | Trouble]:
    """Walk folders (and single files) and yield every photo once, sorted by folder and name.

    >>> [found.path for found in find(["album"])]
    ['/home/me/album/cat.jpg']

    Paths are absolute; links are not resolved. Hidden files, thumbnail folders and what `.deviseignore` files
    or `exclude` (gitignore syntax) name are left out. A link to a folder is followed unless it leads into or
    above a folder that is walked anyway. Raises FolderError for a path that is missing.
    """
    roots = [os.path.abspath(folder) for folder in folders]
    missing = [root for root in roots if not os.path.lexists(root)]
    if missing:
        raise FolderError(f"no such folder: {', '.join(missing)}; check the spelling, or whether its disk is mounted")
    walk = _Walk(bases=[os.path.realpath(root) for root in roots])
    for root in roots:
        if os.path.isdir(root):
            yield from walk.folder(root, Rules.of(root, exclude))
        else:
            yield from walk.file(root)


def find_below(root: str, folder: str, *, deep: bool) -> Iterator[Found | Trouble]:
    """What a walk of `root` finds in a folder at or below it; deep: and in the folders below that.

    Nothing where a rule on the way leaves the folder out, or where it is no folder.
    """
    walk, rules = _Walk(bases=[os.path.realpath(root)]), Rules.of(root)
    above = _between(root, folder)
    for outer, inner in pairwise(above):
        try:
            rules = rules.below(outer)
        except (OSError, ValueError):  # its rules cannot be read: a walk would leave it alone
            yield Trouble(outer, f"it was left alone because of its {IGNORE_FILE}", hides=True)
            return
        if rules.ignores(inner, True):
            return
    if not os.path.isdir(folder):
        return
    if deep:
        yield from walk.folder(folder, rules)
    else:
        yield from walk.entries(folder, rules, [])


def _between(root: str, folder: str) -> list[str]:
    """From the one to the other, both with them."""
    found = [folder]
    while found[-1] != root:
        found.append(os.path.dirname(found[-1]))
    return found[::-1]


def is_photo(path: str | Path) -> bool:
    """Whether the name is that of a photo, readable or not (HEIC, raw)."""
    return suffix(str(path)) in config.PHOTO_SUFFIXES or suffix(str(path)) in UNREADABLE


@dataclass
class _Walk:
    bases: list[str]  # real folders that are walked, or were reached through links
    seen: set[str] = field(default_factory=set)
    listings: dict[str, Listing] = field(default_factory=dict)

    def folder(self, folder: str, rules: Rules) -> Iterator[Found | Trouble]:
        """Depth first without recursion: a tree may be deeper than Python's stack."""
        waiting = [(folder, rules)]
        while waiting:
            folder, rules = waiting.pop()
            if folder in self.seen:
                continue
            self.seen.add(folder)
            subfolders: list[tuple[str, Rules]] = []
            yield from self.entries(folder, rules, subfolders)
            waiting.extend(reversed(subfolders))

    def entries(self, folder: str, rules: Rules, subfolders: list[tuple[str, Rules]]) -> Iterator[Found | Trouble]:
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except FileNotFoundError:
            yield Trouble(folder, VANISHED, hides=True)
            return
        except OSError as error:
            yield Trouble(folder, f"the folder cannot be read: {_text(error)}; check its permissions", hides=True)
            return
        try:
            rules = rules.below(folder)
        except (OSError, ValueError) as error:
            reason = f"its rules cannot be read ({_text(error)}), so the folder was left alone; mend or delete the file"
            yield Trouble(os.path.join(folder, IGNORE_FILE), reason)
            yield Trouble(folder, f"it was left alone because of its {IGNORE_FILE}", hides=True)
            return
        listing = Listing(folder, [entry.name for entry in entries], is_photo)
        for entry in entries:
            yield from self._entry(entry, rules, subfolders, listing)

    def _entry(
        self, entry: os.DirEntry[str], rules: Rules, subfolders: list[tuple[str, Rules]], listing: Listing
    ) -> Iterator[Found | Trouble]:
        try:
            is_folder = entry.is_dir()
        except OSError as error:  # a loop of links, or no permission to look
            if is_photo(entry.path):
                yield Trouble(entry.path, f"{_text(error)}; check the link or its permissions", hides=True)
            return
        if (not is_folder and not is_photo(entry.name)) or rules.ignores(entry.path, is_folder):
            return
        if not is_folder:
            yield from self.file(entry.path, listing)
        elif not entry.is_symlink() or self._leads_outside(entry.path):
            subfolders.append((entry.path, rules))

    def file(self, path: str, listing: Listing | None = None) -> Iterator[Found | Trouble]:
        """listing: of the file's folder, where it is known."""
        if path in self.seen:
            return
        self.seen.add(path)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            nowhere = "the link leads nowhere; delete it or mount the disk it leads to"
            yield Trouble(path, nowhere if os.path.islink(path) else VANISHED, hides=True)
            return
        except OSError as error:
            yield Trouble(path, f"{_text(error)}; check the file and its permissions", hides=True)
            return
        if not stat.S_ISREG(status.st_mode):
            return
        reason = unreadable(path)
        if reason:
            yield Trouble(path, reason)
            return
        listing = listing or self._listing(os.path.dirname(path))
        yield Found(path, status.st_size, changed_ns(status), listing.beside(os.path.basename(path)))

    def _listing(self, folder: str) -> Listing:
        """Of a folder with photos that are given by name: looked at once for all of them."""
        if folder not in self.listings:
            try:
                names = os.listdir(folder)
            except OSError:  # a folder that may be entered but not listed
                names = []
            self.listings[folder] = Listing(folder, names, is_photo)
        return self.listings[folder]

    def _leads_outside(self, link: str) -> bool:
        """True, and remembered, if the link leads to a folder that no walk has reached or will reach."""
        target = os.path.realpath(link)
        if any(_contains(base, target) or _contains(target, base) for base in self.bases):
            return False
        self.bases.append(target)
        return True


def _contains(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _text(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
