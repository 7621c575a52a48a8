"""The indexing run: read what is new, encode it in batches, store each batch in one transaction."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from devise.config import Settings
from devise.errors import FolderError, PhotoError, listed
from devise.library.ingest.descriptors import Descriptors
from devise.library.ingest.plan import Plan
from devise.library.ingest.prefetch import Failed, Gone, Opened, Outcome, Pixels, read_ahead
from devise.photos import DECODING, Details, Found, details, stamp
from devise.progress import Progress
from devise.reports import Skipped
from devise.spaces import Space
from devise.store import backup
from devise.store.base import Store
from devise.store.paths import is_below
from devise.store.records import Photo, Refused
from devise.vectors import Vector

Encoded = dict[bytes, dict[str, Vector]]  # hash -> space -> vector
Encode = Callable[[Sequence[Sequence[Pixels]]], dict[str, Vector]]  # the views of each photo -> space -> vectors
MAX_WAITING = 16  # batches of photos without new pixels (renamed, touched, bad) that share a transaction


@dataclass
class Run:
    """What is read, encoded and stored, batch after batch, and what that was."""

    store: Store
    plan: Plan
    progress: Progress
    settings: Settings
    counts: dict[str, int] = field(init=False)
    done: int = 0
    roots: frozenset[str] = frozenset()
    gone: list[str] = field(default_factory=list)
    spaces: Sequence[Space] = ()  # of what makes rows
    elsewhere: set[bytes] = field(default_factory=set)  # contents that another program encodes

    @property
    def total(self) -> int:
        return len(self.plan.work) + len(self.plan.told)

    def __post_init__(self) -> None:
        self.counts = {"added": 0, "updated": 0, "moved": 0, "unchanged": self.plan.unchanged}

    def remember(self, folders: Sequence[str | Path], descriptors: Descriptors | None) -> None:
        """Before the work, so that an interrupted first run can be taken up by `devise index` alone."""
        known, lost = set(self.store.roots()), set(self.plan.lost_roots)
        roots = {os.path.abspath(folder) for folder in folders} - known - lost
        self.roots = frozenset((known | roots) - lost)
        model = descriptors.model if descriptors else None
        is_known = model is None or model == self.store.model()
        if not roots and not lost and is_known and not self.plan.retries:
            return
        with self.store.transaction():
            if self.plan.retries:
                self.store.forget_skipped(DECODING)
            self.store.add_roots(sorted(roots))
            self.store.remove_roots(lost)
            if descriptors and model:
                self.store.set_model(model, descriptors.encoder.labels)
        backup.keep(self.store)

    def work(self, descriptors: Descriptors, files: Sequence[Found]) -> None:
        self.progress.worked(self.done, self.total)
        self.spaces = descriptors.spaces
        known = self.store.known_hashes()
        outcomes = read_ahead(files, known, descriptors.views, self.settings)
        before: tuple[list[Outcome], Future[Encoded]] | None = None
        with (
            closing(known),
            closing(outcomes),
            ThreadPoolExecutor(1, thread_name_prefix="devise-encode") as encoding,
            ThreadPoolExecutor(1, thread_name_prefix="devise-look") as looking,
        ):
            for batch in _batches(outcomes, self.settings.ingest.batch):
                stored = self.store.hash_to_id(outcome.digest for outcome in batch if isinstance(outcome, Opened))
                on_the_way = {outcome.digest for outcome in before[0] if isinstance(outcome, Opened)} if before else ()
                others = self._claimed_elsewhere(batch, {*stored, *on_the_way})
                vectors = encoding.submit(_encoded, descriptors, looking, batch, {*stored, *on_the_way, *others})
                if before:
                    self._store(before[0], before[1].result())
                before = batch, vectors
            if before:
                self._store(before[0], before[1].result())

    def _store(self, outcomes: list[Outcome], vectors: Encoded) -> None:
        """One batch: all of it, or nothing."""
        added: list[tuple[int, dict[str, Vector]]] = []
        with self.store.transaction():
            known = self.store.hash_to_id(outcome.digest for outcome in outcomes if isinstance(outcome, Opened))
            for outcome in self._ours(outcomes, known, vectors):
                if isinstance(outcome, Failed):
                    self._skip(outcome)
                elif isinstance(outcome, Opened):
                    added += self._put(outcome, known, vectors)
                elif isinstance(outcome, Gone):
                    self.gone.append(outcome.found.path)
            self._put_vectors(added)
            self.store.next_revision()
        self.done += len(outcomes)
        self.progress.worked(self.done, self.total)

    def _claimed_elsewhere(self, batch: list[Outcome], known: Container[bytes]) -> set[bytes]:
        """Of the new contents those that another program encodes."""
        if self.store.queue is None:
            return set()
        new = {each.digest for each in batch if isinstance(each, Opened) and each.pixels is not None}
        new = {digest for digest in new if digest not in known}
        ours = self.store.queue.claim(new)
        self.elsewhere = (self.elsewhere | new) - ours
        return new - ours

    def _ours(self, outcomes: list[Outcome], known: Container[bytes], vectors: Encoded) -> list[Outcome]:
        """Those that no other program has taken over; what has to wait for another one is given back."""
        if (queue := self.store.queue) is None:
            return outcomes
        waiting = {
            outcome.found.path
            for outcome in outcomes
            if isinstance(outcome, Opened)
            and outcome.digest not in known
            and outcome.digest not in vectors
            and (outcome.pixels is None or outcome.digest in self.elsewhere)
        }
        queue.give_back(waiting)
        paths = [outcome.found.path for outcome in outcomes if outcome.found.path not in waiting]
        still = queue.finish(paths, vectors)
        return [outcome for outcome in outcomes if outcome.found.path in still]

    def _put_vectors(self, added: Sequence[tuple[int, dict[str, Vector]]]) -> None:
        """Of new contents, space by space."""
        for space in self.spaces:
            if rows := {content_id: vectors[space.name] for content_id, vectors in added if space.name in vectors}:
                self.store.vectors.put(space, np.array([*rows]), np.stack([*rows.values()]))

    def _put(self, opened: Opened, known: dict[bytes, int], vectors: Encoded) -> list[tuple[int, dict[str, Vector]]]:
        """known: the contents of the batch by their hashes; new ones join them, and are returned with their vectors."""
        found, digest = opened.found, opened.digest
        content_id, added = known.get(digest), []
        if content_id is None:
            if digest not in vectors:
                reason = "the model finds nothing in it (a vector of zeros); leave it out or try another model"
                self._skip(Failed(found, reason, lasting=True))
                return []
            content_id = known[digest] = self.store.add_content(digest)
            added.append((content_id, vectors[digest]))
        if self.store.queue is None:
            self.count(found.path, content_id)
        self.store.put_photo(Photo(found.path, content_id, found.size, found.mtime_ns))
        self.store.put_texts(found.path, _stamp(found, opened.details), opened.details, self.roots)
        return added

    def listen(self) -> None:
        """Read the texts of photos that have not changed themselves."""
        at_once = MAX_WAITING * self.settings.ingest.batch
        for start in range(0, len(self.plan.told), at_once):
            some = self.plan.told[start : start + at_once]
            read = {}
            for found in some:
                with suppress(PhotoError):  # looked at again in the next run
                    read[found] = details(found.path, beside=found.beside)
            with self.store.transaction():
                for found, about in read.items():
                    self.store.put_texts(found.path, _stamp(found, about), about, self.roots)
                self.store.next_revision()
            self.done += len(some)
            self.progress.worked(self.done, self.total)

    def look_back(self, folders: Sequence[str | Path]) -> None:
        """Raises FolderError for folders that were taken away with photos in them that were to be read."""
        gone = [os.path.dirname(path) for path in self.gone]  # a photo that was given by its name is no disk
        taken = [root for root in map(os.path.abspath, folders)
                 if any(is_below(folder, root) for folder in gone) and not _holds_anything(root)]  # fmt: skip
        if taken:
            raise FolderError(
                f"{listed(taken)} vanished during the run; nothing was removed from the library. "
                "Is its disk mounted? Mount it again and run: devise index"
            )

    def count(self, path: str, content_id: int) -> None:
        self.counts[self._kind(path, content_id)] += 1

    def _kind(self, path: str, content_id: int) -> str:
        """Which count a photo goes to; the old path of a renamed one is removed here."""
        if path in self.plan.before:
            return "unchanged" if self.plan.before[path] == content_id else "updated"
        if gone := self.plan.vanished.get(content_id):
            self.store.remove_photos([gone.pop(0)])
            return "moved"
        return "added"

    def _skip(self, failed: Failed) -> None:
        """A file that could not be reached keeps what the library knows of it; one that is no photo loses it."""
        found = failed.found
        if self.store.queue is None:
            self.plan.skipped.append(Skipped(found.path, failed.reason))
        if failed.lasting:
            self.store.put_skipped(Refused(found.path, found.size, found.mtime_ns, failed.reason))

    def finish(self) -> int:
        """Forget what has vanished. How many photos that were."""
        vanished = [path for paths in self.plan.vanished.values() for path in paths]
        if not vanished and not self.plan.unskipped and not self.plan.work:
            return 0
        with self.store.transaction():
            self.store.remove_photos(vanished)
            self.store.remove_skipped(self.plan.unskipped)
            self.store.remove_orphans()
            self.store.next_revision()
        return len(vanished)


def _stamp(found: Found, about: Details) -> str:
    """Of the files beside a photo; of no such files where one could not be read: the next run tries again."""
    return stamp(found.beside) if about.is_whole else "unread"


def _holds_anything(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entries)
    except OSError:
        return False


def _batches(outcomes: Iterable[Outcome], size: int) -> Iterator[list[Outcome]]:
    """A pass of the network each, or many photos that need none."""
    waiting: list[Outcome] = []
    num_pixels = 0
    for outcome in outcomes:
        waiting.append(outcome)
        num_pixels += isinstance(outcome, Opened) and outcome.pixels is not None
        if num_pixels == size or len(waiting) == MAX_WAITING * size:
            yield waiting
            waiting, num_pixels = [], 0
    if waiting:
        yield waiting


def _encoded(
    descriptors: Descriptors, looking: Executor, outcomes: Sequence[Outcome], known: Container[bytes]
) -> Encoded:
    """Hash -> vectors of the new contents of a batch, each once. looking: looks are made there, beside the network."""
    pixels = {
        outcome.digest: outcome.pixels
        for outcome in outcomes
        if isinstance(outcome, Opened) and outcome.pixels is not None and outcome.digest not in known
    }
    if not pixels:
        return {}
    looks = looking.submit(_rows, descriptors.look, pixels)
    try:
        found = _rows(descriptors.encode, pixels)
    except ValueError:  # one photo without a direction: find out which, and keep the others
        found = {}
        for digest, views in pixels.items():
            try:
                found |= _rows(descriptors.encode, {digest: views})
            except ValueError:
                continue
    seen = looks.result()
    return {digest: vectors | seen[digest] for digest, vectors in found.items()}


def _rows(encode: Encode, pixels: dict[bytes, tuple[Pixels, ...]]) -> Encoded:
    spaces = encode([*pixels.values()])
    return {digest: {space: rows[i] for space, rows in spaces.items()} for i, digest in enumerate(pixels)}
