"""Several photos at once, by name or from stdin, on all cores: what each gives, in the order of their names."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import typer

from devise.cli.output import show
from devise.errors import PhotoError

STDIN = "-"  # in place of a photo: its name stands on stdin, with others
WAITING = 256  # photos that are looked at or wait to be told: a folder of a million must not stand in memory
T = TypeVar("T")


def named(photos: Sequence[Path]) -> Iterator[Path]:
    """The photos, and in the place of "-" those whose names stand on stdin: one a line, or with NULs between them."""
    for photo in photos:
        if str(photo) != STDIN:
            yield photo
            continue
        if sys.stdin is None or sys.stdin.isatty():
            raise typer.BadParameter("- reads names from stdin; put a list there, as in: find . -name '*.jpg' | ...")
        data = sys.stdin.buffer.read()
        yield from (Path(os.fsdecode(name)) for name in data.split(b"\0" if b"\0" in data else b"\n") if name.strip())


def each(photos: Iterable[Path | str], work: Callable[[str], T]) -> Iterator[tuple[str, T | PhotoError]]:
    """What `work` gives for each photo, or why it cannot be read; as many at once as there are cores."""
    pool = ThreadPoolExecutor((os.cpu_count() or 1) + 1, thread_name_prefix="devise-ask")
    waiting: deque[tuple[str, Future[T | PhotoError]]] = deque()

    def attempt(photo: str) -> T | PhotoError:
        try:
            return work(photo)
        except PhotoError as error:
            return error

    try:
        for photo in photos:
            waiting.append((str(photo), pool.submit(attempt, str(photo))))
            if len(waiting) >= WAITING:
                name, future = waiting.popleft()
                yield name, future.result()
        while waiting:
            name, future = waiting.popleft()
            yield name, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def line(document: Any) -> None:
    """One line of JSON, at once."""
    show.write_bytes(json.dumps(document).encode() + b"\n")
