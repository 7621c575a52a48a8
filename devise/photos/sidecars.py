"""Files beside a photo that tell about it: tom.txt, tom.jpg.txt, tom.json, tom.jpg.json, Google's takeout files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ENDINGS = (".txt", ".json")
TAKEOUT = ".supplemental-metadata.json"  # what Google Photos' export appends to the name of a photo
MAX_BYTES = 1_000_000  # more is no caption
# Keys of JSON whose texts tell what is to be seen; all others hold addresses, versions, numbers
_TELLING = "caption, description, headline, keywords, labels, location, name, people, subject, tags, text, title"
KEYS = frozenset(_TELLING.split(", "))


@dataclass(frozen=True)
class Sidecar:
    path: str
    size: int
    mtime_ns: int


def names(photo: str) -> tuple[str, ...]:
    """The names that a sidecar of the photo of that name can have.

    >>> names("tom.jpg")
    ('tom.txt', 'tom.json', 'tom.jpg.txt', 'tom.jpg.json', 'tom.jpg.supplemental-metadata.json')
    """
    stem = os.path.splitext(photo)[0]
    return (*(base + ending for base in (stem, photo) for ending in ENDINGS), photo + TAKEOUT)


def beside(path: str, exists: Callable[[str], bool]) -> tuple[Sidecar, ...]:
    """The sidecars of a photo; exists: whether a file of that name stands in its folder."""
    folder, photo = os.path.split(path)
    found = []
    for name in names(photo):
        if exists(name):
            try:
                status = os.stat(os.path.join(folder, name))
            except OSError:
                continue  # deleted just now
            found.append(Sidecar(os.path.join(folder, name), status.st_size, status.st_mtime_ns))
    return tuple(found)


def stamp(sidecars: tuple[Sidecar, ...]) -> str:
    """What changes when one of them does."""
    return " ".join(f"{s.size}:{s.mtime_ns}:{os.path.splitext(s.path)[1]}" for s in sidecars)


def read(sidecar: Sidecar) -> tuple[str, str | None]:
    """Its text, and when the photo was taken if it says so; nothing of what makes no sense. Raises OSError."""
    if sidecar.size > MAX_BYTES:
        return "", None
    try:
        with open(sidecar.path, "rb", opener=_open_at_once) as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig", "replace")
        if not sidecar.path.endswith(".json"):
            return text, None
        document = json.loads(text)
        return "\n".join(dict.fromkeys(_texts(document))), _taken(document)
    except (ValueError, RecursionError):
        return "", None


def _texts(document: Any, is_asked: bool = True) -> Iterator[str]:
    """Texts under KEYS, and a document that is nothing but text."""
    if isinstance(document, str):
        if is_asked and document.strip():
            yield document.strip()
    elif isinstance(document, list):
        for item in document:
            yield from _texts(item, is_asked)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from _texts(value, key.lower() in KEYS)


def _taken(document: Any) -> str | None:
    """Google's {"photoTakenTime": {"timestamp": "1589370000"}}, in UTC."""
    try:
        seconds = int(document["photoTakenTime"]["timestamp"])
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for ever
