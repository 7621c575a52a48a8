"""Find photos by words and words for photos, on your own machine.

>>> from devise import Library
>>> with Library("my-library") as library:
...     report = library.index(["photos"])
...     matches = library.search("sofa cat")

Names are loaded when they are first used: importing devise imports neither torch nor Pillow nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from devise.descriptors.network.encoder import Encoder
    from devise.errors import DeviseError
    from devise.library import Library, Where
    from devise.progress import Progress
    from devise.reports import IndexReport
    from devise.results import Answer, Match, Note, WordMatch
    from devise.words import Tagger, WordVectors

__all__ = [
    "Answer",
    "DeviseError",
    "Encoder",
    "IndexReport",
    "Library",
    "Match",
    "Note",
    "Progress",
    "Tagger",
    "Where",
    "WordMatch",
    "WordVectors",
    "__version__",
]

_HOMES = {
    "Answer": "devise.results",
    "DeviseError": "devise.errors",
    "Encoder": "devise.descriptors.network.encoder",
    "IndexReport": "devise.reports",
    "Library": "devise.library",
    "Match": "devise.results",
    "Note": "devise.results",
    "Progress": "devise.progress",
    "Tagger": "devise.words",
    "Where": "devise.store.filter",
    "WordMatch": "devise.results",
    "WordVectors": "devise.words",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from devise.version import version

        return version()
    if name not in _HOMES:
        raise AttributeError(f"module 'devise' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
