"""Watch a library's folders: what comes, changes, moves or goes there is in the library a moment later."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from watchfiles import watch as told_by_system

from devise.errors import DeviseError, LibraryError
from devise.library.ingest.inotify import has_room
from devise.photos import is_photo
from devise.photos.ignore import IGNORE_FILE
from devise.photos.sidecars import ENDINGS
from devise.reports import IndexReport

TICK_MS = 300  # between two looks at what has been told: a file is taken when it stayed as it was for one of them
POLLING_MS = 1_000  # where the system tells nothing
AT_ONCE = 2_000  # paths a run: of a burst of 10,000 the first are found while the others are read


@dataclass
class Watch:
    """Think of it as `devise index` that runs whenever it has something to do, of that alone.

    roots: which folders there are now; walk: brings the whole library up to date; refresh: some paths of it.
    tell: one line for people. stop: ends it. polls: ask the disk again and again, as where the system tells nothing.
    has_room: whether the system watches one more folder.

    Files that are still being written are waited for. A folder that is gone as a whole keeps its photos and is looked
    through when it is back. While another program writes to the library, or its server is away, what has changed is
    remembered.
    """

    roots: Callable[[], Sequence[str]]
    walk: Callable[[], IndexReport]
    refresh: Callable[[Sequence[str]], IndexReport]
    tell: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    polls: bool = False
    has_room: Callable[[str], bool] = has_room
    _waiting: dict[str, object] = field(default_factory=dict, init=False)  # path -> how it looked a tick ago
    _is_busy: bool = field(default=False, init=False)
    _is_away: bool = field(default=False, init=False)

    def run(self) -> None:
        """Until `stop` is set. Raises DeviseError where the library cannot be written at all."""
        is_walked, roots = False, list(self.roots())
        while not self.stop.is_set():
            roots = self._roots(roots)
            there, polled = {root: _identity(root) for root in roots}, self.polls
            watched = [root for root, identity in there.items() if identity]
            if not watched:  # all disks are away
                self.stop.wait(POLLING_MS / 1_000)
                continue
            for paths in self._changes(watched):
                is_walked = is_walked or self._caught_up()
                self._waiting |= dict.fromkeys(paths)
                if is_walked:
                    self._take_settled()
                if self._roots(roots) != roots or any(_identity(root) != seen for root, seen in there.items()):
                    is_walked = False  # a folder came, went or was replaced: what happened before is not told
                    break
            is_walked = is_walked and self.polls == polled  # nor what happened where nobody watched

    def _roots(self, before: list[str]) -> list[str]:
        """As they were where the library cannot be asked: a server that is away comes back."""
        try:
            roots = list(self.roots())
        except LibraryError as error:
            if not self._is_away and not self._is_busy:
                self.tell(str(error))
            self._is_away = True
            return before
        self._is_away = False
        return roots

    def _changes(self, roots: list[str]) -> Iterator[set[str]]:
        """What has been told since the last tick, every tick."""
        try:
            is_first = True
            for paths in self._system_changes(roots, self.polls):
                if not self.polls:
                    self._check_room([roots[0]] if is_first else [path for path in paths if os.path.isdir(path)])
                is_first = False
                yield paths
        except OSError as error:
            if self.polls:
                raise LibraryError(f"the folders cannot be watched: {error}; run: devise index") from error
            self.tell(f"the system watches no more folders ({error.strerror or error}); looking every second instead. "
                      "To have it watch: sysctl fs.inotify.max_user_watches=1000000")  # fmt: skip
            self.polls = True

    def _check_room(self, folders: list[str]) -> None:
        """Raises OSError where the limit is reached: then not all folders are watched, but watchfiles does not say so
        where it also has to pass over folders that may not be read (1.3.0), nor of any that come later.
        """
        if folders and not self.has_room(folders[0]):
            raise OSError(errno.ENOSPC, "its limit is reached")

    def _system_changes(self, roots: list[str], polls: bool) -> Iterator[set[str]]:
        changes = told_by_system(
            *roots, watch_filter=_is_meant, debounce=TICK_MS, step=50, stop_event=self.stop, rust_timeout=TICK_MS,
            yield_on_timeout=True, force_polling=polls, poll_delay_ms=POLLING_MS, raise_interrupt=False,
            ignore_permission_denied=True,
        )  # fmt: skip
        for each in changes:
            yield {os.fsdecode(path) for _, path in each}

    def _caught_up(self) -> bool:
        """Look through all folders once: whether it could be done."""
        try:
            self._say(self.walk())
        except DeviseError as error:
            return self._is_left(error)
        self._is_busy = False
        return True

    def _take_settled(self) -> None:
        """The paths that look as they did a tick ago."""
        ready = []
        for path, before in list(self._waiting.items()):
            now = _looks(path)
            if now == before:
                ready.append(path)
            self._waiting[path] = now
        for start in range(0, len(ready), AT_ONCE):
            some = ready[start : start + AT_ONCE]
            try:
                self._say(self.refresh(some))
            except DeviseError as error:
                self._is_left(error)
                return
            for path in some:
                self._waiting.pop(path, None)
        self._is_busy = False

    def _is_left(self, error: DeviseError) -> bool:
        """For the next tick; told once."""
        if not self._is_busy and not self._is_away:
            self.tell(str(error))
        self._is_busy = True
        return False

    def _say(self, report: IndexReport) -> None:
        if report.added or report.updated or report.moved or report.removed:
            self.tell(str(report))


def _is_meant(change: object, path: str) -> bool:
    """Photos, what stands beside them, rules, and folders: those that went have no ending."""
    name = os.path.basename(path)
    if name.startswith(".") and name != IGNORE_FILE:
        return False
    return is_photo(path) or name == IGNORE_FILE or name.lower().endswith(ENDINGS) or _may_be_folder(path)


def _may_be_folder(path: str) -> bool:
    return os.path.isdir(path) or not os.path.lexists(path)


def _looks(path: str) -> object:
    """Another value while it is being written; photos that were changed this moment are still being written."""
    try:
        status = os.lstat(path)
    except OSError:
        return "gone"
    if time.time() - status.st_mtime < TICK_MS / 1_000 and not os.path.isdir(path):
        return object()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _identity(root: str) -> tuple[int, int, bool] | None:
    """Which folder it is, and whether anything is in it: a disk that comes or goes makes it another one."""
    try:
        status = os.stat(root)
        if not os.path.isdir(root):
            return status.st_dev, 0, True  # a photo by itself is replaced often
        with os.scandir(root) as entries:
            return status.st_dev, status.st_ino, any(entries)
    except OSError:
        return None
