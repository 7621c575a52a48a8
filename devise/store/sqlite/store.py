"""What a library knows: photos, contents, vectors. The only truth; graphs are derived from it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from devise.errors import LibraryError
from devise.spaces import ModelInfo
from devise.store.filter import Where
from devise.store.paths import outermost, ranges
from devise.store.records import GraphFile, Photo, Refused, path_of, stored_path
from devise.store.regions import pack
from devise.store.sqlite import codec, texts
from devise.store.sqlite.codec import Views
from devise.store.sqlite.database import FILE, Database, understanding
from devise.store.sqlite.schema import SPACES
from devise.vectors import Ids, Vector

DIGEST_BYTES = 20  # 160 bits: two of a billion photos share a hash with probability 1e-31
_VIEWS = "SELECT words.content_id, words.vector, parts.packed FROM words LEFT JOIN parts USING (content_id)"
CHUNK = 4_096  # rows read at once while scanning: 5 MB of words vectors
VIEWS = 512  # with parts: 6 MB when they are unpacked, which is room that a process has already


class Store:
    """The rows of one library. Readers share it with one writer; `transaction` makes several calls one."""

    def __init__(self, folder: Path, *, write: bool = False, threads: bool = False) -> None:
        self.folder = folder
        self.db = Database(folder, write=write, threads=threads)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Raises LibraryError when nobody can tell."""
        try:
            return (folder / FILE).is_file()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise LibraryError(f"the library {folder} cannot be reached: {reason}; check its path") from error

    def close(self) -> None:
        self.db.close()

    def version(self) -> int:
        """Another number whenever somebody else has written."""
        return self.db.version()

    def transaction(self, *, write: bool = True) -> AbstractContextManager[None]:
        return self.db.transaction(write=write)

    # What the library is

    def model(self) -> ModelInfo | None:
        """What made the vectors; None as long as there are none."""
        text = self._meta("model")
        with understanding(self.folder):
            model = ModelInfo.from_json(json.loads(text)) if text else None
            if model and not all(space.name in SPACES for space in model.spaces):
                raise ValueError("a space of no library")
            return model

    def labels(self) -> tuple[str, ...]:
        """The words that the model has learnt, kept so that tagging needs no model."""
        with understanding(self.folder):
            return tuple(map(str, json.loads(self._meta("labels") or "[]")))

    def set_model(self, model: ModelInfo, labels: Sequence[str]) -> None:
        self._set_meta("model", json.dumps(model.to_json()))
        self._set_meta("labels", json.dumps(list(labels)))
        self._set_meta("model_crc", model_crc(model.to_json(), labels))

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

    def put_texts(self, path: str, stamp: str, says: texts.Says, roots: Iterable[str]) -> None:
        """What the file of a photo of the library says about itself."""
        texts.put(self.db, stored_path(path), stamp, says, texts.names(path, roots))

    def remove_photos(self, paths: Iterable[str]) -> None:
        gone = [stored_path(path) for path in paths]
        texts.forget(self.db, gone)
        self.db.execute_many("DELETE FROM photos WHERE path = ?", [(path,) for path in gone])

    def paths_of(self, content_ids: Iterable[int], where: Where | None = None) -> dict[int, list[str]]:
        """The photos of contents, those that `where` is true of."""
        condition, values = (where or Where()).sql()
        found: dict[int, list[str]] = {}
        for ids, marks in _chunks(content_ids):
            sql = f"SELECT content_id, path FROM photos WHERE content_id IN ({marks}) AND {condition}"
            rows = self.db.rows(sql, [*ids, *values])
            with understanding(self.folder):
                for content_id, path in rows:
                    found.setdefault(content_id, []).append(path_of(path))
        return found

    def having(self, text: str) -> int:
        """How many photos have words in their texts; none where there is no word in `text`."""
        return texts.having(self.db, text) if any(c.isalnum() for c in text) else 0

    def chosen(self, where: Where, *, after: int = 0) -> Ids:
        """The contents, younger than `after`, of the photos that `where` is true of, ascending."""
        with understanding(self.folder):
            return np.array(texts.contents(self.db, where, after), dtype=np.int64)

    def count(self, where: Where) -> int:
        """How many contents those are."""
        return texts.count(self.db, where)

    def telling(self, where: Where, k: int) -> list[tuple[str, float]]:
        """The k photos that tell most about `where.text`, and their BM25."""
        with understanding(self.folder):
            return [(path_of(path), score) for path, score in texts.best(self.db, where, k)]

    def photo(self, path: str) -> Photo | None:
        sql = "SELECT content_id, size, mtime_ns FROM photos WHERE path = ?"
        rows = self.db.rows(sql, (stored_path(path),))
        with understanding(self.folder):
            return next((Photo(path, _integer(i), _integer(n), _integer(ns)) for i, n, ns in rows), None)

    def paths_ending(self, name: str) -> list[str]:
        """The photos whose path is something, a slash and `name`, sorted."""
        end = os.fsencode("/" + name.lstrip("/"))
        rows = self.db.rows(
            "SELECT path FROM photos WHERE substr(CAST(path AS BLOB), -length(?1)) = ?1 ORDER BY path", (end,)
        )
        with understanding(self.folder):
            return [path_of(path) for (path,) in rows]

    def has_marks(self) -> bool:
        """Whether anybody has judged an answer."""
        return self.db.value("SELECT 1 FROM marks LIMIT 1") is not None

    # Skipped photos

    def skipped(self, folders: Iterable[str] = (os.sep,)) -> Iterator[Refused]:
        """Those below any of the folders, each once."""
        sql = "SELECT path, size, mtime_ns, reason FROM skipped WHERE path >= ? AND path < ? ORDER BY path"
        for bounds in (bounds for folder in outermost(folders) for bounds in ranges(folder)):
            for path, size, mtime_ns, reason in self.db.rows(sql, bounds):
                with understanding(self.folder):
                    refused = Refused(path_of(path), size, mtime_ns, reason)
                yield refused

    def put_skipped(self, refused: Refused) -> None:
        """A photo that can no longer be read is no photo of the library."""
        path = stored_path(refused.path)
        row = (path, refused.size, refused.mtime_ns, refused.reason)
        self.db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?)", row)
        self.remove_photos([refused.path])

    def remove_skipped(self, paths: Iterable[str]) -> None:
        self.db.execute_many("DELETE FROM skipped WHERE path = ?", [(stored_path(path),) for path in paths])

    # Contents and vectors

    def hash_to_id(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Of those of the hashes that are known."""
        asked = list(digests)  # of one batch: fewer than SQLite takes at once
        return dict(self.db.rows(f"SELECT hash, id FROM contents WHERE hash IN ({','.join('?' * len(asked))})", asked))

    def content_of_hash(self, digest: bytes) -> int | None:
        found: int | None = self.db.value("SELECT id FROM contents WHERE hash = ?", (digest,))
        return found

    def add_content(self, digest: bytes, vectors: Mapping[str, Vector]) -> int:
        """Store a content with its vector in each space; its new id is larger than any before."""
        content_id = self.db.execute("INSERT INTO contents (hash) VALUES (?)", (digest,))
        for space, vector in vectors.items():
            if space == "parts":
                self.db.execute("INSERT INTO parts (content_id, packed) VALUES (?, ?)", (content_id, pack(vector)))
            elif space in SPACES:
                row = (content_id, np.asarray(vector, dtype=SPACES[space]).tobytes())
                self.db.execute(f"INSERT INTO {space} VALUES (?, ?)", row)
        return content_id

    def remove_orphans(self) -> int:
        """Delete contents that no photo has any more, with their vectors. How many."""
        removed = self.db.change(
            "DELETE FROM contents WHERE id IN (SELECT content_id FROM orphans) "
            "AND NOT EXISTS (SELECT 1 FROM photos WHERE photos.content_id = contents.id)"
        )
        self.db.execute("DELETE FROM orphans")
        return removed

    def ids(self) -> Ids:
        """Of all contents, ascending; each has a vector in every space of the model."""
        return np.array([i for (i,) in self.db.rows("SELECT id FROM contents ORDER BY id")], dtype=np.int64)

    def vector(self, space: str, content_id: int) -> Vector | None:
        ids, rows = self.vectors(space, [content_id])
        return rows[0] if len(ids) else None

    def vectors(self, space: str, ids: Iterable[int]) -> tuple[Ids, Vector]:
        """Those of the ids that are still there, ascending, and their rows: (n,), (n, dim)."""
        found: list[Any] = []
        for some, marks in _chunks(ids):
            sql = f"SELECT content_id, vector FROM {_known(space)} WHERE content_id IN ({marks}) ORDER BY content_id"
            found += self.db.rows(sql, some)
        return codec.matrix(self.folder, space, found)

    def scan(self, space: str, after: int = 0) -> Iterator[tuple[Ids, Vector]]:
        """All vectors of contents younger than `after`, in chunks: (n,), (n, dim)."""
        sql = f"SELECT content_id, vector FROM {_known(space)} WHERE content_id > ? ORDER BY content_id"
        for batch in self.db.batches(sql, (after,), size=CHUNK):
            yield codec.matrix(self.folder, space, batch)

    def views(self, ids: Iterable[int]) -> Views:
        """The words vectors of those ids that are still there, ascending, with those of their parts."""
        found: list[Any] = []
        for some, marks in _chunks(ids):
            found += self.db.rows(f"{_VIEWS} WHERE words.content_id IN ({marks}) ORDER BY words.content_id", some)
        return codec.views(self.folder, found)

    def scan_views(self, after: int = 0) -> Iterator[Views]:
        """All words vectors of contents younger than `after` with those of their parts, in chunks."""
        sql = f"{_VIEWS} WHERE words.content_id > ? ORDER BY words.content_id"
        for batch in self.db.batches(sql, (after,), size=VIEWS):
            yield codec.views(self.folder, batch)

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


def model_crc(model: object, labels: Sequence[str]) -> str:
    """Tells a model and its labels from damaged ones. model: as JSON, which newer versions say more in."""
    return str(crc32(json.dumps([model, list(labels)]).encode()))


def _integer(value: Any) -> int:
    """SQLite keeps whatever a column is given. Raises TypeError."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return value


def digest_of(data: bytes) -> bytes:
    """What tells contents apart."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def _known(space: str) -> str:
    if space not in SPACES:
        raise LibraryError(f'no space "{space}"; the spaces are: {", ".join(SPACES)}')
    return space


def _chunks(ids: Iterable[int], size: int = 30_000) -> Iterator[tuple[list[int], str]]:
    """Ascending, with their question marks: SQLite takes at most 32,766 values in one statement."""
    numbers = np.sort(np.fromiter(ids, np.int64)).tolist()
    for start in range(0, len(numbers), size):
        some = numbers[start : start + size]
        yield some, ",".join("?" * len(some))
