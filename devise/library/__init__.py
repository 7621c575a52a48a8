"""A library of photos: what is in it, how it gets there, how it is found again. The only home of sqlite3.

Names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devise.library.library import Library
    from devise.library.report import Encodes, IndexReport, LibraryInfo, Progress, Skipped
    from devise.library.where import Where

_HOMES = {
    "Library": "library",
    "Encodes": "report",
    "IndexReport": "report",
    "LibraryInfo": "report",
    "Progress": "report",
    "Skipped": "report",
    "Where": "where",
}
__all__ = ["Encodes", "IndexReport", "Library", "LibraryInfo", "Progress", "Skipped", "Where"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
