"""The library: photos someone indexed, found again by words, by vectors and by photos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from devise.config import Settings
from devise.errors import WordError, counted
from devise.library.models import Model
from devise.library.query_photos import QueryPhotos
from devise.library.resources import Resources
from devise.library.similar import Likeness, requested
from devise.results import Answer, Match, WordMatch
from devise.search.answer import answer, index_notes, similar
from devise.search.interpret import Options, Request, Sources, interpret
from devise.search.scoring import Scoring
from devise.search.searcher import Searcher, check_k, check_probability
from devise.store.base import Store
from devise.store.filter import Filter
from devise.store.location import Location, location
from devise.store.opening import exists
from devise.vectors import Vector
from devise.words.embeddings import WordVectors
from devise.words.grammar import Query, written

if TYPE_CHECKING:  # what a search does without is imported where it is used
    from devise.descriptors.base import Descriptor
    from devise.library.judgements import Judgements
    from devise.library.listing import Listing
    from devise.photos.inputs import PhotoInput
    from devise.progress import Progress
    from devise.reports import DuplicateGroup, IndexReport, LibraryInfo, PhotoMap
    from devise.results import TermHeat


class Library:
    """Think of it as a folder that remembers what your photos show.

    >>> with Library("my-library") as library:
    ...     report = library.index(["photos"])
    ...     best = library.search("sofa cat", k=3)
    >>> best[0]
    Match('/home/me/photos/tom.jpg', score=0.412, probability=0.87)

    path: the library's folder, or milvus://HOST/NAME (docs/scale.md); None is DEVISE_LIBRARY or the one in the user's
    data folder. It is opened at first use.
    model: checkpoint (name, path, or an open Encoder) for photos that are new; None is the one that the library was
    built with. settings: all that can be tuned, as values: `Settings(search=SearchConfig(min_term=0.2))`.

    Where a photo is asked with, it is a path, the bytes of a file, a picture of Pillow, or an array (height, width, 3)
    of uint8, RGB. Searching reads, only `index` and `marks` write; one program may index while others search.

    Threads: one open library serves many, a web server's pool for example. Each thread has a connection of its own,
    with up to 16 MB of cache, closed when the thread ends; indices, vectors and the model are loaded once and shared,
    and photos are encoded one after the other. Threads may index while others search, in turns. Searches that are under
    way when it is closed raise LibraryError; who asks a closed library opens it again.
    """

    def __init__(
        self, path: str | Location | None = None, *, model: Model | None = None, settings: Settings | None = None
    ) -> None:
        self.path = location(path)
        self.settings = settings or Settings()
        self._resources = Resources(self.path, model, self.settings)
        reader = self._resources.readers.store_or_none
        self._photos = QueryPhotos(self.path, reader, self._encoder, self.settings.photos)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if not exists(self.path):
            return f"Library({str(self.path)!r}, not there yet)"
        model = self._resources.stored_info()
        return f"Library({str(self.path)!r}, {counted(len(self), 'photo')}{f', model {model.name}' if model else ''})"

    def close(self) -> None:
        """Close what is open, for all threads."""
        self._resources.readers.close()

    def index(  # noqa: PLR0913 (of a public call: all of it is asked for by name)
        self,
        folders: Sequence[str | Path] = (),
        *,
        model: Model | None = None,
        progress: Progress | None = None,
        allow_empty: bool = False,
        rehash: bool = False,
        add: Sequence[str] = (),
        workers: int = 1,
    ) -> IndexReport:
        """Make the library agree with the folders: only new and changed photos are read, vanished ones are removed.

        folders: added to those indexed before; none given means all of those. allow_empty: also believe that a folder
        which has become empty, or is missing, has lost all its photos. rehash: read all files, also those whose size
        and time are as they were. add: looks that the library is to have as well, "colour" or "phash" for example;
        photos that are in it get them without a pass of the network, in this run or in those after it where it is
        stopped. workers: processes that share the work, on servers. Photos that cannot be read are in the report.
        Raises FolderError, LibraryError, CheckpointError or WriteError; what was stored until then stays good.
        """
        from devise.library.update import update  # imports Pillow, which a search never needs
        from devise.progress import Progress

        folders = [folders] if isinstance(folders, str | Path) else list(folders)
        how = {"allow_empty": allow_empty, "rehash": rehash}
        return update(self._resources, folders, model, progress or Progress(), **how, add=add, workers=workers)

    def refresh(self, paths: Iterable[str | Path], *, progress: Progress | None = None) -> IndexReport:
        """Make the library agree with what stands at some paths now, without a walk of its folders.

        paths: photos or folders that came, changed, moved or went, and files beside photos, in folders that were
        indexed; others are left out. A folder that is gone as a whole, as its disk may be, loses no photo.
        Raises LibraryError, CheckpointError or WriteError.
        """
        from devise.library.update import refresh
        from devise.progress import Progress

        return refresh(self._resources, paths, progress or Progress())

    def watch(self, tell: Callable[[str], None], *, stop: threading.Event | None = None, polls: bool = False) -> None:
        """Follow the folders until `stop` is set: what changes there is in the library within two seconds.

        tell: one line a change. polls: ask the disk every second, as for network disks. Raises LibraryError.
        """
        from devise.library.ingest.watch import Watch

        Watch(lambda: self._reader().roots(), self.index, self.refresh, tell, stop or threading.Event(), polls).run()

    def search(  # noqa: PLR0913 (of a public call: all of it is asked for by name)
        self,
        query: Query = "",
        k: int | None = None,
        *,
        average: bool = False,
        min_probability: float | None = None,
        like: str | None = None,
        where: Filter | None = None,
        space: str = "words",
    ) -> Answer[Match]:
        """The k photos that answer `query` best: docs/queries.md tells what it can be.

        All its terms have to be in a photo; average: the mean of the terms' scores counts, so that one may do. A word
        that only names and captions know has to be in those. where: which photos are asked; with `where.text` the
        query may be empty, and photos are then ranked by BM25 of that.
        min_probability: leave out photos that are less likely to be what was asked for, where the model knows
        probabilities; None: none is left out, and those below 0.1 come last, with `is_certain` False. like: then photos
        near to the best ones, compared by what tells that class apart. space: one that was imported with its words,
        whose probabilities nobody knows. The answer's notes say what was understood.
        Raises WordError, PhotoError, LibraryError.
        """
        k = self._checked(k)
        check_probability(min_probability or 0.0)
        request = self._interpret(query, Options(average, min_probability, like, where or Filter(), space))
        has_feedback = bool(request.terms) and space == "words" and self._reader().judgements.any()
        feedback = self.marks.feedback(request) if has_feedback else None
        return answer(self._search(), request, k, feedback, self.settings.search)

    def similar(  # noqa: PLR0913 (of a public call: all of it is asked for by name)
        self,
        photo: PhotoInput,
        k: int | None = None,
        *,
        space: str = "features",
        order: str | None = None,
        like: str | None = None,
        where: Filter | None = None,
        poses: bool = False,
        weights: Mapping[str, float] | None = None,
        exemplar: bool = False,
    ) -> Answer[Match]:
        """The k photos most like `photo` (in the library or not), never itself or its copies.

        space: one, or several with weights, "features,0.5:colour"; scores are then weighted means, 1 for the same.
        order: another space that puts those near by the first in order: space="bits", order="features".
        like: a class; photos are then compared by what tells it apart (on features). where: which photos are asked.
        poses: also turned by 90, 180 and 270 degrees and mirrored; the nearest of these eight counts, and the photo's
        file is read. weights: of attributes, in a space that has them, {"colour": 2}; others weigh 1, and scores are
        weighted means. exemplar: those near in the order of a classifier that tells the photo from all others.
        """
        k = self._checked(k)
        how = Likeness(space=space, order=order, like=like, where=where or Filter(), poses=poses,
                       weights=weights or {}, exemplar=exemplar)  # fmt: skip
        how.check()
        if space == "local":
            return self._resources.local().similar(self._photos, photo, k, how.where)
        return similar(self._search(), requested(self._resources, self._photos, photo, how), k)

    def explain(self, photo: PhotoInput, query: Query, *, cover: bool = False) -> list[TermHeat]:
        """What each term of a query gives a photo (in the library or not), and which part of it shows the term.

        cover: by covering piece after piece of the photo, in a second or more: truer, and for models without parts.
        Colours are looked for in the pixels of the photo's file.
        Raises WordError, PhotoError, LibraryError.
        """
        request = self._interpret(query)
        if not request.terms:
            raise WordError(f'"{written(query)}" is only in names and captions; ask with something that can be seen')
        words = self._resources.model_info().space("words")
        return self._photos.explained(photo, Scoring.of(request.terms), words, is_covered=cover)

    def tag(
        self, photo: PhotoInput, k: int | None = None, any_word: bool = False, sure: float | None = None
    ) -> Answer[WordMatch]:
        """Up to k words for what `photo` shows: labels of the model (few: and visible things), or any word.

        sure: least probability of a word, where the model knows probabilities; so a photo may have no tag at all.
        """
        tags = self.settings.tags
        k, sure = tags.k if k is None else k, tags.sure if sure is None else sure
        check_k(k)
        check_probability(sure)
        views, features = self._photos.views(photo), lambda: self._photos.vector(photo, "features")[1]
        return self._resources.tagger(any_word).tags(views, k, sure, self._resources.second_look(features))

    def nearest(self, vector: Vector, k: int | None = None, *, space: str = "words") -> Answer[Match]:
        """The k photos nearest to a unit vector of `space`, best first: exact cosines."""
        found = self._search().nearest(vector, self._checked(k), space=space)
        return Answer.of(found, index_notes(self._search()))

    def nearest_to_each(self, vectors: Vector, k: int | None = None, *, space: str = "words") -> list[Answer[Match]]:
        """The same for each of (n, dim) vectors, on all cores: many at once take less time than one by one."""
        each = self._search().nearest_to_each(vectors, self._checked(k), space=space)
        notes = list(index_notes(self._search()))
        return [Answer.of(found, notes) for found in each]

    def vectors(self, space: str = "words") -> tuple[list[str], Vector]:
        """All photos, sorted, and their vectors: (n,), (n, dim), float32 rows of length 1, a row for each path.

        >>> paths, rows = library.vectors("features")
        >>> nearest = paths[int((rows @ rows[0]).argsort()[-2])]  # to the first photo, beside itself

        They take 4 * dim bytes a photo, twice for a moment: 100,000 photos in the words space, which has 300 numbers,
        120 MB and 240. Copies of a photo have equal rows. Raises LibraryError for a space that the library lacks.
        """
        from devise.library.report import vectors

        self._resources.filled()
        return vectors(self._reader(), space)

    @cached_property
    def marks(self) -> Judgements:
        """What people said of answers: iterate, `add`, `undo`. Searches heed it."""
        from devise.library.judgements import Judgements

        return Judgements(self.path, self._reader, self._photos, self._interpret, self.settings.search)

    @cached_property
    def listing(self) -> Listing:
        """The photos by number, the latest first, and what is known of each: for pages that show them."""
        from devise.library.listing import Listing

        return Listing(self._reader, self._photos)

    def duplicates(self, folders: Sequence[str | Path] = (), *, up_to: str = "near") -> list[DuplicateGroup]:
        """Groups of photos that are the same picture; then of those that are nearly; then of those that are alike.

        folders: only photos in these. up_to: "same" (equal bytes, saved again, resized, another format), "near" (and
        brighter, in other colours, with a text on it, mirrored, turned), "similar" (and bursts, crops, frames: alike
        for the network). Each group says which photo to keep and why; nothing is deleted. Raises LibraryError for a
        library without the looks that this needs, FolderError for folders that are not in it.
        """
        from devise.library.duplicates import duplicates

        self._resources.filled()
        folders = [folders] if isinstance(folders, str | Path) else list(folders)
        return duplicates(self._reader(), folders, up_to, self.settings.duplicates)

    def map(
        self, *, space: str = "words", method: str | None = None, groups: int | None = None, seed: int = 0
    ) -> PhotoMap:
        """Where each photo stands on a map on which alike photos are near, in groups that have names.

        space: what is alike. method: tsne keeps neighbours together (openTSNE), pca takes milliseconds; None: tsne
        where it is installed. groups: how many; None: as many as fit the library. Equal seeds give equal maps; photos
        that come later are placed between their neighbours, and no other moves. Needs scikit-learn.
        Raises LibraryError.
        """
        from devise.library.atlas import photo_map

        self._resources.filled()
        return photo_map(self._resources, space, method, groups, seed)

    def words(self) -> WordVectors:
        """The word vectors that the library's model was trained on. Raises LibraryError when they are not at hand."""
        return self._resources.words()

    def count(self, where: Filter) -> int:
        """How many different photos `where` is true of."""
        return self._reader().count(where)

    def paths(self) -> list[str]:
        """All photos, sorted."""
        return self._reader().paths() if exists(self.path) else []

    def __len__(self) -> int:
        return self._reader().num_photos() if exists(self.path) else 0

    def info(self) -> LibraryInfo:
        """How many photos, of which folders, how large, and the model."""
        from devise.library.report import describe
        from devise.reports import LibraryInfo

        return describe(self._reader()) if exists(self.path) else LibraryInfo(path=str(self.path), exists=False)

    def _interpret(self, query: Query, options: Options | None = None) -> Request:
        options, resources = options or Options(), self._resources
        sources = Sources(
            words=partial(resources.words, options.space),
            photo=partial(self._photos.term, space=options.space),
            num_photos=self._reader().having,
            class_weights=resources.class_weights,
            learnt=partial(resources.learnt, options.space),
            has_colours=resources.has_colours,
            class_words=partial(resources.class_words, options.space),
        )
        return interpret(query, options, sources)

    def _checked(self, k: int | None) -> int:
        """How many results of a library with photos."""
        k = self.settings.search.top if k is None else k
        check_k(k)
        self._resources.filled()
        return k

    def _reader(self) -> Store:
        return self._resources.store()

    def _search(self) -> Searcher:
        return self._resources.searcher()

    def _encoder(self, store: Store | None) -> Descriptor:
        return self._resources.encoder(store)
