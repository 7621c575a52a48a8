"""Which paths a walk leaves out: hidden ones, folders of thumbnails, and what `.deviseignore` files say."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

IGNORE_FILE = ".deviseignore"

# Folders of programs and devices that hold copies, thumbnails or deleted photos, in upper and lower case
_FOLDERS_OF_PROGRAMS = (
    "@eaDir",  # Synology: thumbnails
    "#recycle",  # Synology: deleted files
    "#snapshot",
    "@Recycle",  # QNAP: deleted files
    "@Recently-Snapshot",
    "$RECYCLE.BIN",  # Windows; and as older ones called it
    "RECYCLER",
    "RECYCLED",
    "System Volume Information",
    "$WINDOWS.~BT",
    "@sharebin",  # Synology, QNAP
    "Temporary Items",  # macOS, on servers
    "TheVolumeSettingsFolder",
    "Network Trash Folder",  # macOS: deleted files on servers
    "lost+found",
    "LOST.DIR",  # Android: what a check of the file system found
    "FOUND.[0-9][0-9][0-9]",  # Windows: the same
    "__MACOSX",  # macOS: resource forks in zip archives
    "*.lrdata",  # Lightroom: previews
    "**/*.photoslibrary/resources",  # Apple Photos: previews
    "**/*.photoslibrary/database",
    "**/*.photolibrary/Thumbnails",  # iPhoto and Aperture
    "**/*.migratedphotolibrary/Thumbnails",
    "**/*.aplibrary/Thumbnails",
    "**/iPhoto Library/Thumbnails",
)


def _in_any_case(folder: str) -> str:
    """As a pattern: letters in brackets, unless they are there already.

    >>> _in_any_case("#ab")
    '[#][aA][bB]/'
    """
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else "[#]" if c == "#" else c for c in folder.lower()) + "/"


ALWAYS = (".*", *map(_in_any_case, _FOLDERS_OF_PROGRAMS))

# What pathspec makes of * and of ** between slashes; [^/] alone is a question mark
_FOLDERS, _ABOVE = "(?:/.+)?", "^(?:.+/)?"
_BETWEEN_STARS = re.compile(r"\[\^/\]\*((?:\\.|\[\^/\](?!\*)|\[\^?\]?[^\]/]*\]|[^/\\\[])*?)(?=\[\^/\]\*)")


class Pattern(GitIgnoreSpecPattern):
    """One line of rules as a regular expression that never goes back: *a*a*a*b would take years to fail."""

    __slots__ = ()

    @classmethod
    def pattern_to_regex(cls, pattern: Any) -> tuple[Any, bool | None]:
        regex, include = super().pattern_to_regex(pattern)
        return (_steady(regex) if regex else regex), include


def _steady(regex: str) -> str:
    """The same, whose wildcards take the first place that fits: what another wildcard follows fits there or nowhere."""
    first, *rest = _BETWEEN_STARS.sub(r"(?>[^/]*?\1)", regex).split(_FOLDERS)
    if not rest:
        return first
    if first.startswith(_ABOVE):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_ABOVE)}(?=/))"
    *middle, last = rest
    return first + "".join(f"(?>(?:/.+?)??{part}(?=/))" for part in middle) + _FOLDERS + last


def _spec(lines: Iterable[str]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(lines, Pattern)


@dataclass(frozen=True)
class Rules:
    """Patterns in gitignore syntax, each list relative to the folder it stands in; the deepest match decides."""

    levels: tuple[tuple[str, GitIgnoreSpec], ...]

    @classmethod
    def of(cls, folder: str, patterns: Iterable[str] = ()) -> Rules:
        return cls(((folder, _spec([*ALWAYS, *patterns])),))

    def below(self, folder: str) -> Rules:
        """These rules and those of the folder's own ignore file. Raises OSError or ValueError when it is unreadable."""
        lines = _lines(os.path.join(folder, IGNORE_FILE))
        if not lines:
            return self
        return Rules((*self.levels, (folder, _spec(lines))))

    def ignores(self, path: str, is_folder: bool) -> bool:
        ignored = False
        for folder, spec in self.levels:
            relative = os.path.relpath(path, folder).replace(os.sep, "/") + ("/" if is_folder else "")
            verdict = spec.check_file(relative).include
            ignored = ignored if verdict is None else verdict
        return ignored


def _lines(path: str) -> Sequence[str]:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a named pipe would wait for ever
            raise ValueError("it is no regular file")
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return ()
        raise
