"""The store of one library on servers: PostgreSQL is the truth, Milvus finds near vectors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from threading import Lock

from devise.errors import LibraryError
from devise.spaces import ModelInfo, Space, model_crc
from devise.store.base import space_of
from devise.store.location import Address
from devise.store.server.database import Database
from devise.store.server.judgements import ServerJudgements
from devise.store.server.listing import ServerListing
from devise.store.server.milvus import MilvusIndex
from devise.store.server.queue import ServerQueue
from devise.store.server.served import ServedIndex
from devise.store.server.upkeep import Upkeep
from devise.store.server.vectors import ServerVectors

_SET = "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_RAISE = (
    "INSERT INTO meta VALUES ('revision', '1') ON CONFLICT (key) DO UPDATE SET value = (meta.value::bigint + 1)::text"
)


class ServerStore(Upkeep):
    """devise.store.base.Store. Many programs read and write it at once, on one computer or on several."""

    def __init__(self, address: Address, *, create: bool = False) -> None:
        """Raises LibraryError where there is none, unless `create`."""
        self.address, self.db = address, Database(address)
        self.vectors = ServerVectors(self.db)
        self.judgements, self.listing = ServerJudgements(self.db), ServerListing(self.db)
        self.served = ServedIndex(self.db, self.vectors, MilvusIndex(address))
        self.queue = ServerQueue(self.db)
        try:
            if create:
                self.db.create()
            elif not self.db.exists():
                raise LibraryError(f"there is no library at {address}; run: devise index FOLDER")
            self.db.check_format()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def exists(address: Address) -> bool:
        """Raises LibraryError when nobody can tell."""
        with closing(Database(address)) as db:
            return db.exists()

    @property
    def name(self) -> str:
        return str(self.address)

    def close(self) -> None:
        self.db.close()
        self.served.milvus.close()

    def version(self) -> int:
        return self.revision()

    def place(self) -> tuple[object, ...]:
        return (self.db.value("SELECT oid::bigint FROM pg_namespace WHERE nspname = %s", (self.db.schema,)),)

    def num_bytes(self) -> int:
        """In PostgreSQL; Milvus has four bytes a number of the spaces that it searches, beside its log."""
        sql = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"
        )
        return int(self.db.value(sql, (self.db.schema,)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Raises the revision last of all: two programs then wait for each other no longer than a commit takes."""
        with self.db.transaction():
            yield
            self.db.execute(_RAISE)

    def snapshot(self) -> AbstractContextManager[None]:
        return self.db.transaction(write=False)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While photos are brought in, by whomever. Raises LibraryError where somebody has the library alone."""
        yield from self._locked("pg_try_advisory_lock_shared", "pg_advisory_unlock_shared")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody brings photos in. Raises LibraryError where somebody does."""
        yield from self._locked("pg_try_advisory_lock", "pg_advisory_unlock")

    def _locked(self, lock: str, unlock: str) -> Iterator[None]:
        name = (self.db.schema,)
        if not self.db.value(f"SELECT {lock}(hashtext(%s))", name):
            raise LibraryError(f"another devise is writing to {self.address}; wait until it has finished")
        try:
            yield
        finally:
            self.db.execute(f"SELECT {unlock}(hashtext(%s))", name)

    # What the library is

    def model(self) -> ModelInfo | None:
        return self.served.model()

    def labels(self) -> tuple[str, ...]:
        return tuple(json.loads(self._meta("labels") or "[]"))

    def set_model(self, model: ModelInfo, labels: Sequence[str]) -> None:
        """Of two programs that begin a library one sees what the other has set."""
        self.db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self.db.schema} model",))
        self._set_meta("model", json.dumps(model.to_json()))
        self._set_meta("labels", json.dumps(list(labels)))
        self._set_meta("model_crc", model_crc(model.to_json(), labels))

    def model_path(self) -> str | None:
        return self._meta("model_path") or None

    def set_model_path(self, path: str) -> None:
        self._set_meta("model_path", path)

    def unfinished(self) -> tuple[str, ...]:
        return tuple(json.loads(self._meta("unfinished") or "[]"))

    def set_unfinished(self, spaces: Iterable[str]) -> None:
        self._set_meta("unfinished", json.dumps(sorted({*spaces})))

    def space(self, name: str) -> Space:
        return space_of(self.model(), name)

    def space_numbers(self) -> dict[str, int]:
        return self.vectors.numbers()

    def revision(self) -> int:
        return int(self._meta("revision") or 0)

    def next_revision(self) -> int:
        """That of this transaction, which raises it when it ends."""
        return self.revision() + 1

    def roots(self) -> list[str]:
        return [os.fsdecode(path) for (path,) in self.db.rows("SELECT path FROM roots ORDER BY path")]

    def add_roots(self, paths: Iterable[str]) -> None:
        rows = [(os.fsencode(path),) for path in paths]
        self.db.execute_many("INSERT INTO roots VALUES (%s) ON CONFLICT DO NOTHING", rows)

    def remove_roots(self, paths: Iterable[str]) -> None:
        self.db.execute("DELETE FROM roots WHERE path = ANY(%s)", ([os.fsencode(path) for path in paths],))

    def refused_by(self) -> int:
        return int(self._meta("refused_by") or 0)

    def forget_skipped(self, refused_by: int) -> None:
        self.db.execute("DELETE FROM skipped")
        self._set_meta("refused_by", str(refused_by))

    def known_hashes(self) -> KnownHashes:
        return KnownHashes(self.address)

    def _meta(self, key: str) -> str | None:
        found: str | None = self.db.value("SELECT value FROM meta WHERE key = %s", (key,))
        return found

    def _set_meta(self, key: str, value: str) -> None:
        self.db.execute(_SET, (key, value))


class KnownHashes:
    """Think of it as a set of the hashes of all contents, asked by the threads that read photos."""

    def __init__(self, address: Address) -> None:
        self._db, self._lock = Database(address), Lock()

    def __contains__(self, digest: object) -> bool:
        with self._lock:
            return self._db.value("SELECT 1 FROM contents WHERE hash = %s", (digest,)) is not None

    def close(self) -> None:
        with self._lock:
            self._db.close()
