"""The library: photos someone indexed, found again by words, by vectors and by photos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from devise import config
from devise.errors import LibraryError, PhotoError, listed, writing
from devise.library import explain, graphs, models
from devise.library.explain import Shown
from devise.library.like import Like, like
from devise.library.models import Model, check_model
from devise.library.question import Question
from devise.library.report import Encodes, IndexReport, LibraryInfo, Progress, num_bytes
from devise.library.search import Searcher, check_k, check_probability
from devise.library.store import Store, digest_of
from devise.vectors import Match, ModelInfo, Vector, WordMatch
from devise.words import Tagger, WordVectors, visible_words
from devise.words.queries import Query, Term

if TYPE_CHECKING:
    from devise.model.classes import Classes


class Library:
    """Think of it as a folder that remembers what your photos show.

    >>> with Library("my-library") as library:
    ...     report = library.index(["photos"])
    ...     best = library.search("sofa cat", k=3)
    >>> best[0]
    Match(path='/home/me/photos/tom.jpg', score=0.41)

    path: the library's folder; None is DEVISE_LIBRARY or the one in the user's data folder. It is opened at first use.
    model: checkpoint (name, path, or an open Encoder) for photos that are new; None is the one that the library was
    built with. Searching reads, only `index` writes; one program may index while others search.
    """

    def __init__(self, path: str | Path | None = None, *, model: Model | None = None) -> None:
        self.path = Path(os.path.abspath(path if path is not None else config.default_library()))
        self._model = model
        self._store: Store | None = None
        self._searcher: Searcher | None = None
        self._open_encoder: Encodes | None = None
        self._words: WordVectors | None = None
        self._classes: Classes | None = None
        self._taggers: dict[bool, Tagger] = {}

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = self._searcher = None

    def index(
        self,
        folders: Sequence[str | Path] = (),
        *,
        model: Model | None = None,
        progress: Progress | None = None,
        allow_empty: bool = False,
    ) -> IndexReport:
        """Make the library agree with the folders: only new and changed photos are read, vanished ones are removed.

        folders: added to those indexed before; none given means all of those. allow_empty: also believe that a folder
        which has become empty, or is missing, has lost all its photos. Photos that cannot be read are in the report.
        Raises FolderError, LibraryError, CheckpointError or WriteError; what was stored until then stays good.
        """
        from devise.library.indexing import index  # imports Pillow, which a search never needs

        progress = progress or Progress()
        if model is not None:
            self._model, self._open_encoder = model, None
        folders = [folders] if isinstance(folders, str | Path) else list(folders)
        if not folders and not Store.exists(self.path):
            raise LibraryError(f"there is no library at {self.path} yet; run: devise index FOLDER")
        with self._writer(bool(folders)) as store:
            folders = folders or store.roots()
            if not folders:
                raise LibraryError(f"the library {self.path} has no folders yet; run: devise index FOLDER")
            if model is not None:
                check_model(store, self._encoder(store).info)
            report = index(store, folders, lambda: self._encoder(store), allow_empty=allow_empty, progress=progress)
            graphs.update(store, progress)
        self._taggers.clear()
        return report

    def search(
        self,
        query: Query,
        k: int = config.TOP,
        *,
        average: bool = False,
        min_probability: float = 0.0,
        like: str | None = None,
    ) -> list[Match]:
        """The k photos that answer `query` best: docs/queries.md tells what it can be.

        All its terms have to be in a photo; average: the mean of the terms' scores counts, so that one may do.
        min_probability: leave out photos that are less likely to be what was asked for, where the model knows
        probabilities. like: then photos near to the best ones, compared by what tells that class apart.
        Raises WordError, PhotoError, LibraryError.
        """
        check_k(k)
        check_probability(min_probability)
        self._filled()
        terms = self._terms(query)
        number = k if like is None else config.LIKE_FROM
        found = self._search().showing(Question.of(terms, average), number, min_probability)
        if like is None or not found:
            return found
        mean = self._search().mean_features(match.path for match in found)
        return self._search().weighted(mean, self.like(like).weights, k)

    def explain(self, photo: str | Path, query: Query) -> list[Shown]:
        """What each term of a query gives a photo (in the library or not), and which part of it shows the term.

        Raises WordError, PhotoError, LibraryError.
        """
        question, space = Question.of(self._terms(query)), self._info().space("words")
        views = self._views(photo)
        if explain.is_square(views):
            return explain.by_parts(views, question, space)
        return explain.by_occlusion(str(photo), self._checked_encoder(), question, space)

    def nearest(self, vector: Vector, k: int = config.TOP, *, space: str = "words") -> list[Match]:
        """The k photos nearest to a unit vector of `space`, best first: exact cosines."""
        self._filled()
        return self._search().nearest(vector, k, space=space)

    def similar(
        self, photo: str | Path, k: int = config.TOP, *, space: str = "features", like: str | None = None
    ) -> list[Match]:
        """The k photos most like `photo` (in the library or not), never itself or its copies.

        like: a class; photos are then compared by what tells it apart (on features).
        """
        check_k(k)
        self._filled()
        if like is not None and space != "features":
            raise LibraryError(f"photos are compared like a class on features, not on {space}; leave one of them out")
        content_id, vector = self._vector(photo, space)
        if like is not None:
            return self._search().weighted(vector, self.like(like).weights, k, without=content_id)
        return self._search().nearest(vector, k, space=space, without=content_id)

    def like(self, name: str) -> Like:
        """A class of the library's model by its name or a synonym, else the classes nearest to a word.

        Raises LibraryError, CheckpointError.
        """
        self._filled()
        if self._classes is None:
            self._classes = models.open_classes(self._reader(), self._model)
        info = self._stored_info()
        knows_words = info is not None and any(space.name == "words" for space in info.spaces)
        return like(name, self._classes, self.words() if knows_words else None)

    def tag(
        self, photo: str | Path, k: int = config.TAGS, any_word: bool = False, sure: float = config.SURE
    ) -> list[WordMatch]:
        """Up to k words for what `photo` shows: labels of the model (few: and visible things), or any word.

        sure: least probability of a word, where the model knows probabilities; so a photo may have no tag at all.
        """
        check_k(k)
        check_probability(sure)
        return self._tagger(any_word).tags(self._views(photo), k, sure)

    def words(self) -> WordVectors:
        """The word vectors that the library's model was trained on. Raises LibraryError when they are not at hand."""
        if self._words is None:
            self._words = models.open_words(self._info(), self.path)
        return self._words

    def paths(self) -> list[str]:
        """All photos, sorted."""
        return self._reader().paths() if Store.exists(self.path) else []

    def __len__(self) -> int:
        return self._reader().num_photos() if Store.exists(self.path) else 0

    def info(self) -> LibraryInfo:
        if not Store.exists(self.path):
            return LibraryInfo(path=str(self.path), exists=False)
        store = self._reader()
        return LibraryInfo(
            path=str(self.path),
            exists=True,
            num_photos=store.num_photos(),
            num_contents=store.num_contents(),
            num_skipped=sum(1 for _ in store.skipped()),
            num_bytes=num_bytes(self.path),
            model=store.model(),
            roots=tuple(store.roots()),
        )

    @contextmanager
    def _writer(self, create: bool) -> Iterator[Store]:
        """One at a time; readers in this object start anew afterwards."""
        with writing(self.path):
            if create:
                self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / "lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise LibraryError(
                    f"another devise is indexing into {self.path}; wait until it has finished"
                ) from error
        try:
            self.close()
            store = Store(self.path, write=True)
            try:
                yield store
            finally:
                store.close()
        finally:
            lock.release()

    def _reader(self) -> Store:
        if self._store is None:
            if not Store.exists(self.path):
                raise LibraryError(f"there is no library at {self.path}; run: devise index FOLDER")
            self._store = Store(self.path)
        return self._store

    def _filled(self) -> None:
        if not self._reader().num_contents():
            raise LibraryError(f"the library {self.path} holds no photos; run: devise index FOLDER")

    def _search(self) -> Searcher:
        if self._searcher is None:
            self._searcher = Searcher(self._reader())
        return self._searcher

    def _stored_info(self) -> ModelInfo | None:
        return self._reader().model() if Store.exists(self.path) else None

    def _info(self) -> ModelInfo:
        return self._stored_info() or self._encoder(None).info

    def _tagger(self, any_word: bool) -> Tagger:
        if any_word not in self._taggers:
            labels = self._reader().labels() if self._stored_info() else self._encoder(None).labels
            vocabulary = list(labels)
            if len(labels) < config.MIN_TAG_LABELS:
                vocabulary += visible_words(self.words())
            words = None if any_word else vocabulary
            self._taggers[any_word] = Tagger(self.words(), words, self._info().space("words"))
        return self._taggers[any_word]

    def _encoder(self, store: Store | None) -> Encodes:
        """Opened once. A wish goes first, then the model the library was built with, then the one in use."""
        if self._open_encoder is None:
            made_by = store.model() if store and store.num_contents() else None
            self._open_encoder = models.open_encoder(self._model, made_by)
        return self._open_encoder

    def _vector(self, photo: str | Path, space: str) -> tuple[int | None, Vector]:
        """A photo's content and vector: from the library by its path or its bytes, else from the encoder."""
        path = os.path.abspath(photo)
        content_id, data = self._content(path)
        if content_id is None:
            return None, models.of_space(self._encoded(data, path), space, self._encoder(None))
        vector = self._reader().vector(space, content_id)
        if vector is None:
            raise LibraryError(f'the library {self.path} has no space "{space}"; ask in another')
        return content_id, vector

    def _terms(self, query: Query) -> list[Term]:
        return self.words().terms(query, lambda name: self._vector(self._named(name), "words")[1])

    def _named(self, name: str) -> str:
        """The path of a photo, by that or by the end of it if only one in the library ends so. Raises PhotoError."""
        path = os.path.abspath(name)
        if os.path.exists(path) or self._reader().photo(path):
            return path
        found = self._reader().paths_ending(name)
        if not found:
            raise PhotoError(name, "there is no such photo here or in the library; give its path")
        if len(found) > 1:
            raise PhotoError(name, f"{len(found)} photos in the library are called so; give one path: {listed(found)}")
        return found[0]

    def _views(self, photo: str | Path) -> Vector:
        """(1 + parts, dim): the words vectors of a photo and of its parts."""
        path = os.path.abspath(photo)
        content_id, data = self._content(path)
        if content_id is not None:
            _, whole, parts = self._reader().views([content_id])
            if len(whole):
                return np.concatenate([whole, parts.vectors()[0]])
            raise LibraryError(f'the library {self.path} has no space "words"; ask in another')
        vectors = self._encoded(data, path)
        whole = models.of_space(vectors, "words", self._encoder(None))[None]
        return np.concatenate([whole, vectors["parts"][0]]) if "parts" in vectors else whole

    def _content(self, path: str) -> tuple[int | None, bytes]:
        """The content of an indexed photo, else of its bytes; None and the bytes of one that is not in the library."""
        store = self._reader() if Store.exists(self.path) else None
        content_id = _as_indexed(store, path) if store else None
        if content_id is not None:
            return content_id, b""
        from devise.photos import read

        data = read(path)
        return store.content_of_hash(digest_of(data)) if store else None, data

    def _checked_encoder(self) -> Encodes:
        """The encoder that made the library, where there is one. Raises LibraryError for another."""
        store = self._reader() if Store.exists(self.path) else None
        encoder = self._encoder(store)
        if store:
            check_model(store, encoder.info)
        return encoder

    def _encoded(self, data: bytes, path: str) -> dict[str, Vector]:
        from devise.photos import load

        encoder = self._checked_encoder()
        return encoder.encode(load(data, size=encoder.size, resize=encoder.resize, path=path)[None])


def _as_indexed(store: Store, path: str) -> int | None:
    """The content of an indexed photo, if its file has not changed since (or is gone)."""
    known = store.photo(path)
    if known is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return known.content_id
    return known.content_id if (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns) else None
