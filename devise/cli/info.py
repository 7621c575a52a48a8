"""`devise info`: which model, vectors and library are in use, their sizes and fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from devise.cli.options import Json, LibraryPath
from devise.cli.output import show, statements
from devise.cli.output.form import Form
from devise.errors import DeviseError, counted, listed
from devise.version import version
from devise.words.aliases import aliases

SHORT = 16  # digits of a fingerprint that people compare


def info(
    photo: Annotated[
        Path | None, typer.Argument(help="Show what was read of this photo, and from which field and file.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also fingerprints, spaces and other internals.")] = False,
    library: LibraryPath = None,
    json: Json = False,
) -> None:
    """Show what is in use, or what a photo says. Model, word vectors and library, with sizes, and what does not fit.

    devise info --json

    devise info tom.jpg
    """
    if photo is not None:
        show.output(statements.of_photo(photo), Form.JSON if json else Form.AUTO)
        return
    document: dict[str, Any] = {
        "version": version(),
        "library": _or_error(lambda: _library(library)),
        "vectors": _or_error(_vectors),
        "model": _or_error(_model),
    }
    document["problems"] = list(_problems(library, document["library"], document["model"]))
    rows = [(f"{part} {key}".rstrip(), text) for part, value in document.items() for key, text in _flat(value)]
    found = show.Output(
        columns=("what", "value"),
        rows=rows,
        document=document,
        table=[(what, text[:SHORT] if what.endswith("fingerprint") else text) for what, text in rows if text]
        if every
        else list(_in_short(document)),
    )
    show.output(found, Form.JSON if json else Form.AUTO)


def _in_short(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """One screen for people."""
    library, model, vectors = document["library"], document["model"], document["vectors"]
    yield "devise", document["version"]
    if "error" in library or not library["exists"]:
        yield "library", library.get("error") or f"none at {library['path']} yet; run: devise index FOLDER"
    else:
        photos = counted(library["num_photos"], "photo")
        skipped = f", {library['num_skipped']:,} skipped" if library["num_skipped"] else ""
        yield "library", f"{photos}{skipped}, {library['num_bytes'] / 1e6:,.1f} MB, in {library['path']}"
        yield "folders", listed(library["roots"])
        yield "built with", library["model"]["name"] if library["model"] else "nothing yet"
    for name, part, number, what in (("model", model, "labels", "learnt word"), ("words", vectors, "words", "word")):
        if "error" in part:
            yield name, part["error"]
        else:
            size = f", {part['num_bytes'] / 1e6:,.1f} MB" if part["num_bytes"] else ""
            yield name, f"{part['name']}: {counted(part[number], what)}{size}"
    if own := len(aliases()):
        yield "your words", f"{own:,}; devise words alias lists them"
    for problem in document["problems"]:
        yield "problem", problem


def _library(path: LibraryPath) -> Any:
    from devise.library import Library

    with Library(path) as opened:
        return opened.info().to_json()


def _vectors() -> Any:
    from devise.words import WordVectors

    vectors = WordVectors.open()
    return {
        "name": vectors.name,
        "path": str(vectors.path),
        "words": len(vectors),
        "dim": vectors.dim,
        "fingerprint": vectors.fingerprint,
        "num_bytes": vectors.path.stat().st_size,
        "source": vectors.source,
    }


def _model() -> Any:
    from devise.descriptors.network.engine import open_encoder

    encoder = open_encoder()
    path = encoder.path
    return {
        **encoder.info.to_json(),
        "path": str(path),
        "num_bytes": path.stat().st_size if path else None,
        "size": encoder.size,
        "resize": encoder.resize,
        "labels": len(encoder.labels),
    }


def _or_error(part: Callable[[], Any]) -> Any:
    """What `part` gives, or why it cannot be had: one missing part must not hide the others."""
    try:
        return part()
    except DeviseError as error:
        return {"error": str(error)}


def _remedy(made_by: dict[str, Any], model: dict[str, Any]) -> str:
    """A name leads to the model in use where both are called the same."""
    if made_by["name"] == model["name"]:
        return "set DEVISE_MODEL to the file of the first"
    return f"index with --model {made_by['name']}"


def _problems(path: LibraryPath, library: dict[str, Any], model: dict[str, Any]) -> Iterator[str]:
    """What does not fit together, each with its remedy."""
    made_by = library.get("model")
    if not made_by:
        return
    if "error" not in model and made_by["fingerprint"] != model["fingerprint"]:
        yield (
            f'the library was built with the model "{made_by["name"]}" ({made_by["fingerprint"][:8]}), '
            f'the one in use is "{model["name"]}" ({model["fingerprint"][:8]}); '
            f"{_remedy(made_by, model)}, or index into another library with --library PATH"
        )
    from devise.library import Library

    with Library(path) as opened:
        try:
            opened.words()
        except DeviseError as error:
            yield str(error)


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested dicts and lists as (name, text) rows; things in a list are called by their name."""
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{prefix}{key} ")]
    if isinstance(value, list | tuple) and any(isinstance(inner, dict) for inner in value):
        return [row for inner in value for row in _flat({**inner, "name": None}, f"{prefix}{inner['name']} ")]
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return [(prefix.strip(), "" if value is None else text)]
