"""What is kept of a photo's texts, so that words find them: names of the file and its folders, captions, the day."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from devise.store.base import Says
from devise.store.paths import lineage
from devise.store.scripts import searchable

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HUMPS = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ0-9])|(?<=[0-9])(?=[A-Za-zà-ÿÀ-Þ])")


def names(path: str, roots: Iterable[str]) -> str:
    """The words of a photo's name and of its folders, from the indexed folder on; SummerTrip2019 also in its parts.

    >>> names("/home/me/photos/SummerTrip2019/tom.jpg", ["/home/me/photos"])
    'photos SummerTrip2019 tom Summer Trip 2019'
    """
    known = roots if isinstance(roots, frozenset) else frozenset(roots)
    root = next((above for above in lineage(path) if above in known), "")
    below = os.path.splitext(path[len(os.path.dirname(root.rstrip(os.sep))) :])[0]
    text = " ".join(below.encode("utf-8", "replace").decode().replace(os.sep, " ").split())
    parts = [apart for word in re.split(r"[\W_]+", text) if (apart := _HUMPS.sub(" ", word)) != word]
    return searchable(" ".join([text, *parts]))


def captions(says: Says) -> str:
    """What a photo's file says, one caption a line, and the day."""
    return "\n".join(filter(None, (searchable(says.text), _day(says.taken))))


def _day(taken: str | None) -> str:
    """As it is written and as it is said.

    >>> _day("2020-05-13T10:11:12")
    '2020-05-13 May'
    """
    return f"{taken[:10]} {_MONTHS[int(taken[5:7]) - 1]}" if taken else ""
