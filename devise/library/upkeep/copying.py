"""All of a library from one store to another, of whatever kind: rows as they are stored, so that scores stay equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from devise.spaces import Space
from devise.store.base import CHUNK, Store
from devise.store.records import Judged

T = TypeVar("T")


def copied(source: Store, target: Store) -> int:
    """What the target lacks, in one transaction. How many photos that are; of those that both know its own stay."""
    before = target.num_photos()
    with source.snapshot(), target.transaction():
        model = source.model()
        if model is not None and target.model() is None:
            target.set_model(model, source.labels())
        if (path := source.model_path()) and target.model_path() is None:
            target.set_model_path(path)
        ids = _contents(source, target)
        for space in _spaces(source, target):
            for batch in source.vectors.stored(space):
                target.vectors.put_stored(space, [(ids[i], bytes(data)) for i, data in batch if i in ids])
        _photos(source, target)
        _judgements(source, target)
        target.add_roots(source.roots())
        target.next_revision()
    return target.num_photos() - before


def _contents(source: Store, target: Store) -> dict[int, int]:
    """The contents that are new there: their ids here and there."""
    ids: dict[int, int] = {}
    for batch in _batches(source.hashes()):
        known = target.hash_to_id(bytes(digest) for _, digest in batch)
        new = {i: bytes(digest) for i, digest in batch if bytes(digest) not in known}
        ids |= zip(new, target.add_contents([*new.values()]), strict=True)
    return ids


def _spaces(source: Store, target: Store) -> list[Space]:
    """Of looks, and of vectors made elsewhere, that only one has no row comes over. Parts come once."""
    model, theirs = source.model(), target.model()
    spaces = [space for space in model.spaces if theirs and space in theirs.spaces] if model else []
    has = source.space_numbers()
    both = {each.name: each for space in spaces for each in (space.regions(), space)}
    return [each for name, each in both.items() if name in has]


def _photos(source: Store, target: Store) -> None:
    for batch in _batches(source.entries()):
        known = target.listing.ids_of(entry.path for entry in batch)
        target.put_entries(entry for entry in batch if entry.path not in known)
    known = target.listing.ids_of(refused.path for refused in source.skipped())
    for refused in source.skipped():
        if refused.path not in known:
            target.put_skipped(refused)


def _judgements(source: Store, target: Store) -> None:
    """Those of one command were made in one second."""
    known = {(mark.query, mark.hash, mark.marked) for mark in target.judgements.all()}
    commands: dict[str, list[Judged]] = defaultdict(list)
    for mark in source.judgements.all():
        if (mark.query, mark.hash, mark.marked) not in known:
            commands[mark.marked].append(mark)
    for marks in commands.values():
        target.judgements.add(marks)


def _batches(found: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(found)
    while batch := list(islice(rest, CHUNK)):
        yield batch
