"""A library of photos: what is in it, how it gets there, how it is found again.

Names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devise.descriptors.base import Descriptor
    from devise.library.library import Library
    from devise.progress import Progress
    from devise.reports import IndexReport, LibraryInfo, Skipped
    from devise.store.filter import Where

_HOMES = {
    "Library": "devise.library.library",
    "Descriptor": "devise.descriptors.base",
    "IndexReport": "devise.reports",
    "LibraryInfo": "devise.reports",
    "Progress": "devise.progress",
    "Skipped": "devise.reports",
    "Where": "devise.store.filter",
}
__all__ = ["Descriptor", "IndexReport", "Library", "LibraryInfo", "Progress", "Skipped", "Where"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
