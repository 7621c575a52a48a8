"""Is a library whole? Its file, each vector, its texts and indices, and the photos themselves; and what mends it.

What is derived is built again. Of what cannot be read the rest is kept: the photos it belonged to are read anew by the
next `devise index`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devise.config import Settings
from devise.errors import DeviseError, FormatError, LibraryError, counted
from devise.filestat import changed_ns
from devise.progress import Progress
from devise.search import maintain
from devise.spaces import Space
from devise.store import backup
from devise.store.lock import locked, must_exist
from devise.store.records import GraphFile
from devise.store.regions import unpack
from devise.store.sqlite import salvage, validate
from devise.store.sqlite.database import damaged
from devise.store.sqlite.schema import SPACES
from devise.store.sqlite.store import Store

MAX_PROBLEMS = 20  # of SQLite's own list: one is enough to act on
CHUNK = 1_000  # vectors looked at together, and one by one where that finds damage
STAGES = 4  # of a repair: the file, the values in its rows, what those say of each other, and indices
TOLERANCE = 4e-3  # of a squared length, as halves are rounded

_PARTLESS = "SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM parts)"
Repair = Callable[[Store, Progress], None]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. repair: what mends it; None: `devise index` does, and the library is sound."""

    text: str
    repair: Repair | None = None

    @property
    def is_damage(self) -> bool:
        return self.repair is not None


def check(
    folder: Path, *, repair: bool = False, progress: Progress | None = None, settings: Settings = Settings()
) -> list[Finding]:
    """What is wrong with a library, after `repair` what was. Raises LibraryError when there is none to look at."""
    progress = progress or Progress()
    must_exist(folder)
    if not repair:
        return _found(folder)
    with locked(folder):
        _brought_up(folder)
        found: list[Finding] = []
        for stage in range(STAGES + 1):
            now = _found(folder)
            found += [finding for finding in now if finding.text not in {known.text for known in found}]
            damage = [finding for finding in now if finding.is_damage]
            if not damage:
                return found
            if stage < STAGES:
                _repaired(folder, damage, progress, settings)
    raise _hopeless(folder, damage[0].text)


def _brought_up(folder: Path) -> None:
    """A library of an older format to today's, as every writer does. Raises FormatError for a newer one."""
    try:
        Store(folder).close()
    except FormatError:
        try:
            Store(folder, write=True).close()
        except FormatError:
            raise
        except LibraryError as error:
            raise _hopeless(folder, str(error).partition(";")[0]) from error
    except LibraryError:
        return  # damage, which is looked at next


def _hopeless(folder: Path, what: str) -> LibraryError:
    return LibraryError(f"the library {folder} is damaged beyond repair ({what}); index its folders anew")


def _repaired(folder: Path, found: list[Finding], progress: Progress, settings: Settings) -> None:
    if any(finding.repair is _salvaged for finding in found):
        salvage.salvage(folder)
    with closing(Store(folder, write=True)) as store:
        for finding in found:
            if finding.repair not in (None, _salvaged):
                finding.repair(store, progress)
        maintain.update(store, progress, settings.index)


def _mended_by(mend: validate.Mend) -> Repair:
    return lambda store, progress: mend(store)


def _salvaged(store: Store, progress: Progress) -> None:
    """Stands for what has been done before any other repair."""


def _found(folder: Path) -> list[Finding]:
    try:
        with closing(Store(folder)) as store, store.transaction(write=False):
            if broken := [text for (text,) in store.db.rows(f"PRAGMA integrity_check({MAX_PROBLEMS})") if text != "ok"]:
                return [_of_file([" ".join(text.split()) for text in broken])]
            if odd := list(validate.findings(store)):
                return [*(Finding(text, _mended_by(mend)) for text, mend in odd), *_lost(store)]
            store.roots(), store.labels(), store.revision()
            if store.model() is None and not store.is_empty():
                raise damaged(folder)
            if not backup.is_whole(store):
                return [Finding("what the library says of its model is damaged", _mended_by(backup.decide))]
            return [*_lost(store), *_vectors(store), *_texts(store), *_indices(store), *_photos(store)]
    except FormatError:
        raise
    except LibraryError as error:
        if not salvage.is_library(folder):
            raise
        return [Finding(str(error).partition(";")[0], _salvaged)]


def _of_file(broken: list[str]) -> Finding:
    if all("index" in text for text in broken):
        return Finding(f"an index of the database disagrees with its table ({broken[0]})", _reindexed)
    return Finding(f"the database is damaged ({broken[0]})", _salvaged)


def _reindexed(store: Store, progress: Progress) -> None:
    store.db.execute("REINDEX")


def _lost(store: Store) -> Iterator[Finding]:
    """Photos of no content, contents of no photo, rows of neither."""
    homeless = store.db.value("SELECT count(*) FROM photos WHERE content_id NOT IN (SELECT id FROM contents)")
    if homeless:
        lost = counted(homeless, "photo has lost its vectors", "photos have lost their vectors")
        yield Finding(f"{lost}; the next run reads them again", _disowned)
    empty = store.db.value(
        "SELECT count(*) FROM contents WHERE id NOT IN (SELECT content_id FROM photos) "
        "AND id NOT IN (SELECT content_id FROM orphans)"
    )
    if empty:
        yield Finding(f"{counted(empty, 'content belongs', 'contents belong')} to no photo", _swept)


def _disowned(store: Store, progress: Progress) -> None:
    with store.transaction():
        store.db.execute("DELETE FROM photos WHERE content_id NOT IN (SELECT id FROM contents)")
        store.db.execute("DELETE FROM texts WHERE rowid NOT IN (SELECT text_id FROM photos WHERE text_id IS NOT NULL)")


def _swept(store: Store, progress: Progress) -> None:
    with store.transaction():
        store.db.execute("DELETE FROM contents WHERE id NOT IN (SELECT content_id FROM photos)")


def _vectors(store: Store) -> Iterator[Finding]:
    """Contents without a vector in a space of the model, or with one that is none."""
    model, bad = store.model(), set[int]()
    for space in model.spaces if model else ():
        sql = f"SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM {space.name})"
        bad |= {content_id for (content_id,) in store.db.rows(sql)} | set(_bad_rows(store, space))
        if space.name == "words" and (space.num_regions or store.db.value("SELECT 1 FROM parts LIMIT 1")):
            bad |= {content_id for (content_id,) in store.db.rows(_PARTLESS)} | set(_bad_parts(store, space.dim))
    if bad:
        ids = sorted(bad)
        yield Finding(
            f"the vectors of {counted(len(ids), 'photo')} are missing or damaged; the next run reads them again",
            lambda store, progress: _forgotten(store, ids),
        )


def _forgotten(store: Store, ids: list[int]) -> None:
    with store.transaction():
        for content_id in ids:
            paths = store.paths_of([content_id]).get(content_id, [])
            store.remove_photos(paths)
            store.db.execute("DELETE FROM contents WHERE id = ?", (content_id,))


def _bad_rows(store: Store, space: Space) -> Iterator[int]:
    kind = np.dtype(SPACES[space.name])
    for batch in store.db.batches(f"SELECT content_id, vector FROM {space.name}", size=CHUNK):
        whole = [row for row in batch if isinstance(row[1], bytes) and len(row[1]) == space.dim * kind.itemsize]
        yield from {row[0] for row in batch} - {row[0] for row in whole}
        rows = np.frombuffer(b"".join(row[1] for row in whole), kind).reshape(len(whole), space.dim).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            squares = np.einsum("ij,ij->i", rows, rows)
        for i in np.flatnonzero(~(np.abs(squares - 1) < TOLERANCE)):
            yield whole[i][0]


def _bad_parts(store: Store, dim: int) -> Iterator[int]:
    """Parts that are none, or are not as many, or of another rank, than those of most photos."""
    kinds = "SELECT length(packed), substr(packed, 1, 1) FROM parts GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
    usual = next(iter(store.db.rows(kinds)), None)
    for batch in store.db.batches("SELECT content_id, packed FROM parts", size=CHUNK):
        whole = [row for row in batch if isinstance(row[1], bytes) and (len(row[1]), row[1][:1]) == usual]
        yield from {row[0] for row in batch} - {row[0] for row in whole}
        if not _unpacks([packed for _, packed in whole], dim):
            yield from (content_id for content_id, packed in whole if not _unpacks([packed], dim))


def _unpacks(packed: list[bytes], dim: int) -> bool:
    try:
        unpack(packed, dim)
        return True
    except ValueError:
        return False


def _texts(store: Store) -> Iterator[Finding]:
    """Photos whose names cannot be looked up, and texts of no photo."""
    sql = "SELECT count(*) FROM photos WHERE stamp IS NOT NULL AND text_id NOT IN (SELECT rowid FROM texts)"
    missing = store.db.value(sql)
    extra = store.db.value(
        "SELECT count(*) FROM texts WHERE rowid NOT IN (SELECT text_id FROM photos WHERE text_id IS NOT NULL)"
    )
    broken = False
    try:
        store.db.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, 'texts', 'row')")
        store.db.value("SELECT sum(cnt) FROM temp.terms")  # reads all of the index
        store.db.execute("DROP TABLE temp.terms")
    except (DeviseError, sqlite3.Error):
        broken = True
    if missing or extra or broken:
        what = "cannot be read" if broken else f"lacks {counted(missing, 'photo')} and has {extra:,} too many"
        yield Finding(f"the index of names and captions {what}", _told_again)


def _told_again(store: Store, progress: Progress) -> None:
    """The next run asks the files again."""
    with store.transaction():
        store.db.execute("UPDATE photos SET stamp = NULL, text_id = NULL")
        store.db.execute("DROP TABLE texts")
        store.db.execute(salvage.TEXTS)


def _indices(store: Store) -> Iterator[Finding]:
    model = store.model()
    ids, gone = store.ids(), store.gone()
    for space in model.spaces if model else ():
        record = store.graph(space.name)
        if record is None:
            continue
        stored = maintain.stored_ids(store, record, space.dim)
        if stored is None and _is_replaced(store, record):
            continue
        if stored is None:
            yield Finding(f"the index of {space.name} is missing or damaged", _rebuilt(space.name))
            continue
        held = np.setdiff1d(stored, gone)
        if not np.array_equal(held, ids[ids <= record.max_id]):
            yield Finding(f"the index of {space.name} holds other photos than the library", _rebuilt(space.name))


def _is_replaced(store: Store, record: GraphFile) -> bool:
    """Whether a run has put another file in its place since we began to look."""
    with closing(Store(store.folder)) as now:
        return now.graph(record.space) != record


def _rebuilt(space: str) -> Repair:
    def drop(store: Store, progress: Progress) -> None:
        with store.transaction():
            store.remove_graph(space)

    return drop


def _photos(store: Store) -> Iterator[Finding]:
    """Photos on the disk that are not what they were."""
    gone = changed = 0
    for photo in store.photos():
        try:
            status = os.stat(photo.path)
        except OSError:
            gone += 1
            continue
        changed += (status.st_size, changed_ns(status)) != (photo.size, photo.mtime_ns)
    if gone:
        yield Finding(
            f"{counted(gone, 'photo is not where it was', 'photos are not where they were')}; "
            "if the disk is mounted, run: devise index"
        )
    if changed:
        yield Finding(f"{counted(changed, 'photo has', 'photos have')} changed since the last run; run: devise index")
