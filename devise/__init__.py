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
    from devise.evaluation.report import EvaluateOptions, EvaluationReport
    from devise.evaluation.run import evaluate
    from devise.library import Library, Where
    from devise.progress import Progress
    from devise.reports import IndexReport
    from devise.results import Answer, Match, Note, WordMatch
    from devise.training.datasets.example import Reading
    from devise.training.loop import train
    from devise.training.options import TrainOptions
    from devise.training.report import EpochReport, TrainReport
    from devise.words import Tagger, WordVectors

__all__ = [
    "Answer",
    "DeviseError",
    "Encoder",
    "EpochReport",
    "EvaluateOptions",
    "EvaluationReport",
    "IndexReport",
    "Library",
    "Match",
    "Note",
    "Progress",
    "Reading",
    "Tagger",
    "TrainOptions",
    "TrainReport",
    "Where",
    "WordMatch",
    "WordVectors",
    "__version__",
    "evaluate",
    "train",
]

_HOMES = {
    "Answer": "devise.results",
    "DeviseError": "devise.errors",
    "Encoder": "devise.descriptors.network.encoder",
    "EpochReport": "devise.training.report",
    "EvaluateOptions": "devise.evaluation.report",
    "EvaluationReport": "devise.evaluation.report",
    "IndexReport": "devise.reports",
    "Library": "devise.library",
    "Match": "devise.results",
    "Note": "devise.results",
    "Progress": "devise.progress",
    "Reading": "devise.training.datasets.example",
    "Tagger": "devise.words",
    "TrainOptions": "devise.training.options",
    "TrainReport": "devise.training.report",
    "Where": "devise.store.filter",
    "WordMatch": "devise.results",
    "WordVectors": "devise.words",
    "evaluate": "devise.evaluation.run",
    "train": "devise.training.loop",
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
