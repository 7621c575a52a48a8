"""Files beside a photo that tell about it: tom.txt, tom.jpg.xmp, tom.json of exiftool or of Google's export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from devise.photos import xmp
from devise.photos.dates import of_seconds
from devise.photos.decode import plain
from devise.photos.statement import Statement
from devise.photos.takeout import owners

ENDINGS = (".txt", ".caption", ".md", ".json", ".xmp")
MAX_BYTES = 1_000_000  # more is no caption
READING = 4  # raised when more is read of photos or sidecars: all are then read again, and only once
# Keys of JSON whose texts tell what is to be seen; all others hold addresses, versions, numbers. The second half is
# exiftool's, whose names of groups (IPTC:Keywords) are taken off
_TELLING = """
    alttext caption captions comment description headline keywords labels location name people prompt subject tag
    tags text title
    captionabstract city country countryprimarylocationname displayname event hierarchicalsubject imagedescription label
    lastkeywordxmp objectname personinimage provincestate regionname regionpersondisplayname state sublocation tagslist
    usercomment xpcomment xpkeywords xpsubject xptitle
"""
KEYS = frozenset(_TELLING.split())
_DATES = {
    "datetimeoriginal": "DateTimeOriginal", "subsecdatetimeoriginal": "DateTimeOriginal",
    "datetaken": "DateTimeOriginal", "datecreated": "CreateDate", "datetimecreated": "CreateDate",
    "createdate": "CreateDate", "datetimedigitized": "CreateDate", "creationtime": "CreateDate",
    "modifydate": "ModifyDate",
}  # fmt: skip


@dataclass(frozen=True)
class Sidecar:
    path: str
    size: int
    mtime_ns: int


class Listing:
    """Which files of a folder tell about which of its photos."""

    def __init__(self, folder: str, names: Iterable[str], is_photo: Any) -> None:
        self.folder = folder
        names = list(names)
        sidecars = [name for name in names if name.lower().endswith(ENDINGS)]
        self.owners = owners(filter(is_photo, names), sidecars) if sidecars else {}

    def beside(self, photo: str) -> tuple[Sidecar, ...]:
        """The sidecars of the photo of that name."""
        found = []
        for name in self.owners.get(photo, ()):
            path = os.path.join(self.folder, name)
            try:
                status = os.stat(path)
            except OSError:
                continue  # deleted just now
            found.append(Sidecar(path, status.st_size, status.st_mtime_ns))
        return tuple(found)


def stamp(sidecars: tuple[Sidecar, ...]) -> str:
    """What changes when one of them does, or when this version reads more than the one before."""
    return " ".join([f"v{READING}", *(f"{s.size}:{s.mtime_ns}:{os.path.splitext(s.path)[1]}" for s in sidecars)])


def read(sidecar: Sidecar) -> list[Statement]:
    """What it says; nothing of what makes no sense. Raises OSError."""
    if sidecar.size > MAX_BYTES:
        return []
    name = os.path.basename(sidecar.path)
    with open(sidecar.path, "rb", opener=_open_at_once) as file:
        data = file.read(MAX_BYTES)
    return [replace(said, file=name) for said in READERS[os.path.splitext(name)[1].lower()](data)]


def _of_text(data: bytes) -> Iterator[Statement]:
    yield Statement("text", text=plain(data))


def _of_json(data: bytes) -> list[Statement]:
    try:
        document = json.loads(plain(data))
        return [*_texts(document, "text"), *_dates(document)]
    except (ValueError, RecursionError):
        return []


READERS = {".txt": _of_text, ".caption": _of_text, ".md": _of_text, ".json": _of_json, ".xmp": xmp.statements}


def _key(key: str) -> str:
    """IPTC:Caption-Abstract -> captionabstract."""
    return key.rpartition(":")[2].lower().replace("-", "").replace("_", "")


def _texts(document: Any, field: str) -> Iterator[Statement]:
    """Texts under KEYS, and a document that is nothing but text. field: empty where texts do not tell."""
    if isinstance(document, str):
        if field and document.strip():
            yield Statement(f"JSON {field}", text=document.strip())
    elif isinstance(document, list):
        for item in document:
            yield from _texts(item, field)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from _texts(value, key if _key(key) in KEYS else "")


def _dates(document: Any) -> Iterator[Statement]:
    """Google's {"photoTakenTime": {"timestamp": "1589370000"}}, in UTC, and those of exiftool and Flickr."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, Mapping):
        return
    taken = document.get("photoTakenTime")
    if isinstance(taken, Mapping) and (date := _of_seconds(taken.get("timestamp"))):
        yield Statement("JSON photoTakenTime", date=date)
    groups = [value for value in document.values() if isinstance(value, Mapping)]  # as exiftool -g writes them
    for key, value in (item for group in (document, *groups) for item in group.items()):
        if isinstance(value, str) and (name := _DATES.get(_key(key))):
            yield Statement(f"JSON {name}", date=value)


def _of_seconds(value: Any) -> str | None:
    try:
        return of_seconds(int(value)) if int(value) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for ever
