"""Is a library whole? Its file, each vector, its texts and indices, and the photos themselves; and what mends it.

What is derived is built again. Of what cannot be read the rest is kept: the photos it belonged to are read anew by the
next `devise index`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from devise.config import Settings
from devise.errors import FormatError, LibraryError, counted
from devise.library.upkeep.findings import Finding, Repair, photos, unfinished
from devise.progress import Progress
from devise.search import maintain
from devise.spaces import Space
from devise.store import backup
from devise.store.location import Address, Location
from devise.store.lock import locked
from devise.store.opening import must_exist
from devise.store.records import GraphFile
from devise.store.sqlite import audit, salvage, validate
from devise.store.sqlite.database import damaged
from devise.store.sqlite.store import Store

STAGES = 4  # of a repair: the file, the values in its rows, what those say of each other, and indices


def check(
    folder: Location, *, repair: bool = False, progress: Progress | None = None, settings: Settings = Settings()
) -> list[Finding]:
    """What is wrong with a library, after `repair` what was. Raises LibraryError when there is none to look at."""
    progress = progress or Progress()
    must_exist(folder)
    if isinstance(folder, Address):
        from devise.library.upkeep import served  # psycopg, which no embedded library needs

        return served.check(folder, repair=repair)
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
                if stage:  # only now every vector can be read
                    _update_indices(folder, progress, settings)
                return found
            if stage < STAGES:
                _repaired(folder, damage, progress)
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


def _repaired(folder: Path, found: list[Finding], progress: Progress) -> None:
    if any(finding.repair is _salvaged for finding in found):
        salvage.salvage(folder)
    with closing(Store(folder, write=True)) as store:
        for finding in found:
            if finding.repair not in (None, _salvaged):
                finding.repair(store, progress)


def _update_indices(folder: Path, progress: Progress, settings: Settings) -> None:
    with closing(Store(folder, write=True)) as store:
        maintain.update(store, progress, settings.index)


def _mended_by(mend: validate.Mend) -> Repair:
    return lambda store, progress: mend(store)


def _salvaged(store: Store, progress: Progress) -> None:
    """Stands for what has been done before any other repair."""


def _found(folder: Path) -> list[Finding]:
    try:
        with closing(Store(folder)) as store, store.snapshot():
            if broken := audit.problems_of_file(store):
                return [_of_file(broken)]
            if odd := list(validate.findings(store)):
                return [*(Finding(text, _mended_by(mend)) for text, mend in odd), *_lost(store)]
            store.roots(), store.labels(), store.revision()
            if store.model() is None and not store.is_empty():
                raise damaged(folder)
            if not backup.is_whole(store):
                return [Finding("what the library says of its model is damaged", _mended_by(backup.decide))]
            return [
                *_lost(store),
                *_vectors(store),
                *_imported(store),
                *unfinished(store),
                *_texts(store),
                *_indices(store),
                *photos(store),
            ]
    except FormatError:
        raise
    except LibraryError as error:
        if not salvage.is_library(folder):
            raise
        return [Finding(str(error).partition(";")[0], _salvaged)]


def _of_file(broken: list[str]) -> Finding:
    if all("index" in text for text in broken):
        return Finding(f"an index of the database disagrees with its table ({broken[0]})", _mended_by(audit.reindex))
    return Finding(f"the database is damaged ({broken[0]})", _salvaged)


def _lost(store: Store) -> Iterator[Finding]:
    """Photos of no content, contents of no photo, rows of neither."""
    if homeless := audit.num_homeless(store):
        lost = counted(homeless, "photo has lost its vectors", "photos have lost their vectors")
        yield Finding(f"{lost}; the next run reads them again", _mended_by(audit.remove_homeless))
    if unowned := audit.num_unowned(store):
        belong = counted(unowned, "content belongs", "contents belong")
        yield Finding(f"{belong} to no photo", _mended_by(audit.remove_unowned))


def _vectors(store: Store) -> Iterator[Finding]:
    """Contents without a vector in a space of the model, or with one that is none."""
    model, bad = store.model(), set[int]()
    unfinished = store.unfinished()
    for space in model.spaces if model else ():
        if space.is_imported:
            continue
        bad |= (audit.damaged_rows if space.name in unfinished else audit.without_row)(store, space)
        if space.name == "words" and (space.num_regions or audit.has_rows(store, space.regions())):
            bad |= audit.without_row(store, space.regions())
    if bad:
        ids = sorted(bad)
        yield Finding(
            f"the vectors of {counted(len(ids), 'photo')} are missing or damaged; the next run reads them again",
            _mended_by(lambda store: audit.forget(store, ids)),
        )


def _imported(store: Store) -> Iterator[Finding]:
    """Rows that were made elsewhere, which no run can make again: damaged ones go."""
    model = store.model()
    for space in model.spaces if model else ():
        if space.is_imported and (bad := sorted(audit.damaged_rows(store, space))):
            are = counted(len(bad), "vector", "vectors")
            text = f"{are} of {space.name}, made elsewhere, cannot be read; import them again"
            yield Finding(text, _without(space, bad))


def _without(space: Space, ids: list[int]) -> Repair:
    def clear(store: Store, progress: Progress) -> None:
        with store.transaction():
            store.vectors.clear(space, np.array(ids, np.int64))
            store.remove_graph(space.name)

    return clear


def _texts(store: Store) -> Iterator[Finding]:
    """What the index of texts lacks, or has too many of."""
    if (off := audit.texts_off(store)) == (0, 0):
        return
    what = f"lacks {counted(off[0], 'photo')} and has {off[1]:,} too many" if off else "cannot be read"
    yield Finding(f"the index of names and captions {what}", _mended_by(audit.drop_texts))


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
        held, there = np.setdiff1d(stored, gone), ids[ids <= record.max_id]
        if space.is_imported:
            there = np.setdiff1d(there, store.vectors.lacking(space))
        if not np.array_equal(held, there):
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
