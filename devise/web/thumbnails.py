"""Small pictures of photos, each made once and kept in a folder of bounded size."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

END = b"\xff\xd9"  # of a JPEG: a file without it was cut off
FRESH_SECONDS = 3_600.0  # a thumbnail is stamped as used once an hour at most
KEPT = 0.9  # of the bound, where it is passed: sweeping once for each new file would read the folder each time


class Thumbnails:
    """Think of it as a dict from the hash of a photo and a size to a JPEG, which forgets what was not used for longest.

    It may be deleted at any time, and several programs may use one folder.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._num_bytes: int | None = None  # nobody has looked yet
        self._lock = threading.Lock()

    def get(self, digest: bytes, size: int, make: Callable[[], bytes]) -> bytes:
        """make: the JPEG, where it is not there; what it raises is raised."""
        path = self._folder / digest.hex()[:2] / f"{digest.hex()}-{size}.jpg"
        with suppress(OSError):
            jpeg = path.read_bytes()
            if jpeg.endswith(END):
                _stamp(path)
                return jpeg
        jpeg = make()
        with suppress(Exception):  # a full disk, or one that cannot be written: the page is shown all the same
            _write(path, jpeg)
            self._grown(len(jpeg))
        return jpeg

    def _grown(self, num_bytes: int) -> None:
        with self._lock:
            if self._num_bytes is None:
                self._num_bytes = sum(status.st_size for _, status in self._files())
            else:
                self._num_bytes += num_bytes
            if self._num_bytes > self._max_bytes:
                self._sweep()

    def _sweep(self) -> None:
        """Delete those that were not used for longest."""
        files = sorted(self._files(), key=lambda file: file[1].st_mtime)
        left = sum(status.st_size for _, status in files)
        for path, status in files:
            if left <= KEPT * self._max_bytes:
                break
            with suppress(OSError):
                path.unlink()
                left -= status.st_size
        self._num_bytes = left

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.glob("*/*.jpg"):
            with suppress(OSError):
                yield path, path.stat()


def _write(path: Path, jpeg: bytes) -> None:
    """Whole or cut off, never mixed: nothing is flushed to the disk, since a lost thumbnail is made again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".jpg", dir=path.parent)  # swept with the others if it is left behind
    with os.fdopen(handle, "wb") as file:
        file.write(jpeg)
    os.replace(temporary, path)


def _stamp(path: Path) -> None:
    """Mark it as used now."""
    now = time.time()
    if now - path.stat().st_mtime > FRESH_SECONDS:
        os.utime(path)
