"""The store of one library, in SQLite: the only truth; indices are derived from it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from devise.errors import LibraryError
from devise.spaces import ModelInfo, Space, model_crc
from devise.store.base import CHUNK, Says, space_of
from devise.store.filter import Filter
from devise.store.folder import num_bytes
from devise.store.paths import outermost, ranges
from devise.store.records import Entry, GraphFile, Photo, PhotoFacts, Refused, integer, path_of, stored_path
from devise.store.sqlite import entries, refused, texts
from devise.store.sqlite.database import FILE, Database, understanding
from devise.store.sqlite.hashes import KnownHashes
from devise.store.sqlite.judgements import SqliteJudgements
from devise.store.sqlite.listing import SqliteListing, paths_ending, paths_of
from devise.store.sqlite.vectors import SqliteVectors
from devise.store.texts import names
from devise.vectors import Ids


class Store:
    """devise.store.base.EmbeddedStore. Readers share it with one writer."""

    served = queue = None

    def __init__(self, folder: Path, *, write: bool = False, threads: bool = False) -> None:
        self.folder = folder
        self.db = Database(folder, write=write, threads=threads)
        self.vectors = SqliteVectors(self.db)
        self.judgements = SqliteJudgements(self.db)
        self.listing = SqliteListing(self.db)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Raises LibraryError when nobody can tell."""
        try:
            return (folder / FILE).is_file()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise LibraryError(f"the library {folder} cannot be reached: {reason}; check its path") from error

    @property
    def name(self) -> str:
        return str(self.folder)

    def close(self) -> None:
        self.db.close()

    def place(self) -> tuple[object, ...]:
        """Tells a library's file apart from one that took its place."""
        status = (self.folder / FILE).stat()
        return status.st_dev, status.st_ino

    def num_bytes(self) -> int:
        return num_bytes(self.folder)

    def version(self) -> int:
        """Another number whenever somebody else has written."""
        return self.db.version()

    def transaction(self) -> AbstractContextManager[None]:
        return self.db.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """One moment of the library, which a writer cannot change under us."""
        return self.db.transaction(write=False)

    # What the library is

    def model(self) -> ModelInfo | None:
        """What made the vectors; None as long as there are none."""
        text = self._meta("model")
        with understanding(self.folder):
            return ModelInfo.from_json(json.loads(text)) if text else None

    def space(self, name: str) -> Space:
        """Raises LibraryError for one that the library's model does not know."""
        return space_of(self.model(), name)

    def space_numbers(self) -> dict[str, int]:
        """Of each space that has rows: what their keys begin with."""
        with understanding(self.folder):
            return {str(name): int(number) for name, number in self.db.rows("SELECT name, number FROM spaces")}

    def set_space_numbers(self, numbers: Mapping[str, int]) -> None:
        """Those that were lost."""
        self.db.execute_many("INSERT OR REPLACE INTO spaces (name, number) VALUES (?, ?)", numbers.items())

    def labels(self) -> tuple[str, ...]:
        """The words that the model has learnt, kept so that tagging needs no model."""
        with understanding(self.folder):
            return tuple(map(str, json.loads(self._meta("labels") or "[]")))

    def model_path(self) -> str | None:
        return self._meta("model_path") or None

    def set_model_path(self, path: str) -> None:
        self._set_meta("model_path", path)

    def set_model(self, model: ModelInfo, labels: Sequence[str]) -> None:
        self._set_meta("model", json.dumps(model.to_json()))
        self._set_meta("labels", json.dumps(list(labels)))
        self._set_meta("model_crc", model_crc(model.to_json(), labels))

    def unfinished(self) -> tuple[str, ...]:
        """The spaces that were added to photos which were there before, as long as some of those have no row."""
        with understanding(self.folder):
            return tuple(map(str, json.loads(self._meta("unfinished") or "[]")))

    def set_unfinished(self, spaces: Iterable[str]) -> None:
        self._set_meta("unfinished", json.dumps(sorted({*spaces})))

    def model_crc(self) -> str | None:
        """What `model_crc` gave of the model and its labels when they were set; None in older libraries."""
        return self._meta("model_crc")

    def current_crc(self) -> str:
        """What `model_crc` gives of the model and its labels as they stand there now."""
        with understanding(self.folder):
            return model_crc(json.loads(self._meta("model") or "null"), self.labels())

    def revision(self) -> int:
        with understanding(self.folder):
            return int(self._meta("revision") or 0)

    def next_revision(self) -> int:
        self._set_meta("revision", str(self.revision() + 1))
        return self.revision()

    def roots(self) -> list[str]:
        with understanding(self.folder):
            return [path_of(path) for (path,) in self.db.rows("SELECT path FROM roots ORDER BY path")]

    def add_roots(self, paths: Iterable[str]) -> None:
        self.db.execute_many("INSERT OR IGNORE INTO roots VALUES (?)", [(stored_path(path),) for path in paths])

    def remove_roots(self, paths: Iterable[str]) -> None:
        self.db.execute_many("DELETE FROM roots WHERE path = ?", [(stored_path(path),) for path in paths])

    # Photos

    def photos(self, folders: Iterable[str] = (os.sep,)) -> Iterator[Photo]:
        """Those below any of the folders, each once."""
        sql = "SELECT path, content_id, size, mtime_ns, stamp FROM photos WHERE path >= ? AND path < ?"
        for bounds in (bounds for folder in outermost(folders) for bounds in ranges(folder)):
            for batch in self.db.batches(sql, bounds, size=CHUNK):
                with understanding(self.folder):
                    photos = [Photo(path_of(path), *rest) for path, *rest in batch]
                yield from photos

    def has_photos(self, folder: str) -> bool:
        """Whether it has any below a folder."""
        sql = "SELECT 1 FROM photos WHERE path >= ? AND path < ? LIMIT 1"
        return any(self.db.rows(sql, bounds) for bounds in ranges(folder))

    def paths(self) -> list[str]:
        with understanding(self.folder):
            return sorted(path_of(path) for (path,) in self.db.rows("SELECT path FROM photos"))

    def num_photos(self) -> int:
        return int(self.db.value("SELECT count(*) FROM photos"))

    def num_contents(self, after: int = 0) -> int:
        """How many different photos there are, younger than `after`."""
        if not after:  # SQLite counts pages then, not rows
            return int(self.db.value("SELECT count(*) FROM contents"))
        return int(self.db.value("SELECT count(*) FROM contents WHERE id > ?", (after,)))

    def is_empty(self) -> bool:
        return self.db.value("SELECT 1 FROM contents LIMIT 1") is None

    def put_photo(self, photo: Photo) -> None:
        """A photo that can be read is no longer skipped."""
        row = (stored_path(photo.path), photo.content_id, photo.size, photo.mtime_ns)
        self.db.execute(
            "INSERT INTO photos (path, content_id, size, mtime_ns) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE "
            "SET content_id = excluded.content_id, size = excluded.size, mtime_ns = excluded.mtime_ns",
            row,
        )
        self.db.execute("DELETE FROM skipped WHERE path = ?", row[:1])

    def put_texts(self, path: str, stamp: str, says: Says, roots: Iterable[str]) -> None:
        """What the file of a photo of the library says about itself."""
        texts.put(self.db, stored_path(path), stamp, says, names(path, roots))

    def entries(self) -> Iterator[Entry]:
        return entries.all_of(self.db)

    def put_entries(self, several: Iterable[Entry]) -> None:
        for entry in several:
            entries.put(self.db, entry)

    def rename_photo(self, path: str, target: str, roots: Sequence[str]) -> None:
        entries.rename_photo(self.db, path, target, roots)

    def rename_others(self, folder: str, renamed: Callable[[str], str]) -> None:
        entries.rename_others(self.db, folder, renamed)

    def remove_photos(self, paths: Iterable[str]) -> None:
        gone = [stored_path(path) for path in paths]
        texts.forget(self.db, gone)
        self.db.execute_many("DELETE FROM photos WHERE path = ?", [(path,) for path in gone])

    def facts(self) -> Iterator[PhotoFacts]:
        """Of all photos, in order of their paths."""
        sql = "SELECT path, content_id, size, ifnull(pixels, 0), ifnull(kind, ''), taken FROM photos ORDER BY path"
        for batch in self.db.batches(sql, (), size=CHUNK):
            with understanding(self.folder):
                photos = [PhotoFacts(path_of(row[0]), *row[1:]) for row in batch]
            yield from photos

    def paths_of(self, content_ids: Iterable[int], where: Filter | None = None) -> dict[int, list[str]]:
        """The photos of contents, those that `where` is true of."""
        return paths_of(self.db, content_ids, where)

    def having(self, text: str) -> int:
        """How many photos have words in their texts; none where there is no word in `text`."""
        return texts.having(self.db, text) if any(c.isalnum() for c in text) else 0

    def ids(self, where: Filter | None = None, *, after: int = 0) -> Ids:
        """The contents above `after` that have a photo which the filter is true of, ascending; None: all contents."""
        with understanding(self.folder):
            if where is not None:
                return np.array(texts.contents(self.db, where, after), dtype=np.int64)
            rows = self.db.rows("SELECT id FROM contents WHERE id > ? ORDER BY id", (after,))
            return np.array([content_id for (content_id,) in rows], dtype=np.int64)

    def count(self, where: Filter) -> int:
        """How many contents those are."""
        return texts.count(self.db, where)

    def best_texts(self, where: Filter, k: int) -> list[tuple[str, float]]:
        """The k photos that tell most about `where.text`, and their BM25."""
        with understanding(self.folder):
            return [(path_of(path), score) for path, score in texts.best(self.db, where, k)]

    def photo(self, path: str) -> Photo | None:
        sql = "SELECT content_id, size, mtime_ns FROM photos WHERE path = ?"
        rows = self.db.rows(sql, (stored_path(path),))
        with understanding(self.folder):
            return next((Photo(path, integer(i), integer(n), integer(ns)) for i, n, ns in rows), None)

    def paths_ending(self, name: str) -> list[str]:
        """The photos whose path is something, a slash and `name`, sorted."""
        return paths_ending(self.db, name)

    # Skipped photos

    def skipped(self, folders: Iterable[str] = (os.sep,)) -> Iterator[Refused]:
        return refused.below(self.db, self.folder, folders)

    def put_skipped(self, photo: Refused) -> None:
        """A photo that can no longer be read is no photo of the library."""
        refused.put(self.db, photo)
        self.remove_photos([photo.path])

    def refused_by(self) -> int:
        return refused.number(self._meta("refused_by"))

    def forget_skipped(self, refused_by: int) -> None:
        self.db.execute("DELETE FROM skipped")
        self._set_meta("refused_by", str(refused_by))

    def remove_skipped(self, paths: Iterable[str]) -> None:
        self.db.execute_many("DELETE FROM skipped WHERE path = ?", [(stored_path(path),) for path in paths])

    # Contents

    def known_hashes(self) -> KnownHashes:
        """The hashes of all contents, to be asked by many threads."""
        return KnownHashes(self.folder)

    def hash_to_id(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Of those of the hashes that are known."""
        asked = list(digests)  # of one batch: fewer than SQLite takes at once
        return dict(self.db.rows(f"SELECT hash, id FROM contents WHERE hash IN ({','.join('?' * len(asked))})", asked))

    def content_of_hash(self, digest: bytes) -> int | None:
        found: int | None = self.db.value("SELECT id FROM contents WHERE hash = ?", (digest,))
        return found

    def hash_of_content(self, content_id: int) -> bytes:
        digest: bytes = self.db.value("SELECT hash FROM contents WHERE id = ?", (content_id,))
        return digest

    def hashes(self) -> Iterator[tuple[int, bytes]]:
        return entries.hashes(self.db)

    def add_content(self, digest: bytes) -> int:
        """The id of a new content, larger than any before."""
        return self.db.execute("INSERT INTO contents (hash) VALUES (?)", (digest,))

    def add_contents(self, digests: Sequence[bytes]) -> list[int]:
        return [self.add_content(digest) for digest in digests]

    def remove_orphans(self) -> int:
        """Delete contents that no photo has any more, with their vectors. How many."""
        removed = self.db.change(
            "DELETE FROM contents WHERE id IN (SELECT content_id FROM orphans) "
            "AND NOT EXISTS (SELECT 1 FROM photos WHERE photos.content_id = contents.id)"
        )
        self.db.execute("DELETE FROM orphans")
        return removed

    def seal(self) -> None:
        """Let the file hold everything by itself. Raises WriteError."""
        self.db.seal()

    def compact(self) -> None:
        """Give back the room that deleted rows leave. Needs as much room again for a moment."""
        texts.optimize(self.db)
        self.db.execute("VACUUM")
        self.db.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    # Graphs

    def graph(self, space: str) -> GraphFile | None:
        rows = self.db.rows("SELECT * FROM graphs WHERE space = ?", (space,))
        return GraphFile(*rows[0]) if rows else None

    def put_graph(self, graph: GraphFile) -> None:
        self.db.execute("INSERT OR REPLACE INTO graphs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", graph)

    def remove_graph(self, space: str) -> None:
        self.db.execute("DELETE FROM graphs WHERE space = ?", (space,))

    def gone(self) -> Ids:
        """The contents that were deleted since the graphs were saved, ascending."""
        return np.array([i for (i,) in self.db.rows("SELECT content_id FROM gone ORDER BY content_id")], dtype=np.int64)

    def forget_gone(self) -> None:
        self.db.execute("DELETE FROM gone")

    def _meta(self, key: str) -> str | None:
        found: str | None = self.db.value("SELECT value FROM meta WHERE key = ?", (key,))
        return found

    def _set_meta(self, key: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
