"""Word vectors: import, look up, phrases, hints, nearest words, tags. Nothing is loaded until it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devise.words.catalog import VectorsInfo, list_vectors, use_vectors
    from devise.words.embeddings import WordVectors
    from devise.words.format import write_vectors
    from devise.words.importing import import_vectors
    from devise.words.queries import Term
    from devise.words.tagging import Tagger, visible_words

_HOMES = {
    "VectorsInfo": "catalog",
    "list_vectors": "catalog",
    "use_vectors": "catalog",
    "WordVectors": "embeddings",
    "write_vectors": "format",
    "import_vectors": "importing",
    "Term": "queries",
    "Tagger": "tagging",
    "visible_words": "tagging",
}
__all__ = [
    "Tagger",
    "Term",
    "VectorsInfo",
    "WordVectors",
    "import_vectors",
    "list_vectors",
    "use_vectors",
    "visible_words",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
