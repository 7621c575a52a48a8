"""Which encoder and which word vectors belong to a library, and what to say when they do not."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from devise.errors import CheckpointError, LibraryError
from devise.library.report import Encodes
from devise.library.store import Store
from devise.vectors import ModelInfo
from devise.words import WordVectors

Model = str | Path | Encodes  # a checkpoint's name or path, or an open encoder


def open_encoder(wish: Model | None, made_by: ModelInfo | None) -> Encodes:
    """The encoder wished for; else the one a library was made by, if it is at hand; else the one in use."""
    if wish is not None and not isinstance(wish, str | Path):
        return wish
    from devise.model.encoder import Encoder

    if wish is None and made_by is not None and not os.environ.get("DEVISE_MODEL"):
        with suppress(CheckpointError):
            return Encoder.open(made_by.name)
    return Encoder.open(wish)


def open_words(model: ModelInfo, library: Path) -> WordVectors:
    """The word vectors that the words space of `model` lives in. Raises VectorsError, LibraryError."""
    space = next((space for space in model.spaces if space.name == "words"), None)
    if space is None:
        raise LibraryError(f'the model "{model.name}" of {library} knows no words; use: devise similar PHOTO')
    words = WordVectors.open(space.vectors)
    if space.fingerprint and words.fingerprint != space.fingerprint:
        raise LibraryError(
            f'the library {library} needs the word vectors "{space.vectors}" ({space.fingerprint[:8]}), '
            f"but {words.path} holds others ({words.fingerprint[:8]}); "
            f"import the right ones with: devise vectors import FILE --name {space.vectors}"
        )
    return words


def check_model(store: Store, model: ModelInfo) -> None:
    """Raises LibraryError when the library's vectors were made by another model."""
    made_by = store.model()
    if made_by is None or made_by.fingerprint == model.fingerprint or not store.num_contents():
        return
    raise LibraryError(
        f'the library {store.folder} was built with the model "{made_by.name}" ({made_by.fingerprint[:8]}), '
        f'not with "{model.name}" ({model.fingerprint[:8]}); '
        f"use --model {made_by.name} (or the path of its file), or index into another library with --library PATH"
    )
