"""The photos of a library and their contents, in PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from devise.store.base import CHUNK, Says
from devise.store.filter import Filter
from devise.store.paths import outermost
from devise.store.records import Entry, Photo, PhotoFacts, Refused
from devise.store.server import texts
from devise.store.server.database import Database
from devise.store.server.filters import below, bounds, condition
from devise.store.server.vectors import OUTBOX
from devise.store.texts import captions, names
from devise.vectors import Ids

_ORPHANED = "INSERT INTO orphans SELECT content_id FROM {} ON CONFLICT DO NOTHING"
_GONE = f"WITH gone AS (DELETE FROM photos WHERE path = ANY(%s) RETURNING content_id) {_ORPHANED.format('gone')}"
_PUT = (
    "INSERT INTO photos (path, content_id, size, mtime_ns) VALUES (%s, %s, %s, %s) ON CONFLICT (path) DO UPDATE "
    "SET content_id = excluded.content_id, size = excluded.size, mtime_ns = excluded.mtime_ns"
)
# Arrays, one a column; the words of a photo are joined, for PostgreSQL has no arrays of arrays of different lengths
_COLUMNS = "content_id, size, mtime_ns, taken, pixels, kind, stamp, names, captions, tokens, num_tokens"
_PUT_MANY = (
    f"INSERT INTO photos (path, {_COLUMNS}, words) SELECT path, {_COLUMNS}, array_to_tsvector(string_to_array(words, "
    "' ')) FROM unnest(%b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[], %b::text[], %b::bigint[], %b::text[], "
    f"%b::text[], %b::text[], %b::text[], %b::text[], %b::integer[], %b::text[]) AS new (path, {_COLUMNS}, words) "
    f"ON CONFLICT (path) DO UPDATE SET ({_COLUMNS}, words) = "
    f"({', '.join(f'excluded.{name}' for name in [*_COLUMNS.split(', '), 'words'])})"
)


class ServerCatalog:
    """What of devise.store.base.Catalog is about photos and contents."""

    db: Database

    # Photos

    def photos(self, folders: Iterable[str] = (os.sep,)) -> Iterator[Photo]:
        for folder in outermost(folders):
            for low, high in bounds(folder):
                for path, *rest in self._in_order("content_id, size, mtime_ns, stamp", "photos", low, high):
                    yield Photo(os.fsdecode(path), *rest)

    def has_photos(self, folder: str) -> bool:
        sql, values = below([folder])
        return self.db.value(f"SELECT 1 FROM photos WHERE {sql} LIMIT 1", values) is not None

    def paths(self) -> list[str]:
        return sorted(os.fsdecode(path) for (path,) in self.db.rows("SELECT path FROM photos"))

    def num_photos(self) -> int:
        return int(self.db.value("SELECT count(*) FROM photos"))

    def put_photo(self, photo: Photo) -> None:
        """A photo that can be read is no longer skipped."""
        path = os.fsencode(photo.path)
        changed = "photos WHERE path = %s AND content_id <> %s"
        self.db.execute(_ORPHANED.format(changed), (path, int(photo.content_id)))
        self.db.execute(_PUT, (path, int(photo.content_id), photo.size, photo.mtime_ns))
        self.db.execute("DELETE FROM skipped WHERE path = %s", (path,))

    def put_texts(self, path: str, stamp: str, says: Says, roots: Iterable[str]) -> None:
        facts = (says.taken, says.pixels, says.kind, stamp)
        texts.put(self.db, os.fsencode(path), facts, names(path, roots), captions(says))

    def entries(self) -> Iterator[Entry]:
        columns = "hash, size, mtime_ns, taken, pixels, kind, stamp, names, captions"
        for path, digest, *rest in self._in_order(columns, "photos JOIN contents ON contents.id = content_id"):
            yield Entry(os.fsdecode(path), bytes(digest), *rest)

    def put_entries(self, entries: Iterable[Entry]) -> None:
        """In one statement, for a photo has six of its own: of 10,000 photos those took 33 s, this takes one."""
        if not (several := list(entries)):
            return
        ids, paths = self.hash_to_id(entry.digest for entry in several), [os.fsencode(entry.path) for entry in several]
        self.db.execute(_ORPHANED.format("photos WHERE path = ANY(%b)"), (paths,))
        rows = [
            (path, ids[entry.digest], *entry[2:8], *texts.columns(entry.names, entry.captions))
            for path, entry in zip(paths, several, strict=True)
        ]
        self.db.execute(_PUT_MANY, [[*column] for column in zip(*rows, strict=True)])
        self.db.execute("DELETE FROM skipped WHERE path = ANY(%b)", (paths,))

    def remove_photos(self, paths: Iterable[str]) -> None:
        self.db.execute(_GONE, ([os.fsencode(path) for path in paths],))

    def facts(self) -> Iterator[PhotoFacts]:
        columns = "content_id, size, coalesce(pixels, 0), coalesce(kind, ''), taken"
        for path, *rest in self._in_order(columns, "photos"):
            yield PhotoFacts(os.fsdecode(path), *rest)

    def paths_of(self, content_ids: Iterable[int], where: Filter | None = None) -> dict[int, list[str]]:
        chosen, values = condition(where)
        wanted = np.sort(np.fromiter(content_ids, np.int64)).tolist()
        sql = f"SELECT content_id, path FROM photos WHERE content_id = ANY(%s) AND {chosen} ORDER BY content_id, path"
        found: dict[int, list[str]] = {}
        for content_id, path in self.db.rows(sql, (wanted, *values)):
            found.setdefault(content_id, []).append(os.fsdecode(path))
        return found

    def having(self, text: str) -> int:
        """None where there is no word in `text`."""
        return texts.count_having(self.db, text) if any(c.isalnum() for c in text) else 0

    def ids(self, where: Filter | None = None, *, after: int = 0) -> Ids:
        if where is None:
            rows = self.db.raw("SELECT id FROM contents WHERE id > %s ORDER BY id", (after,))
        else:
            chosen, values = condition(where)
            sql = f"SELECT DISTINCT content_id FROM photos WHERE content_id > %s AND {chosen} ORDER BY content_id"
            rows = self.db.raw(sql, (after, *values))
        return np.array([content_id for (content_id,) in rows], np.int64)

    def count(self, where: Filter) -> int:
        chosen, values = condition(where)
        return int(self.db.value(f"SELECT count(DISTINCT content_id) FROM photos WHERE {chosen}", values))

    def best_texts(self, where: Filter, k: int) -> list[tuple[str, float]]:
        return [(os.fsdecode(path), score) for path, score in texts.best(self.db, where, k)]

    def photo(self, path: str) -> Photo | None:
        sql = "SELECT content_id, size, mtime_ns FROM photos WHERE path = %s"
        return next((Photo(path, *row) for row in self.db.rows(sql, (os.fsencode(path),))), None)

    def paths_ending(self, name: str) -> list[str]:
        end = os.fsencode("/" + name.lstrip("/"))
        sql = "SELECT path FROM photos WHERE substring(path FROM greatest(length(path) - %s + 1, 1)) = %s ORDER BY path"
        return [os.fsdecode(path) for (path,) in self.db.rows(sql, (len(end), end))]

    # Skipped photos

    def skipped(self, folders: Iterable[str] = (os.sep,)) -> Iterator[Refused]:
        sql, values = below(list(folders))
        for path, *rest in self.db.rows(
            f"SELECT path, size, mtime_ns, reason FROM skipped WHERE {sql} ORDER BY path", values
        ):
            yield Refused(os.fsdecode(path), *rest)

    def put_skipped(self, photo: Refused) -> None:
        row = (os.fsencode(photo.path), photo.size, photo.mtime_ns, photo.reason.replace("\0", " "))
        sql = (
            "INSERT INTO skipped VALUES (%s, %s, %s, %s) ON CONFLICT (path) DO UPDATE "
            "SET size = excluded.size, mtime_ns = excluded.mtime_ns, reason = excluded.reason"
        )
        self.db.execute(sql, row)
        self.remove_photos([photo.path])

    def remove_skipped(self, paths: Iterable[str]) -> None:
        self.db.execute("DELETE FROM skipped WHERE path = ANY(%s)", ([os.fsencode(path) for path in paths],))

    # Contents

    def num_contents(self, after: int = 0) -> int:
        return int(self.db.value("SELECT count(*) FROM contents WHERE id > %s", (after,)))

    def is_empty(self) -> bool:
        return self.db.value("SELECT 1 FROM contents LIMIT 1") is None

    def add_content(self, digest: bytes) -> int:
        """With the id that its lease has, where there is one: who takes over from a dead program goes on with that."""
        sql = (
            "INSERT INTO contents (id, hash) VALUES (coalesce((SELECT content_id FROM leases WHERE hash = %s), "
            "nextval('content_ids')), %s) RETURNING id"
        )
        return int(self.db.value(sql, (digest, digest)))

    def add_contents(self, digests: Sequence[bytes]) -> list[int]:
        sql = (
            "INSERT INTO contents (id, hash) SELECT coalesce(content_id, nextval('content_ids')), hash FROM "
            "unnest(%b::bytea[]) WITH ORDINALITY AS new (hash, number) LEFT JOIN leases USING (hash) ORDER BY number "
            "RETURNING hash, id"
        )
        made = {bytes(digest): content_id for digest, content_id in self.db.rows(sql, (list(digests),))}
        return [made[digest] for digest in digests]

    def content_of_hash(self, digest: bytes) -> int | None:
        found: int | None = self.db.value("SELECT id FROM contents WHERE hash = %s", (digest,))
        return found

    def hash_to_id(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """In a transaction nobody deletes them until its end."""
        sql = "SELECT hash, id FROM contents WHERE hash = ANY(%s) FOR KEY SHARE"
        return {bytes(digest): content_id for digest, content_id in self.db.rows(sql, (list(digests),))}

    def hash_of_content(self, content_id: int) -> bytes:
        return bytes(self.db.value("SELECT hash FROM contents WHERE id = %s", (int(content_id),)))

    def hashes(self) -> Iterator[tuple[int, bytes]]:
        after = 0
        sql = f"SELECT id, hash FROM contents WHERE id > %s ORDER BY id LIMIT {CHUNK}"
        while batch := self.db.raw(sql, (after,)):
            yield from batch
            after = batch[-1][0]

    def remove_orphans(self) -> int:
        removed = self.db.execute(
            "WITH gone AS (DELETE FROM contents WHERE id IN (SELECT content_id FROM orphans) "
            "AND NOT EXISTS (SELECT 1 FROM photos WHERE content_id = contents.id) RETURNING id) "
            f"{OUTBOX.format('SELECT id FROM gone')}"
        )
        self.db.execute("DELETE FROM orphans")
        return removed

    def _in_order(self, columns: str, table: str, low: bytes = b"", high: bytes | None = None) -> Iterator[Any]:
        """Rows of photos by their paths, from `low` on: so many at once, whatever others write meanwhile."""
        end, values = ("AND path < %s", (high,)) if high is not None else ("", ())
        sql = f"SELECT path, {columns} FROM {table} WHERE path {{}} %s {end} ORDER BY path LIMIT {CHUNK}"
        batch = self.db.rows(sql.format(">="), (low, *values))
        while batch:
            yield from batch
            batch = self.db.rows(sql.format(">"), (batch[-1][0], *values)) if len(batch) == CHUNK else []
