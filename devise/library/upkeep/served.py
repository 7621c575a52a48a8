"""Is a library on servers whole? Its rows, the index of them in Milvus, and the photos themselves; and what mends it.

PostgreSQL keeps its tables true to each other by itself; what is asked here it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from devise.errors import counted
from devise.library.upkeep.findings import Finding, Repair, photos, unfinished
from devise.progress import Progress
from devise.spaces import Space
from devise.store.codec import CODECS
from devise.store.location import Address
from devise.store.opening import served
from devise.store.server.store import ServerStore
from devise.store.server.vectors import is_served


def check(at: Address, *, repair: bool) -> list[Finding]:
    """What is wrong, after `repair` what was."""
    with closing(served(at)) as store:
        if not repair:
            return list(_found(store))
        with store.alone():
            found = list(_found(store))
            for finding in found:
                if finding.repair is not None:
                    finding.repair(store, Progress())
            store.served.settle()
            return found


def _found(store: ServerStore) -> Iterator[Finding]:
    if unowned := store.num_unowned():
        belong = counted(unowned, "content belongs", "contents belong")
        yield Finding(f"{belong} to no photo", lambda store, _: store.remove_unowned())
    yield from _vectors(store)
    yield from _index(store)
    yield from unfinished(store)
    yield from photos(store)


def _vectors(store: ServerStore) -> Iterator[Finding]:
    """Contents without a vector in a space of the model, or with one that is none."""
    model, bad = store.model(), set[int]()
    known, lack = set(store.space_numbers()), store.unfinished()
    for space in model.spaces if model else ():
        spaces = [space, space.regions()] if space.name == "words" and space.regions().name in known else [space]
        for each in spaces:
            bad |= {*_damaged(store, each)}
            if space.name not in lack and not space.is_imported:
                bad |= {*store.vectors.lacking(each).tolist()}
    if bad:
        missing = f"the vectors of {counted(len(bad), 'photo')} are missing or damaged"
        yield Finding(f"{missing}; the next run reads them again", lambda store, _: store.forget(sorted(bad)))


def _damaged(store: ServerStore, space: Space) -> Iterator[int]:
    decode = CODECS[space.dtype].decode
    for batch in store.vectors.stored(space):
        try:
            decode(space, [data for _, data in batch])
        except (ValueError, TypeError):
            for content_id, data in batch:
                try:
                    decode(space, [data])
                except (ValueError, TypeError):
                    yield content_id


def _index(store: ServerStore) -> Iterator[Finding]:
    """What Milvus lacks, or has too many of, beside what it is yet to hear of."""
    model = store.model()
    waiting = store.served.waiting()
    for space in model.spaces if model else ():
        if not is_served(space):
            continue
        has, should = store.served.milvus.ids(space), np.setdiff1d(store.ids(), store.vectors.lacking(space))
        lacks = np.setdiff1d(np.setdiff1d(should, has), waiting)
        extra = np.setdiff1d(np.setdiff1d(has, should), waiting)
        if len(lacks) or len(extra):
            off = f"lacks {counted(len(lacks), 'photo')} and has {len(extra):,} too many"
            ids = np.concatenate([lacks, extra])
            yield Finding(f"the index of {space.name} in Milvus {off}", _told_again(ids.tolist()))
    if len(waiting):
        yield Finding(f"Milvus has not heard of {counted(len(waiting), 'photo')} yet; run: devise index")


def _told_again(ids: list[int]) -> Repair:
    return lambda store, _: store.served.tell_again(ids)
