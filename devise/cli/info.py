"""`devise info`: which model, vectors and library are in use, their sizes and fingerprints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import devise
from devise.cli import show
from devise.cli.options import Form, Json, LibraryPath
from devise.errors import DeviseError


def info(library: LibraryPath = None, json: Json = False) -> None:
    """Show what is in use. Model, word vectors and library, with sizes and fingerprints.

    devise info --json
    """
    document = {
        "version": devise.__version__,
        "library": _or_error(lambda: _library(library)),
        "vectors": _or_error(_vectors),
        "model": _or_error(_model),
    }
    rows = [(f"{part} {key}".rstrip(), text) for part, value in document.items() for key, text in _flat(value)]
    show.answer(show.Answer(columns=("what", "value"), rows=rows, document=document), Form.JSON if json else Form.AUTO)


def _library(path: Path | None) -> Any:
    from devise.library import Library

    with Library(path) as opened:
        return opened.info()


def _vectors() -> Any:
    from devise.words import WordVectors

    vectors = WordVectors.open()
    return {
        "name": vectors.name,
        "path": str(vectors.path),
        "words": len(vectors),
        "dim": vectors.dim,
        "fingerprint": vectors.fingerprint,
        "source": vectors.source,
    }


def _model() -> Any:
    from devise.model.encoder import Encoder

    encoder = Encoder.open()
    return {
        **encoder.info.to_json(),
        "size": encoder.size,
        "resize": encoder.resize,
        "labels": len(encoder.labels),
    }


def _or_error(part: Callable[[], Any]) -> Any:
    """What `part` gives, or why it cannot be had: one missing part must not hide the others."""
    try:
        value = part()
    except DeviseError as error:
        return {"error": str(error)}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested dicts and lists as (name, text) rows."""
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{prefix}{key} ")]
    if isinstance(value, list | tuple) and any(isinstance(inner, dict) for inner in value):
        return [row for inner in value for row in _flat(inner, prefix)]
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return [(prefix.strip(), "" if value is None else text)]
