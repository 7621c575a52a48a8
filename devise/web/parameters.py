"""What a request asks for, read and checked: words, numbers, filters. What makes no sense is told with its remedy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from devise.config import SearchConfig, WebConfig
from devise.errors import DeviseError
from devise.store.filter import Filter, least_size, moment, photo_kind
from devise.words.grammar import MAX_QUERY

MAX_NUMBER = 2**40  # ids of contents are below it


class RequestError(Exception):
    """A request that cannot be answered: what is wrong, what to do, and HTTP's number for it."""

    def __init__(self, error: str, remedy: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.remedy, self.status = error, remedy, status

    @classmethod
    def of(cls, error: DeviseError, status: int = 400) -> RequestError:
        """Of an error that is told as thing, fact and remedy."""
        fact, _, remedy = str(error).partition("; ")
        return cls(fact, remedy, status)

    def to_json(self) -> dict[str, str]:
        return {"error": self.error, "remedy": self.remedy}


Parameters = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What a search asks for. space: "" is the usual one. why: with what each term gives a photo."""

    query: str
    k: int
    where: Filter
    is_average: bool
    min_probability: float | None
    like: str | None
    space: str
    why: bool


def asked(given: Parameters, limits: WebConfig) -> Asked:
    """Raises RequestError."""
    return Asked(
        query=text(given, "q"),
        k=number(given, "k", SearchConfig.top, 1, limits.max_k),
        where=where(given),
        is_average=flag(given, "average"),
        min_probability=fraction(given, "min_score"),
        like=text(given, "like") or None,
        space=text(given, "space"),
        why=flag(given, "why"),
    )


def where(given: Parameters) -> Filter:
    """The filters of docs/queries.md: in, after, before, type, larger, text. Raises RequestError."""
    folder = text(given, "in") or None
    if folder is not None and (not os.path.isabs(folder) or "\0" in folder):
        raise RequestError(f'in="{folder}" is no folder', "give its whole path, as /api/folders lists it")
    after, before, kind, larger, words = (text(given, name) or None for name in CHECKED)
    found = Filter(inside=folder, after=after, before=before, kind=kind, larger=larger, text=words)
    try:
        for name, check in CHECKED.items():
            if value := text(given, name):
                check(value)
    except DeviseError as error:
        raise RequestError.of(error) from error
    return found


CHECKED: dict[str, Callable[[str], object]] = {  # each raises DeviseError for what makes no sense
    "after": partial(moment, "after"),
    "before": partial(moment, "before"),
    "type": photo_kind,
    "larger": least_size,
    "text": len,
}


def text(given: Parameters, name: str) -> str:
    """At most as long as a query may be, and printable by any database: no lone halves of characters."""
    found = given.get(name, "").strip()
    if len(found) > MAX_QUERY:
        raise RequestError(f"{name} has {len(found):,} characters", f"give at most {MAX_QUERY:,}", 414)
    return found.encode("utf-8", "replace").decode()


def number(given: Parameters, name: str, default: int, low: int, high: int) -> int:
    found = given.get(name, "")
    if not found:
        return default
    if not (found.isascii() and found.isdigit() and len(found) <= 15 and low <= int(found) <= high):
        raise RequestError(f'{name}="{found[:40]}" is out of range', f"give a whole number from {low:,} to {high:,}")
    return int(found)


def fraction(given: Parameters, name: str) -> float | None:
    found = given.get(name, "")
    if not found:
        return None
    try:
        value = float(found)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise RequestError(f'{name}="{found[:40]}" is no probability', "give a number from 0 to 1")
    return value


def flag(given: Parameters, name: str) -> bool:
    found = given.get(name, "").lower()
    if found not in ("", "0", "1", "true", "false"):
        raise RequestError(f'{name}="{found[:40]}" says neither yes nor no', "give 1 or 0")
    return found in ("1", "true")


def ids(given: Parameters, most: int) -> list[int]:
    """Photos by their numbers, with commas, each once."""
    found = [part for part in given.get("ids", "").split(",") if part]
    if not found or len(found) > most:
        raise RequestError(f"{len(found):,} ids were given", f"give from 1 to {most:,}, with commas")
    return list(dict.fromkeys(photo_id(part) for part in found))


def photo_id(found: str) -> int:
    if not (found.isascii() and found.isdigit() and len(found) <= 13 and 0 < int(found) < MAX_NUMBER):
        raise RequestError(
            f'"{found[:40]}" is no id of a photo', "ids are whole numbers, as /api/search gives them", 404
        )
    return int(found)
