"""Read photos ahead in threads: bytes, their hash and, where the hash is new, pixels. Bounded, in order."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Container, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.config import PhotoConfig, Settings
from devise.errors import PhotoError, lacks_memory
from devise.photos import Details, Found, details, load, read
from devise.store.digest import digest_of

Pixels = NDArray[np.uint8]
_large = threading.Lock()


class View(NamedTuple):
    """The pixels that a descriptor looks at, as `devise.photos.load` takes them."""

    size: int
    resize: str


@dataclass(frozen=True)
class Opened:
    """A file's hash; of each view its pixels (size, size, 3), unless the hash was known; what it says about itself."""

    found: Found
    digest: bytes
    pixels: tuple[Pixels, ...] | None
    details: Details


@dataclass(frozen=True)
class Failed:
    """`lasting`: the bytes are no photo, so looking again is useless until the file changes."""

    found: Found
    reason: str
    lasting: bool


@dataclass(frozen=True)
class Gone:
    """The file was deleted or renamed after the walk."""

    found: Found


Outcome = Opened | Failed | Gone


def read_ahead(
    work: Sequence[Found], known: Container[bytes], views: Sequence[View], settings: Settings
) -> Generator[Outcome, None, None]:
    """The outcome for each photo, in order. settings: how many wait, which are read at all.

    Closing the generator stops the threads.
    """
    ingest = settings.ingest
    pool = ThreadPoolExecutor(min(ingest.max_threads, (os.cpu_count() or 1) + 1), thread_name_prefix="devise-read")
    waiting: deque[Future[Outcome]] = deque()
    try:
        for found in work:
            waiting.append(pool.submit(_in_turn, found, known, views, settings))
            if len(waiting) >= ingest.prefetch:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _in_turn(found: Found, known: Container[bytes], views: Sequence[View], settings: Settings) -> Outcome:
    with _large if found.size > settings.ingest.large_bytes else nullcontext():
        return _outcome(found, known, views, settings.photos)


def _outcome(found: Found, known: Container[bytes], views: Sequence[View], limits: PhotoConfig) -> Outcome:
    try:
        data = read(found.path, limits)
    except PhotoError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Gone(found)
        return Failed(found, error.reason, lasting=False)
    digest = digest_of(data)
    about = details(found.path, data, found.beside)
    if digest in known:
        return Opened(found, digest, None, about)
    try:
        each = (load(data, size=size, resize=resize, path=found.path, limits=limits) for size, resize in views)
        return Opened(found, digest, tuple(each), about)
    except PhotoError as error:
        return Failed(found, error.reason, lasting=not lacks_memory(error))
