"""What a library has open: readers, its model, word vectors, classes and taggers, each opened once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from devise.config import Settings
from devise.errors import LibraryError
from devise.library import models
from devise.library.models import Model
from devise.library.readers import Readers
from devise.search.searcher import Searcher
from devise.search.snapshot import Shared
from devise.spaces import ModelInfo
from devise.store.base import Store
from devise.store.location import Location
from devise.vectors import Vector
from devise.words.embeddings import WordVectors

if TYPE_CHECKING:
    from devise.descriptors.base import Descriptor
    from devise.descriptors.network.classes import Classes
    from devise.library.ingest.descriptors import Descriptors
    from devise.library.local import LocalSearch
    from devise.search.class_weights import ClassWeights
    from devise.search.class_words import ClassWords
    from devise.search.exemplar import Exemplars
    from devise.words import Tagger

T = TypeVar("T")


_ABSENT = object()


class Resources:
    """Of one library. Everything is opened when it is first asked for, whichever thread asks."""

    def __init__(self, path: Location, model: Model | None, settings: Settings) -> None:
        self.path, self.settings, self.model = path, settings, model
        self.readers = Readers(path, partial(Searcher, settings=settings, shared=Shared(settings.index)))
        self._opened: dict[object, object] = {}
        self._lock = threading.RLock()
        self.writing = threading.Lock()  # held by the run of this program: others of it wait, other programs are told

    def store(self) -> Store:
        return self.readers.reader().store

    def searcher(self) -> Searcher:
        return self.readers.reader().searcher

    def filled(self) -> None:
        """Raises LibraryError for a library without photos."""
        if self.store().is_empty():
            raise LibraryError(f"the library {self.path} holds no photos; run: devise index FOLDER")

    def model_info(self) -> ModelInfo:
        """Of the model that the library was built with, else of the one in use."""
        return self.stored_info() or models.info_of(self.encoder(None))

    def has_colours(self) -> bool:
        """Whether the library's photos are known by their colours."""
        return "colour" in self.model_info().fingerprints()

    def stored_info(self) -> ModelInfo | None:
        store = self.readers.store_or_none()
        return store.model() if store else None

    def use(self, model: Model) -> None:
        """Another model for photos that are new."""
        with self._lock:
            self.model = model
            self._opened.pop("encoder", None)

    def encoder(self, store: Store | None) -> Descriptor:
        """A wish goes first, then the model the library was built with, then the one in use. store: the library's."""
        made_by = store.model() if store and not store.is_empty() else None
        return self._once(
            "encoder", lambda: models.open_encoder(self.model, made_by, store.model_path() if store else None)
        )

    def descriptors(self, store: Store, looks: Sequence[str]) -> Descriptors:
        """The encoder, and the looks that the library has beside it. looks: to be in one that is new.

        An open descriptor that was passed in is taken as it is; beside a checkpoint a new library has the usual looks.
        """
        from devise.descriptors.looks import Looks
        from devise.library.ingest.descriptors import Descriptors

        encoder, model = self.encoder(store), store.model()
        if model is not None:
            return Descriptors(encoder, models.looks_beside(model, encoder), models.imported(model))
        usual = self.settings.ingest.looks if self.model is None or isinstance(self.model, str | Path) else ()
        own = {space.name for space in encoder.spaces}
        names = [name for name in (*usual, *looks) if name not in own]
        return Descriptors(encoder, Looks(names) if names else None)

    def words(self, space: str = "words") -> WordVectors:
        """Those that a space lives in."""
        key = "words" if space == "words" else ("words", space)
        return self._once(key, lambda: models.open_words(self.model_info(), self.path, space))

    def learnt(self, space: str = "words") -> frozenset[str]:
        """The words that the library's model has learnt, in lower case; nobody knows them of other spaces."""
        if space != "words":
            return frozenset()
        return self._once("learnt", lambda: frozenset(label.lower() for label in self.store().labels()))

    def class_words(self, space: str = "words") -> ClassWords | None:
        """Which words name ImageNet's classes, where the model that made the library's features tells them apart.

        Raises LibraryError, CheckpointError where it is not at hand.
        """
        if space != "words":
            return None
        store, made_by = self.store(), self.model_info()
        key = "class words", store.place(), made_by.fingerprint  # what is remembered of photos is of this library
        return self._once(key, lambda: models.open_class_words(store, self.model))

    def class_weights(self, name: str) -> ClassWeights:
        """A class of the library's model by its name or a synonym, else the classes nearest to a word."""
        from devise.search.class_weights import class_weights

        classes = self._once("classes", lambda: models.open_classes(self.store(), self.model))
        info = self.stored_info()
        knows_words = info is not None and any(space.name == "words" for space in info.spaces)
        return class_weights(name, classes, self.words() if knows_words else None)

    def exemplars(self, space: str) -> Exemplars:
        """Of the photos that the library holds; read anew where a tenth of them have come or gone."""
        from devise.search.exemplar import Exemplars

        key, count = ("exemplars", space), self.store().num_contents()
        of, found = self._once(key, lambda: (count, Exemplars.read(self.store(), self.model_info().space(space))))
        if abs(count - of) > of / 10:
            self._opened.pop(key, None)
            return self.exemplars(space)
        return found

    def local(self) -> LocalSearch:
        from devise.library.local import LocalSearch

        return self._once("local", lambda: LocalSearch(self.store, self.searcher, self.settings.photos))

    def tagger(self, any_word: bool) -> Tagger:
        """Of the model's labels and, if those are few, visible things. any_word: of all words that have a vector."""
        return self._once(("tagger", any_word), partial(self._tagger, any_word))

    def second_look(self, features: Callable[[], Vector]) -> Callable[[str], str] | None:
        """What decides between labels of the model that are often confused, on a photo's features; None: nothing."""
        store, encoder = self.readers.store_or_none(), cast("Descriptor | None", self._opened.get("encoder"))
        found = self._once("specialists", lambda: models.open_specialists(store, self.model, encoder))
        return partial(found.better, features=features) if found.pairs else None

    def forget_taggers(self) -> None:
        """The library's model may be another one."""
        with self._lock:
            for key in ("learnt", "specialists", ("tagger", False), ("tagger", True)):
                self._opened.pop(key, None)

    def put(self, name: str, value: Classes | WordVectors | Descriptor) -> None:
        """What is already open: "classes", "words" or "encoder"."""
        self._opened[name] = value

    def _tagger(self, any_word: bool) -> Tagger:
        from devise.words.tagging import Tagger, visible_words

        labels = self.store().labels() if self.stored_info() else self.encoder(None).labels
        vocabulary = list(labels)
        if len(labels) < self.settings.tags.min_labels:
            vocabulary += visible_words(self.words())
        space, specific = self.model_info().space("words"), self.settings.tags.specific
        return Tagger(self.words(), None if any_word else vocabulary, space, specific=specific)

    def _once(self, key: object, make: Callable[[], T]) -> T:
        found = self._opened.get(key, _ABSENT)  # asked once: a run of indexing may forget it meanwhile
        if found is _ABSENT:
            with self._lock:
                found = self._opened.get(key, _ABSENT)
                if found is _ABSENT:
                    found = self._opened[key] = make()
        return cast(T, found)
