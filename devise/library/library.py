"""The library: photos someone indexed, found again by words, by vectors and by photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devise import config
from devise.errors import LibraryError, WordError
from devise.library import models
from devise.library.models import Model, check_model
from devise.library.query_photos import Pictures
from devise.results import Match, WordMatch
from devise.search.scoring import Question
from devise.search.searcher import Searcher, check_k, check_probability
from devise.spaces import ModelInfo
from devise.store.filter import Where, quoted
from devise.store.sqlite.store import Store
from devise.vectors import Vector
from devise.words.embeddings import WordVectors
from devise.words.queries import Query, Term, only_pushes, written

if TYPE_CHECKING:  # what a search does without is imported where it is used
    from devise.descriptors.base import Descriptor
    from devise.descriptors.network.classes import Classes
    from devise.library.judgements import Marks
    from devise.library.report import IndexReport, LibraryInfo
    from devise.progress import Progress
    from devise.search.class_weights import Like
    from devise.search.explain import Shown
    from devise.words import Tagger

_NOWHERE = np.zeros(0, np.float32)  # in place of a photo's vector, where only words are looked at


class Library:
    """Think of it as a folder that remembers what your photos show.

    >>> with Library("my-library") as library:
    ...     report = library.index(["photos"])
    ...     best = library.search("sofa cat", k=3)
    >>> best[0]
    Match(path='/home/me/photos/tom.jpg', score=0.41)

    path: the library's folder; None is DEVISE_LIBRARY or the one in the user's data folder. It is opened at first use.
    model: checkpoint (name, path, or an open Encoder) for photos that are new; None is the one that the library was
    built with. Searching reads, only `index` and `marks` write; one program may index while others search.
    marks: what people said of answers, which searches heed.
    """

    def __init__(self, path: str | Path | None = None, *, model: Model | None = None) -> None:
        self.path = Path(os.path.abspath(path if path is not None else config.default_library()))
        self._model = model
        self._store: Store | None = None
        self._searcher: Searcher | None = None
        self._open_encoder: Descriptor | None = None
        self._words: WordVectors | None = None
        self._classes: Classes | None = None
        self._taggers: dict[bool, Tagger] = {}
        self._pictures = Pictures(self.path, self._reader_or_none, self._encoder)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *error: object) -> None:
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
        from devise.library.ingest.run import index  # imports Pillow, which a search never needs
        from devise.progress import Progress
        from devise.search import maintain
        from devise.store.lock import writer

        progress = progress or Progress()
        if model is not None:
            self._model, self._open_encoder = model, None
        folders = [folders] if isinstance(folders, str | Path) else list(folders)
        if not folders and not Store.exists(self.path):
            raise LibraryError(f"there is no library at {self.path} yet; run: devise index FOLDER")
        with writer(self.path, create=bool(folders)) as store:
            self.close()  # readers start anew afterwards
            folders = folders or store.roots()
            if not folders:
                raise LibraryError(f"the library {self.path} has no folders yet; run: devise index FOLDER")
            if model is not None:
                check_model(store, models.info_of(self._encoder(store)))
            report = index(store, folders, lambda: self._encoder(store), allow_empty=allow_empty, progress=progress)
            maintain.update(store, progress)
        self._taggers.clear()
        return report

    def search(  # noqa: PLR0913
        self,
        query: Query = "",
        k: int = config.TOP,
        *,
        average: bool = False,
        min_probability: float | None = None,
        like: str | None = None,
        where: Where | None = None,
    ) -> list[Match]:
        """The k photos that answer `query` best: docs/queries.md tells what it can be.

        All its terms have to be in a photo; average: the mean of the terms' scores counts, so that one may do. A word
        that only names and captions know has to be in those. where: which photos are asked; with `where.text` the
        query may be empty, and photos are then ranked by BM25 of that.
        min_probability: leave out photos that are less likely to be what was asked for, where the model knows
        probabilities; None: less than 0.1 for each term that is wanted, and with `average` none. like: then photos
        near to the best ones, compared by what tells that class apart.
        Raises WordError, PhotoError, LibraryError.
        """
        check_k(k)
        check_probability(min_probability or 0.0)
        self._filled()
        terms, where = self._asked(query, where or Where())
        number = k if like is None else config.LIKE_FROM
        if terms:
            judged = self.marks.feedback(query, terms, where) if self._reader().has_marks() else None
            question = Question.of(terms, average, judged)
            least = question.usual_least if min_probability is None else min_probability
            found = self._search().showing(question, number, least, where)
        else:
            found = [Match(*told) for told in self._reader().telling(where, number)]
        if like is None or not found:
            return found
        mean = self._search().mean_features(match.path for match in found)
        return self._search().weighted(mean, self.like(like).weights, k, where=where)

    def looked_up(self, query: Query) -> dict[str, int]:
        """The words of a query that no vector is known of, but names and captions have: of how many photos.

        Those that are pushed away begin with a minus.
        """
        words: dict[str, int] = {}

        def elsewhere(word: str, weight: float) -> bool:
            words["-" * (weight < 0) + word] = self._having(word)
            return self._having(word) > 0

        if written(query):
            self.words().terms(query, lambda name: _NOWHERE, elsewhere)
        return words

    def explain(self, photo: str | Path, query: Query, *, cover: bool = False) -> list[Shown]:
        """What each term of a query gives a photo (in the library or not), and which part of it shows the term.

        cover: tell it by covering piece after piece of the photo, which takes a second or more and is truer; so it is
        also told for models that look at no parts.

        Raises WordError, PhotoError, LibraryError.
        """
        from devise.search import explain

        terms, _ = self._asked(query, Where())
        if not terms:
            raise WordError(f'"{written(query)}" is only in names and captions; ask with something that can be seen')
        question, space = Question.of(terms), self._info().space("words")
        views = self._pictures.views(photo)
        if explain.is_square(views) and not cover:
            return explain.by_parts(views, question, space)
        return explain.by_occlusion(str(photo), views, self._pictures.checked_encoder(), question, space)

    def nearest(self, vector: Vector, k: int = config.TOP, *, space: str = "words") -> list[Match]:
        """The k photos nearest to a unit vector of `space`, best first: exact cosines."""
        self._filled()
        return self._search().nearest(vector, k, space=space)

    def nearest_to_each(self, vectors: Vector, k: int = config.TOP, *, space: str = "words") -> list[list[Match]]:
        """The same for each of (n, dim) vectors, on all cores: many at once take less time than one by one."""
        self._filled()
        return self._search().nearest_to_each(vectors, k, space=space)

    def similar(
        self,
        photo: str | Path,
        k: int = config.TOP,
        *,
        space: str = "features",
        like: str | None = None,
        where: Where | None = None,
    ) -> list[Match]:
        """The k photos most like `photo` (in the library or not), never itself or its copies.

        like: a class; photos are then compared by what tells it apart (on features). where: which photos are asked.
        """
        check_k(k)
        self._filled()
        if like is not None and space != "features":
            raise LibraryError(f"photos are compared like a class on features, not on {space}; leave one of them out")
        content_id, vector = self._pictures.vector(photo, space)
        if like is not None:
            return self._search().weighted(vector, self.like(like).weights, k, without=content_id, where=where)
        return self._search().nearest(vector, k, space=space, without=content_id, where=where)

    def like(self, name: str) -> Like:
        """A class of the library's model by its name or a synonym, else the classes nearest to a word.

        Raises LibraryError, CheckpointError.
        """
        from devise.search.class_weights import like

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
        return self._tagger(any_word).tags(self._pictures.views(photo), k, sure)

    @cached_property
    def marks(self) -> Marks:
        """What people said of answers."""
        from devise.library.judgements import Marks

        return Marks(self.path, self._reader, self._pictures, lambda query: self._asked(query, Where()))

    def words(self) -> WordVectors:
        """The word vectors that the library's model was trained on. Raises LibraryError when they are not at hand."""
        if self._words is None:
            self._words = models.open_words(self._info(), self.path)
        return self._words

    def count(self, where: Where) -> int:
        """How many different photos `where` is true of."""
        return self._reader().count(where)

    def paths(self) -> list[str]:
        """All photos, sorted."""
        return self._reader().paths() if Store.exists(self.path) else []

    def __len__(self) -> int:
        return self._reader().num_photos() if Store.exists(self.path) else 0

    def info(self) -> LibraryInfo:
        from devise.library.report import LibraryInfo, num_bytes

        if not Store.exists(self.path):
            return LibraryInfo(path=str(self.path), exists=False)
        store = self._reader()
        with store.transaction(write=False):  # of one moment
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

    def _reader(self) -> Store:
        if self._store is None:
            if not Store.exists(self.path):
                raise LibraryError(f"there is no library at {self.path}; run: devise index FOLDER")
            self._store = Store(self.path)
        return self._store

    def _reader_or_none(self) -> Store | None:
        return self._reader() if Store.exists(self.path) else None

    def _filled(self) -> None:
        if self._reader().is_empty():
            raise LibraryError(f"the library {self.path} holds no photos; run: devise index FOLDER")

    def _search(self) -> Searcher:
        if self._searcher is None:
            self._searcher = Searcher(self._reader())
        return self._searcher

    def _stored_info(self) -> ModelInfo | None:
        return self._reader().model() if Store.exists(self.path) else None

    def _info(self) -> ModelInfo:
        return self._stored_info() or models.info_of(self._encoder(None))

    def _tagger(self, any_word: bool) -> Tagger:
        from devise.words.tagging import Tagger, visible_words

        if any_word not in self._taggers:
            labels = self._reader().labels() if self._stored_info() else self._encoder(None).labels
            vocabulary = list(labels)
            if len(labels) < config.MIN_TAG_LABELS:
                vocabulary += visible_words(self.words())
            words = None if any_word else vocabulary
            self._taggers[any_word] = Tagger(self.words(), words, self._info().space("words"))
        return self._taggers[any_word]

    def _encoder(self, store: Store | None) -> Descriptor:
        """Opened once. A wish goes first, then the model the library was built with, then the one in use."""
        if self._open_encoder is None:
            made_by = store.model() if store and not store.is_empty() else None
            self._open_encoder = models.open_encoder(self._model, made_by)
        return self._open_encoder

    def _asked(self, query: Query, where: Where) -> tuple[list[Term], Where]:
        """What is to be seen on the photos, and what has to be in their texts. Raises WordError, PhotoError."""
        wanted = [where.text] if where.text is not None else []
        unwanted = list(where.without)
        if wanted and not written(query):
            return [], where

        def elsewhere(word: str, weight: float) -> bool:
            if not self._having(word):
                return False
            (wanted if weight > 0 else unwanted).append(quoted(word))
            return True

        terms = self.words().terms(query, self._picture, elsewhere)
        if not wanted and all(term.weight < 0 for term in terms):
            raise only_pushes(query)
        return terms, replace(where, text=" ".join(wanted) if wanted else None, without=tuple(unwanted))

    def _having(self, word: str) -> int:
        """How many photos have a word in their texts."""
        return self._reader().having(quoted(word))

    def _picture(self, name: str) -> Vector:
        return self._pictures.vector(self._pictures.named(name), "words")[1]
