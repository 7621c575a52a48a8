"""A library as one file to carry or keep, two libraries as one, and photos that now lie elsewhere."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from devise.config import Settings
from devise.errors import FolderError, FormatError, LibraryError, WriteError, counted, listed, writing
from devise.files import replacing
from devise.library.upkeep.check import check
from devise.progress import Progress
from devise.search import maintain
from devise.store import backup
from devise.store.lock import INCOMING, locked, must_exist, writer
from devise.store.paths import is_below
from devise.store.records import path_of, stored_path
from devise.store.sqlite import salvage
from devise.store.sqlite.database import FILE, copy, damaged, remedy, telling
from devise.store.sqlite.store import Store
from devise.store.sqlite.texts import names

DERIVED = "the index of "  # how findings begin of what an import builds anew


def export(folder: Path, file: Path) -> int:
    """All of a library but its indices, which are built anew from it, in one file: a snapshot, also while one indexes.

    How many photos it has. Raises LibraryError, WriteError.
    """
    must_exist(folder)
    with closing(Store(folder)) as store:
        _check_target(file, store)
        return _exported(store, file)


def _check_target(file: Path, store: Store) -> None:
    """Raises WriteError where a library, or a photo of this one, would be written over."""
    path = os.path.abspath(file)
    if os.path.lexists(os.path.join(os.path.dirname(path), FILE)):
        raise WriteError(f"{file} is part of the library {os.path.dirname(path)}; choose another place")
    if store.photo(path) or store.photo(os.path.realpath(path)):
        raise WriteError(f"{file} is a photo of the library {store.folder}; choose another place")


def _exported(store: Store, file: Path) -> int:
    with replacing(file, mode=0o600) as temporary:
        store.db.copy_to(temporary)
        with telling(file), closing(sqlite3.connect(temporary)) as made, made:
            made.execute("DELETE FROM graphs")
            made.execute("DELETE FROM gone")
            return int(made.execute("SELECT count(*) FROM photos").fetchone()[0])


def import_(file: Path, folder: Path, progress: Progress | None = None, settings: Settings = Settings()) -> int:
    """Make an exported file the library of a folder that has none. How many photos it has.

    Raises LibraryError where the file is none, is damaged or the folder has a library; then nothing is written.
    """
    if not file.is_file():
        raise LibraryError(f"there is no file {file}; write one with: devise library export FILE")
    if not salvage.is_ours(file):
        raise LibraryError(f"{file} is no library that devise exported; write one with: devise library export FILE")
    with locked(folder, create=True):
        if Store.exists(folder):
            raise LibraryError(f"there is a library at {folder} already; add to it with: devise library merge {file}")
        with _apart(file, folder) as whole, writing(folder):
            os.replace(whole / FILE, folder / FILE)
        with closing(Store(folder, write=True)) as store:
            maintain.update(store, progress or Progress(), settings.index)
            backup.keep(store)
            return store.num_photos()


def merge(folder: Path, other: Path, progress: Progress | None = None, settings: Settings = Settings()) -> int:
    """Add the photos of another library (its folder, or an exported file) that this one lacks. How many those are.

    Of a photo that both know this one's row stays, of two judgements the later one counts. Raises LibraryError for
    libraries of different models.
    """
    if not salvage.is_ours(_file(other)):
        raise LibraryError(f"{other} is no library; give the folder of one, or a file of: devise library export FILE")
    with writer(folder, create=False) as store, _apart(other, folder) as whole:
        with closing(Store(whole)) as theirs:
            if (ours := store.model()) is not None and theirs.model() != ours:
                raise LibraryError(
                    f"{other} was built with another model or other word vectors than {folder}; index its folders anew"
                )
            model, labels = theirs.model(), theirs.labels()
        before = store.num_photos()
        store.db.attach(whole / FILE, "other")
        with store.transaction():
            if ours is None and model is not None:
                store.set_model(model, labels)
            _add_contents(store, [space.name for space in model.spaces] if model else [])
            _add_photos(store)
            store.db.execute("INSERT OR IGNORE INTO orphans SELECT id FROM contents")
            store.remove_orphans()  # of photos that both know and that have changed
            store.next_revision()
        store.db.execute("DETACH other")
        maintain.update(store, progress or Progress(), settings.index)
        return store.num_photos() - before


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
        store.db.seal()


def _add_contents(store: Store, spaces: list[str]) -> None:
    execute = store.db.execute
    execute("INSERT INTO contents (hash) SELECT hash FROM other.contents WHERE hash NOT IN (SELECT hash FROM contents)")
    for table in (*spaces, "parts"):
        column = "packed" if table == "parts" else "vector"
        execute(
            f"INSERT INTO {table} (content_id, {column}) SELECT mine.id, row.{column} FROM other.{table} AS row "
            "JOIN other.contents AS theirs ON theirs.id = row.content_id JOIN contents AS mine USING (hash) "
            f"WHERE mine.id NOT IN (SELECT content_id FROM {table})"
        )


def _add_photos(store: Store) -> None:
    """With their texts, and what was said of them."""
    rows = store.db.rows(
        "SELECT p.path, mine.id, p.size, p.mtime_ns, p.taken, p.pixels, p.kind, p.stamp, t.names, t.captions "
        "FROM other.photos AS p JOIN other.contents AS theirs ON theirs.id = p.content_id "
        "JOIN contents AS mine USING (hash) LEFT JOIN other.texts AS t ON t.rowid = p.text_id "
        "WHERE p.path NOT IN (SELECT path FROM photos)"
    )
    for *photo, called, captions in rows:
        text_id = None
        if called is not None:
            sql = "INSERT INTO texts (names, captions, path) VALUES (?, ?, ?)"
            text_id = store.db.execute(sql, (called, captions, photo[0]))
        store.db.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*photo, text_id))
    for table in ("roots", "skipped"):
        store.db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM other.{table}")
    columns = "query, hash, path, is_good, marked"
    store.db.execute(  # of two of one second ours counts
        f"INSERT INTO marks ({columns}, batch) SELECT {columns}, batch + (SELECT ifnull(max(batch), 0) FROM marks) "
        "FROM other.marks WHERE (query, hash, marked) NOT IN (SELECT query, hash, marked FROM marks) ORDER BY id"
    )


def move(folder: Path, old: str, new: str) -> int:
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
    with writer(folder, create=False) as store, store.transaction():
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
            _rename(store, path, _moved(path, old, new), roots)
        for table in ("skipped", "marks"):
            for (stored,) in store.db.rows(f"SELECT DISTINCT path FROM {table}"):
                if is_below(path_of(stored), old):
                    target = stored_path(_moved(path_of(stored), old, new))
                    store.db.execute(f"UPDATE OR REPLACE {table} SET path = ? WHERE path = ?", (target, stored))
        store.next_revision()
        return len(photos)


def _moved(path: str, old: str, new: str) -> str:
    return new if path == old else os.path.join(new, os.path.relpath(path, old))


def _rename(store: Store, path: str, target: str, roots: list[str]) -> None:
    stored, wanted = stored_path(path), stored_path(target)
    store.db.execute(
        "UPDATE texts SET path = ?, names = ? WHERE rowid = (SELECT text_id FROM photos WHERE path = ?)",
        (wanted, names(target, roots), stored),
    )
    store.db.execute("UPDATE photos SET path = ? WHERE path = ?", (wanted, stored))
