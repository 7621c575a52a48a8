"""Vectors of photos that were made elsewhere become a space of a library, in which it searches as in its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import numpy as np

from devise.config import Settings
from devise.descriptors.looks import is_known
from devise.errors import LibraryError, VectorsError, counted, listed
from devise.library.exchange.read import Name, Rows, batches
from devise.progress import Progress
from devise.search import maintain
from devise.spaces import IMPORTED, REGIONS, Space
from devise.store.base import Store, together
from devise.store.location import Location
from devise.store.opening import writer
from devise.vectors import unit
from devise.words.embeddings import WordVectors

Mode = Literal["new", "add", "replace"]
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")  # safe as a file's name, and in "features,0.5:clip"
OURS: Final = ("words", "features", "classes", "bits", "metric", "code", REGIONS, "local")  # those of models
SAME: Final = 0.999  # cosine of the rows of equal photos: halves round off less, and bytes too


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What an import did. num_photos: with a row that is new; num_kept: that had one before; lacking: with none still.

    unknown, pointless: names in the file of photos that the library has not, and of rows that have no direction.
    """

    num_photos: int
    num_kept: int
    num_lacking: int
    dim: int
    unknown: tuple[str, ...]
    pointless: tuple[str, ...]


def bring(  # noqa: PLR0913
    folder: Location,
    file: Path,
    name: str,
    *,
    words: str | None = None,
    mode: Mode = "new",
    progress: Progress | None = None,
    settings: Settings = Settings(),
) -> Brought:
    """Make the vectors of a file the space `name`, all of it or nothing.

    words: word vectors of the same space, by name: the library can be asked in it with words. mode: new needs a name
    that is free; add gives rows to photos without one; replace forgets the rows of before. Rows are stored in half
    precision and of length 1. Raises LibraryError, VectorsError.
    """
    rows = batches(file)
    first = next(rows, None)
    if first is None:
        raise VectorsError(f"{file} holds no photo; write one row for each photo")
    with writer(folder, create=False) as store:
        with store.transaction():
            space = _space(store, name, first.vectors.shape[1], words, mode, file)
            if mode == "replace":
                store.vectors.clear(space)
            _remember(store, space)
            run = _Run(store, space, file, Photos(store), {*store.vectors.lacking(space).tolist()})
            for some in chain([first], rows):
                run.put(some)
            run.check()
            store.next_revision()
        maintain.update(store, progress or Progress(), settings.index)
    return run.report()


def drop(folder: Location, name: str) -> None:
    """Forget a space that was imported. Raises LibraryError for any other."""
    with writer(folder, create=False) as store:
        model, space = store.model(), store.space(name)
        if model is None or not space.is_imported:
            raise LibraryError(f'the space "{name}" is of the model that made the library; only imported ones can go')
        with store.transaction():
            store.vectors.clear(space)
            maintain.forget(store, space)
            store.set_model(replace(model, spaces=tuple(s for s in model.spaces if s.name != name)), store.labels())
            store.next_revision()
        if store.served is not None:
            store.served.drop(space)
        maintain.update(store, Progress())


def _space(store: Store, name: str, dim: int, words: str | None, mode: Mode, file: Path) -> Space:  # noqa: PLR0913
    """The space that rows of `dim` numbers go to. Raises LibraryError, VectorsError."""
    model = store.model()
    if model is None:
        raise LibraryError(f"the library {store.name} holds no photos; run: devise index FOLDER")
    known = {space.name: space for space in model.spaces}.get(name)
    if not NAME.fullmatch(name):
        raise LibraryError(f'"{name}" is no name for a space; use small letters, digits, "-" and "_", a letter first')
    if name in OURS or is_known(name) or (known is not None and not known.is_imported):
        raise LibraryError(f'the space "{name}" is one that devise makes itself; choose another name')
    if known is not None and mode == "new":
        raise LibraryError(f'the library has a space "{name}" already; give --add or --replace, or choose another name')
    if known is None and mode == "add":
        raise LibraryError(f'the library has no space "{name}" to add to; leave --add out')
    if known is not None and mode == "add":
        if words is not None:
            raise LibraryError(
                f'the words of "{name}" are those it has ({known.vectors}); leave --words out, or --replace'
            )
        if known.dim != dim:
            raise VectorsError(f"{file} has vectors of {dim:,} numbers, the space {name} has {known.dim:,}")
        return known
    table = WordVectors.open(words) if words is not None else None
    if table is not None and table.dim != dim:
        raise VectorsError(
            f"{file} has vectors of {dim:,} numbers, the words {table.name} of {table.dim:,}; give words of that space"
        )
    return Space(
        name=name,
        dim=dim,
        fingerprint=IMPORTED + _digest(file),
        vectors=table.name if table else None,
        vectors_fingerprint=table.fingerprint if table else None,
    )


def _remember(store: Store, space: Space) -> None:
    model = store.model()
    assert model is not None  # looked at in _space
    others = tuple(known for known in model.spaces if known.name != space.name)
    store.set_model(replace(model, spaces=(*others, space)), store.labels())
    maintain.forget(store, space)  # photos that it has may have got a row


def _digest(file: Path) -> str:
    made = sha256()
    with file.open("rb") as opened:
        while data := opened.read(1 << 20):
            made.update(data)
    return made.hexdigest()


@dataclass
class _Run:
    """Rows of a file on their way into a space. free: contents without a row; done: those that this file gave one."""

    store: Store
    space: Space
    file: Path
    photos: Photos
    free: set[int]
    done: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    pointless: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    def put(self, some: Rows) -> None:
        """Raises VectorsError for rows of another width."""
        if some.vectors.shape[1] != self.space.dim:
            raise VectorsError(
                f"{self.file} has vectors of {self.space.dim:,} and of {some.vectors.shape[1]:,} numbers"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.sqrt(np.einsum("ij,ij->i", some.vectors, some.vectors))
        has_direction = (np.isfinite(lengths) & (lengths > 0)).tolist()
        new, again = dict[int, int](), list[tuple[int, int]]()  # content -> its place; (content, place) of later ones
        for at, content_id in enumerate(self.photos.contents(some.names)):
            if content_id is None:
                self.unknown.append(str(some.names[at]))
            elif not has_direction[at]:
                self.pointless.append(str(some.names[at]))
            elif content_id in self.free:
                self.free.discard(content_id)
                new[content_id] = at
            elif content_id in self.done or content_id in new:
                again.append((content_id, at))
            else:
                self.kept.add(content_id)
        if new:
            self.store.vectors.put(self.space, np.array([*new], np.int64), unit(some.vectors[[*new.values()]]))
        self.done.update(new)
        self._compare(some, again)

    def _compare(self, some: Rows, again: Sequence[tuple[int, int]]) -> None:
        """Photos that come twice have to have one vector: equal files may well come under two names."""
        if not again:
            return
        ids, rows = together(self.store.vectors.rows(self.space, np.unique([content_id for content_id, _ in again])))
        theirs = unit(some.vectors[[at for _, at in again]])
        ours = rows[np.searchsorted(ids, [content_id for content_id, _ in again])]
        differ = np.einsum("ij,ij->i", ours, theirs) < SAME
        self.twice += [
            str(some.names[at]) for (_, at), is_other in zip(again, differ.tolist(), strict=True) if is_other
        ]

    def check(self) -> None:
        """Raises VectorsError where photos have two vectors, or none has any."""
        if self.twice:
            photos = counted(len(self.twice), "photo comes", "photos come")
            raise VectorsError(
                f"{self.file}: {photos} twice, with other vectors: {listed(self.twice)}; keep one of each"
            )
        if not self.done and not self.kept:
            why = f"{counted(len(self.unknown), 'photo is', 'photos are')} not in the library: {listed(self.unknown)}"
            raise VectorsError(
                f"{self.file} has no vector for a photo of {self.store.name}; "
                + (why if self.unknown else f"without direction (zero or NaN): {listed(self.pointless)}")
                + "; give the paths that the photos have there, or their hashes"
            )

    def report(self) -> Brought:
        return Brought(
            num_photos=len(self.done),
            num_kept=len(self.kept),
            num_lacking=len(self.free),
            dim=self.space.dim,
            unknown=tuple(self.unknown),
            pointless=tuple(self.pointless),
        )


class Photos:
    """The photos of a library by what a file calls them: hash, path, or the end of a path that only one has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ends: dict[str, list[str]] | None = None  # name -> paths that end in it

    def contents(self, names: Sequence[Name]) -> list[int | None]:
        """Of each name the content, None where the library has no such photo."""
        paths = {name.path for name in names if not name.hash}
        by_path = {path: os.path.abspath(path) for path in paths if "\0" not in path}
        known = self._store.listing.ids_of(by_path.values())
        ends = {path: end for path, whole in by_path.items() if whole not in known and (end := self._ending(path))}
        known |= self._store.listing.ids_of(ends.values())
        digests = self._store.hash_to_id([digest for name in names if (digest := _digest_of(name.hash))])
        return [
            digests.get(_digest_of(name.hash)) if name.hash
            else known.get(ends.get(name.path, by_path.get(name.path, "")))
            for name in names
        ]  # fmt: skip

    def _ending(self, path: str) -> str | None:
        """The one path that ends so; None: there is none, or several."""
        if self._ends is None:
            self._ends = {}
            for whole in self._store.paths():
                self._ends.setdefault(os.path.basename(whole), []).append(whole)
        wanted = os.path.normpath(path)
        found = [whole for whole in self._ends.get(os.path.basename(wanted), ()) if whole.endswith(f"/{wanted}")]
        return found[0] if len(found) == 1 else None


def _digest_of(text: str) -> bytes:
    """Of a hash as it is written; an empty one for what is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
