"""Files that a person names to be written: never a photo, nor a library, nor what another program wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devise.errors import WriteError

PAGE, PICTURE, EXPORT = "HTML page", "picture of devise explain", "exported library"  # what commands write
CONFUSION = "table or picture of devise evaluate"
CARD, MODEL, ONNX = "card of a model", "exported model", "ONNX file"
VECTORS = "file of exported vectors"


def check(file: Path | None, kind: str, asked: Sequence[str | Path] = ()) -> None:
    """Raises WriteError where writing `file` would lose anything but an earlier one of that kind, or an empty file.

    asked: what the command was given to look at.
    """
    if file is not None and (reason := _lost(file, kind, asked)):
        raise WriteError(f"cannot write {file}: {reason}; choose another name")


def _lost(file: Path, kind: str, asked: Sequence[str | Path]) -> str | None:
    from devise.photos import is_photo

    # os.path, because it never raises: what is wrong with a path, writing says
    if os.path.isfile(file.parent / "library.db"):  # noqa: PTH113
        return "its folder is that of a library"
    if not os.path.isfile(file):  # noqa: PTH113
        return None
    if any(isinstance(photo, Path) and os.path.realpath(photo) == os.path.realpath(file) for photo in asked):
        return "it is the photo that is looked at"
    if kind != PICTURE and is_photo(file):
        return "it is a photo, and photos are never changed"
    if file.stat().st_size and not IS_ONE[kind](file):
        return f"it exists, and is no {kind}"
    return None


def _is_page(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _is_picture(file: Path) -> bool:
    from devise.photos import is_ours

    return is_ours(file)


def _is_export(file: Path) -> bool:
    from devise.store.sqlite.salvage import is_ours

    return is_ours(file)


def _is_confusion(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(64).startswith((b"<svg ", b"shows,"))


def _is_card(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(2) == b"# "


def _is_model(file: Path) -> bool:
    with file.open("rb") as opened:
        return b"bundle.json" in opened.read(64)  # the first file in the zip


def _is_onnx(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(1) == b"\x08"  # its first field is a number, the version


def _is_vectors(file: Path) -> bool:
    with file.open("rb") as opened:
        begin = opened.read(64)
    return b"about.npy" in begin or begin.startswith((b"PAR1", b'{"path": "'))


IS_ONE: Mapping[str, Callable[[Path], bool]] = {
    PAGE: _is_page,
    PICTURE: _is_picture,
    EXPORT: _is_export,
    CONFUSION: _is_confusion,
    CARD: _is_card,
    MODEL: _is_model,
    ONNX: _is_onnx,
    VECTORS: _is_vectors,
}
