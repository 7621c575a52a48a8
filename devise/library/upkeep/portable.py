"""A library as one file to carry or keep, two libraries as one, and photos that now lie elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from devise.config import Settings
from devise.errors import FolderError, FormatError, LibraryError, WriteError, counted, listed, writing
from devise.files import replacing
from devise.library.models import alone
from devise.library.upkeep.check import check
from devise.library.upkeep.copying import copied
from devise.progress import Progress
from devise.search import maintain
from devise.spaces import ModelInfo
from devise.store import backup, base, opening
from devise.store.location import Address, Location
from devise.store.lock import INCOMING, locked, writer
from devise.store.opening import must_exist
from devise.store.paths import is_below
from devise.store.sqlite import salvage, transfer
from devise.store.sqlite.database import FILE, copy, damaged, remedy
from devise.store.sqlite.store import Store

DERIVED = "the index of "  # how findings begin of what an import builds anew


def export(folder: Location, file: Path) -> int:
    """All of a library but its indices, which are built anew from it, in one file: a snapshot, also while one indexes.

    How many photos it has. Raises LibraryError, WriteError.
    """
    must_exist(folder)
    if isinstance(folder, Address):
        return _exported(folder, file)
    with closing(Store(folder)) as store:
        _check_target(file, store)
        with replacing(file, mode=0o600) as temporary:
            return transfer.copy_without_indices(store, temporary, file)


def _exported(at: Address, file: Path) -> int:
    """As an embedded library's file, which any other can be made of."""
    with closing(opening.reader(at)) as store, writing(file):
        _check_target(file, store)
        with (
            replacing(file, mode=0o600) as temporary,
            TemporaryDirectory(dir=file.absolute().parent, prefix=".devise-") as place,
        ):
            with closing(Store(Path(place), write=True)) as made:
                count = copied(store, made)
                made.seal()
            os.replace(Path(place) / FILE, temporary)
        return count


def _check_target(file: Path, store: base.Store) -> None:
    """Raises WriteError where a library, or a photo of this one, would be written over."""
    path = os.path.abspath(file)
    if os.path.lexists(os.path.join(os.path.dirname(path), FILE)):
        raise WriteError(f"{file} is part of the library {os.path.dirname(path)}; choose another place")
    if store.photo(path) or store.photo(os.path.realpath(path)):
        raise WriteError(f"{file} is a photo of the library {store.name}; choose another place")


def import_(file: Path, folder: Location, progress: Progress | None = None, settings: Settings = Settings()) -> int:
    """Make an exported file the library of a folder that has none. How many photos it has.

    Raises LibraryError where the file is none, is damaged or the folder has a library; then nothing is written.
    """
    if not file.is_file():
        raise LibraryError(f"there is no file {file}; write one with: devise library export FILE")
    if not salvage.is_ours(file):
        raise LibraryError(f"{file} is no library that devise exported; write one with: devise library export FILE")
    if isinstance(folder, Address):
        return _imported(file, folder)
    with locked(folder, create=True):
        if Store.exists(folder):
            raise LibraryError(f"there is a library at {folder} already; add to it with: devise library merge {file}")
        with _apart(file, folder) as whole, writing(folder):
            os.replace(whole / FILE, folder / FILE)
        with closing(Store(folder, write=True)) as store:
            maintain.update(store, progress or Progress(), settings.index)
            backup.keep(store)
            return store.num_photos()


def _imported(file: Path, at: Address) -> int:
    """All of it, or nothing: a library that an import which was cut off has left is empty, or lacks its index alone."""
    with TemporaryDirectory(prefix="devise-") as place, opening.writer(at, create=True) as store:
        with _apart(file, Path(place)) as whole, closing(Store(whole)) as theirs:
            if not store.is_empty() and not _lacks_index_alone(store, theirs):
                raise LibraryError(f"there is a library at {at} already; add to it with: devise library merge {file}")
            copied(theirs, store)
            _unfinished(theirs, store)
        maintain.update(store, Progress())
        return store.num_photos()


def _lacks_index_alone(store: base.Store, theirs: base.Store) -> bool:
    """Whether an import came so far that only the server of the index has not heard of all."""
    waits = store.served is not None and store.served.is_behind()
    return waits and {bytes(digest) for _, digest in store.hashes()} == {digest for _, digest in theirs.hashes()}


def _unfinished(theirs: base.Store, store: base.Store) -> None:
    """Looks that either lacks for some photos, or that only ours has."""
    model, ours = theirs.model(), store.model()
    known = {space.name for space in model.spaces} if model else set()
    names = {space.name for space in ours.spaces if not space.is_imported} if ours else set()
    lacking = ({*theirs.unfinished(), *store.unfinished()} & names) | (names - known if model else set())
    with store.transaction():
        store.set_unfinished(lacking)


def merge(folder: Location, other: Path, progress: Progress | None = None, settings: Settings = Settings()) -> int:
    """Add the photos of another library (its folder, or an exported file) that this one lacks. How many those are.

    Of a photo that both know this one's row stays, of two judgements the later one counts. Looks that only this one has
    its next run gives the others' photos; those that only the other has go. So do its vectors that were made elsewhere,
    unless this one has the same space of the same file. Raises LibraryError for libraries of different models.
    """
    if not salvage.is_ours(_file(other)):
        raise LibraryError(f"{other} is no library; give the folder of one, or a file of: devise library export FILE")
    if isinstance(folder, Address):
        return _merged(folder, other)
    with writer(folder, create=False) as store, _apart(other, folder) as whole:
        with closing(Store(whole)) as theirs:
            ours, model, labels = store.model(), theirs.model(), theirs.labels()
            _check_same(ours, model, other, folder)
            unfinished = {*theirs.unfinished(), *store.unfinished()}
        ours = ours or model
        spaces = ours.spaces if ours else ()
        others = {space.name for space in spaces if model and space not in model.spaces}
        added = transfer.add_library(store, whole, model if store.model() is None else None, labels, others)
        with store.transaction():
            made_here = [space.name for space in spaces if not space.is_imported]
            store.set_unfinished(name for name in made_here if name in unfinished | others)
            for space in spaces:
                if space.is_imported:  # photos that are in its index may have got a row
                    store.remove_graph(space.name)
        maintain.update(store, progress or Progress(), settings.index)
        return added


def _merged(at: Address, other: Path) -> int:
    with TemporaryDirectory(prefix="devise-") as place, opening.writer(at, create=False) as store:
        with _apart(other, Path(place)) as whole, closing(Store(whole)) as theirs:
            _check_same(store.model(), theirs.model(), other, at)
            count = copied(theirs, store)
            _unfinished(theirs, store)
        maintain.update(store, Progress())
        return count


def _check_same(ours: ModelInfo | None, theirs: ModelInfo | None, other: Path, library: Location) -> None:
    if ours is not None and theirs is not None and alone(theirs) != alone(ours):
        raise LibraryError(
            f"{other} was built with another model or other word vectors than {library}; index its folders anew"
        )


@contextmanager
def _apart(other: Path, folder: Path) -> Iterator[Path]:
    """A copy of a library (its folder, or its file) in a folder of its own, brought up to date and looked through."""
    place = folder / INCOMING
    with writing(folder):
        place.mkdir(mode=0o700)
    try:
        with writing(folder):
            copy(_file(other), other, place / FILE)
        _look_through(place, other)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _file(other: Path) -> Path:
    return other / FILE if other.is_dir() else other


def _look_through(place: Path, other: Path) -> None:
    """other: what the copy in `place` is one of, which messages name. Raises LibraryError."""
    try:
        Store(place, write=True).close()  # of an older format
        odd = [finding.text for finding in check(place) if finding.is_damage and not finding.text.startswith(DERIVED)]
    except FormatError as error:
        raise FormatError(other, error.fact) from error
    except LibraryError as error:
        raise damaged(other) from error
    if odd:
        raise LibraryError(f"the library {other} is damaged ({odd[0]}); {remedy(other)}")
    with closing(Store(place, write=True)) as store:
        store.seal()


def move(folder: Location, old: str, new: str) -> int:
    """Photos below `old` lie below `new` now: the library says so too, and nothing is read again. How many.

    Raises FolderError when nothing of the library is below `old`, or `new` is no folder, LibraryError where photos of
    the library are below `new` already that would get the paths of others.
    """
    old, new = os.path.abspath(old), os.path.abspath(new)
    must_exist(folder)
    if old == new:
        raise FolderError(f"{new} is both OLD and NEW; name the folder where the photos were, then where they are")
    if not os.path.isdir(new):
        raise FolderError(f"there is no folder {new}; is its disk mounted?")
    with opening.writer(folder, create=False) as store, store.transaction():
        photos = [photo.path for photo in store.photos([old])]
        if not photos and old not in store.roots():
            raise FolderError(f"the library {folder} has no photos below {old}; devise info shows its folders")
        if taken := [path for path in photos if store.photo(_moved(path, old, new))]:
            known = counted(len(taken), "photo")
            raise LibraryError(f"the library {folder} knows {known} below {new} already: {listed(taken)}")
        roots = [_moved(root, old, new) if is_below(root, old) else root for root in store.roots()]
        store.remove_roots(store.roots())
        store.add_roots(roots)
        for path in photos:
            store.rename_photo(path, _moved(path, old, new), roots)
        store.rename_others(old, lambda path: _moved(path, old, new))
        store.next_revision()
        return len(photos)


def _moved(path: str, old: str, new: str) -> str:
    return new if path == old else os.path.join(new, os.path.relpath(path, old))
