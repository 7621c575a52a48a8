"""Which encoder and which word vectors belong to a library, and what to say when they do not."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from devise.errors import CheckpointError, LibraryError, listed
from devise.search.snapshot import no_space
from devise.spaces import ModelInfo, Space
from devise.store.base import Store
from devise.store.location import Location
from devise.vectors import Vector
from devise.words.catalog import in_use
from devise.words.embeddings import WordVectors

if TYPE_CHECKING:
    from devise.descriptors.base import Descriptor
    from devise.descriptors.looks import Looks
    from devise.descriptors.network.base import Network
    from devise.descriptors.network.classes import Classes
    from devise.descriptors.network.specialists import Specialists
    from devise.search.class_words import ClassWords

SAME = 0.995  # cosine of two roundings of one vector
AGREEING = 0.9  # share of labels: a table with entries for phrases gives those other vectors than their words

Model: TypeAlias = "str | Path | Descriptor"  # a checkpoint's name or path, or an open encoder


def open_encoder(wish: Model | None, made_by: ModelInfo | None, path: str | None = None) -> Descriptor:
    """The encoder wished for; else the one a library was made by, if it is at hand; else the one in use.

    path: where the one that it was made by lay.
    """
    if wish is not None and not isinstance(wish, str | Path):
        return wish
    from devise.descriptors.network.engine import open_encoder as opened

    words = next((space for space in made_by.spaces if space.name == "words"), None) if made_by else None
    vectors = words.vectors if words else in_use()
    if wish is None and made_by is not None and not os.environ.get("DEVISE_MODEL"):
        with suppress(CheckpointError):
            return _bound(opened(_there(path) or made_by.name, vectors))
    return _bound(opened(wish, vectors))


def _there(path: str | None) -> str | None:
    return path if path is not None and os.path.isfile(path) else None


def _bound(encoder: Network) -> Descriptor:
    """A head that knows its word vectors only by some of them is bound to the table that is at hand.

    Raises VectorsError, LibraryError when that table holds other vectors.
    """
    space = next((space for space in encoder.spaces if space.name == "words"), None)
    if encoder.anchors is None or space is None or space.vectors_fingerprint:
        return encoder
    words = WordVectors.open(space.vectors)
    known = [i for i, label in enumerate(encoder.labels) if label in words or all(w in words for w in label.split())]
    anchors = encoder.anchors if words.dim == space.dim else encoder.anchors[:, :0]
    near = [float(words.vector(encoder.labels[i]) @ anchors[i]) for i in known if anchors.size]
    if not near or np.mean(np.array(near) > SAME) < AGREEING:
        raise LibraryError(
            f'the model "{encoder.name}" learnt other vectors than those of {words.path}; '
            f"import the real ones with: devise vectors import FILE --name {space.vectors}"
        )
    encoder.bind(words.fingerprint)
    return encoder


def info_of(encoder: Descriptor, looks: Looks | None = None) -> ModelInfo:
    """What a library remembers of the descriptor that made it, and of the looks that it has beside that."""
    spaces = (*encoder.spaces, *(looks.spaces if looks else ()))
    return ModelInfo(name=encoder.name, fingerprint=encoder.fingerprint, spaces=spaces)


def looks_beside(model: ModelInfo, encoder: Descriptor | None = None) -> Looks | None:
    """The looks that a library has beside the spaces of its encoder; None: of none, as none are needed."""
    from devise.descriptors.looks import looks_of

    own = {space.name for space in encoder.spaces} if encoder else ()
    return looks_of(space for space in model.spaces if space.name not in own)


def open_words(model: ModelInfo, library: Location, name: str = "words") -> WordVectors:
    """The word vectors that a space of `model` lives in. Raises VectorsError, LibraryError."""
    space = next((space for space in model.spaces if space.name == name), None)
    if space is not None and space.vectors is None:
        remedy = f"; import it again with its word vectors: --space {name} --words NAME --replace"
        raise LibraryError(
            f'no words are known of the space "{name}"{remedy if space.is_imported else "; ask with a photo"}'
        )
    if space is None and name != "words":
        raise no_space(name, model)
    if space is None:
        raise LibraryError(f'the model "{model.name}" of {library} knows no words; use: devise similar PHOTO')
    words = WordVectors.open(space.vectors)
    if space.vectors_fingerprint and words.fingerprint != space.vectors_fingerprint:
        raise LibraryError(
            f'the library {library} needs the word vectors "{space.vectors}" ({space.vectors_fingerprint[:8]}), '
            f"but {words.path} holds others ({words.fingerprint[:8]}); "
            f"import the right ones with: devise vectors import FILE --name {space.vectors}"
        )
    return words


def open_classes(store: Store, wish: Model | None) -> Classes:
    """The classes of the model that made the library's features. Raises LibraryError, CheckpointError."""
    from devise.descriptors.network.classes import read_classes

    made_by = store.model()
    assert made_by is not None  # asked of a library with photos
    name = _checkpoint(store, made_by, wish)
    try:
        classes = read_classes(name)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; DEVISE_MODEL can name another path of it") from error
    if not made_by.is_of(classes.fingerprint):
        raise LibraryError(
            f'the library {store.name} was built with the model "{made_by.name}", and {name} has changed since or is '
            "another one; give the path of the right file with DEVISE_MODEL, or index anew"
        )
    return classes


def open_class_words(store: Store, wish: Model | None) -> ClassWords | None:
    """Words for the classes of the model that made the library's features; None where those are not ImageNet's.

    Raises LibraryError for a model that has changed since, CheckpointError for one that was named and is not there.
    """
    from devise.search.class_words import ClassWords

    made_by = store.model()
    own = {space.name for space in made_by.spaces if not space.is_imported} if made_by else set()
    if not {"words", "features"} <= own:
        return None
    try:
        classes = open_classes(store, wish)
    except CheckpointError:
        if isinstance(wish, str | Path) or "DEVISE_MODEL" in os.environ:
            raise
        return None  # of a descriptor that is no checkpoint, or of one that has left
    return ClassWords(classes) if classes.are_imagenets else None


def open_specialists(store: Store | None, wish: Model | None, encoder: Descriptor | None) -> Specialists:
    """What looks a second time at the best tag: of the model that made the library's rows, or of the encoder's."""
    from devise.descriptors.network.format import find
    from devise.descriptors.network.specialists import Specialists, read_specialists

    made_by = store.model() if store and not store.is_empty() else None
    path = getattr(encoder, "path", None)
    with suppress(CheckpointError):
        if store is not None and made_by is not None:
            path = find(_checkpoint(store, made_by, wish))
        found = read_specialists(path) if path else Specialists()
        if made_by is None or made_by.is_of(found.fingerprint):
            return found
    return Specialists()


def _checkpoint(store: Store, made_by: ModelInfo, wish: Model | None) -> str | Path:
    path = wish if isinstance(wish, str | Path) else getattr(wish, "path", None)
    return path or os.environ.get("DEVISE_MODEL") or _there(store.model_path()) or made_by.name


def is_beside(space: Space) -> bool:
    """Whether a library may have it whatever its network is: a look, or what was imported."""
    from devise.descriptors.looks import is_look

    return space.is_imported or is_look(space)


def alone(model: ModelInfo) -> ModelInfo:
    """A library's model without what may be beside any."""
    return replace(model, spaces=tuple(space for space in model.spaces if not is_beside(space)))


def imported(model: ModelInfo) -> tuple[Space, ...]:
    """The spaces of a library whose rows were made elsewhere."""
    return tuple(space for space in model.spaces if space.is_imported)


def check_model(store: Store, model: ModelInfo, space: str | None = None) -> None:
    """Raises LibraryError when the library's vectors, of one space or of all, were made by another model."""
    made_by = store.model()
    if made_by is None or store.is_empty():
        return
    ours, theirs = made_by.fingerprints(), model.fingerprints()
    made_apart = {space.name for space in made_by.spaces if is_beside(space)} - {*theirs}
    if {name: made for name, made in ours.items() if name not in made_apart} == theirs or (
        space in ours and ours[space] == theirs.get(space)
    ):
        return
    raise LibraryError(
        f'the library {store.name} was built with the model "{made_by.name}" ({made_by.fingerprint[:8]}), '
        f'not with "{model.name}" ({model.fingerprint[:8]}); '
        f"use --model {made_by.name} (or the path of its file{_where(store)}; commands without --model: DEVISE_MODEL), "
        "or index into another library with --library PATH"
    )


def _where(store: Store) -> str:
    return f", which was {path}" if (path := store.model_path()) else ""


def of_space(vectors: dict[str, Vector], space: str, encoder: Descriptor) -> Vector:
    """The one vector of that space. Raises LibraryError."""
    if space not in vectors:
        raise LibraryError(f'the model "{encoder.name}" has no space "{space}"; it has: {listed(vectors)}')
    vector: Vector = vectors[space][0]
    return vector
