"""Work that several programs share, as leases in PostgreSQL: SELECT ... FOR UPDATE SKIP LOCKED is the queue.

A program that has joined renews its time; what it has taken is its own as long as that lasts, by PostgreSQL's clock.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from devise.errors import DeviseError
from devise.store.location import Address
from devise.store.paths import outermost
from devise.store.server.database import Database
from devise.store.server.filters import below

WAIT_SECONDS = 1.0  # until a copy of what another program encodes is looked at again
MAX_BATCHES = 8  # of a share: who takes more keeps the others waiting at the end of a run
AT_ONCE = 10_000  # paths a statement

_ALIVE = "SELECT id FROM workers WHERE until > now()"
_FREE = f"(worker IS NULL OR worker NOT IN ({_ALIVE}))"
_TAKE = (
    f"UPDATE work SET worker = %s WHERE path IN (SELECT path FROM work WHERE {_FREE} AND after < now() AND {{}} "
    "ORDER BY path LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING path"
)
# Those that nobody has, or a dead one had; an id that was given to a content stays with it
_CLAIM = (
    "INSERT INTO leases (hash, worker) SELECT unnest(%s::bytea[]), %s ON CONFLICT (hash) DO UPDATE "
    f"SET worker = excluded.worker WHERE leases.worker = excluded.worker OR leases.worker NOT IN ({_ALIVE}) "
    "RETURNING hash"
)
_STORED = "SELECT hash FROM contents WHERE hash = ANY(%s)"


class ServerQueue:
    """devise.store.base.Queue. Between `joined` and its end it is one of the workers."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._worker: int | None = None

    @contextmanager
    def joined(self, lease_seconds: float) -> Iterator[None]:
        sql = "INSERT INTO workers (computer, process, until) VALUES (%s, %s, now() + %s * interval '1 s') RETURNING id"
        self._worker = int(self._db.value(sql, (platform.node(), os.getpid(), lease_seconds)))
        stop = threading.Event()
        beats = threading.Thread(
            target=_beat, args=(self._db.address, self._worker, lease_seconds, stop), name="devise-lease", daemon=True
        )
        beats.start()
        try:
            yield
        finally:
            stop.set()
            beats.join()
            with suppress(DeviseError):  # its time ends by itself
                self._db.execute("UPDATE workers SET until = now() WHERE id = %s", (self._worker,))

    def offer(self, paths: Iterable[str]) -> None:
        several = [os.fsencode(path) for path in paths]
        for start in range(0, len(several), AT_ONCE):
            sql = "INSERT INTO work (path) SELECT unnest(%s::bytea[]) ON CONFLICT DO NOTHING"
            self._db.execute(sql, (several[start : start + AT_ONCE],))

    def take(self, folders: Sequence[str], batch: int) -> list[str]:
        chosen, values = below(outermost(folders))
        alive = max(1, int(self._db.value(f"SELECT count(*) FROM ({_ALIVE}) AS alive")))
        share = self.left(folders) // (4 * alive * batch)  # a fourth of what is ours if all take equal shares
        size = batch * max(1, min(MAX_BATCHES, share))
        taken = self._db.rows(_TAKE.format(chosen), (self._worker, *values, size))
        return sorted(os.fsdecode(path) for (path,) in taken)

    def claim(self, digests: Iterable[bytes]) -> set[bytes]:
        """Asked for once more when they are ours: whoever had one may have stored it since it was looked up."""
        wanted = sorted({*digests})  # two programs that claim in one order never wait for each other in a ring
        if not wanted:
            return set()
        ours = {bytes(digest) for (digest,) in self._db.rows(_CLAIM, (wanted, self._worker))}
        stored = {bytes(digest) for (digest,) in self._db.rows(_STORED, (list(ours),))}
        if stored:
            self._release(stored)
        return ours - stored

    def finish(self, paths: Iterable[str], encoded: Iterable[bytes]) -> set[str]:
        several, digests = [os.fsencode(path) for path in paths], list(encoded)
        sql = "DELETE FROM work WHERE path = ANY(%s) AND worker = %s RETURNING path"
        ours = {os.fsdecode(path) for (path,) in self._db.rows(sql, (several, self._worker))}
        self._release(digests)
        count = "UPDATE workers SET done = done + %s, encoded = encoded + %s WHERE id = %s"
        self._db.execute(count, (len(ours), len(digests), self._worker))
        return ours

    def _release(self, digests: Iterable[bytes]) -> None:
        self._db.execute("DELETE FROM leases WHERE hash = ANY(%s) AND worker = %s", (list(digests), self._worker))

    def give_back(self, paths: Iterable[str]) -> None:
        several = [os.fsencode(path) for path in paths]
        sql = "UPDATE work SET worker = NULL, after = now() + %s * interval '1 s' WHERE path = ANY(%s) AND worker = %s"
        self._db.execute(sql, (WAIT_SECONDS, several, self._worker))

    def left(self, folders: Sequence[str]) -> int:
        chosen, values = below(outermost(folders))
        return int(self._db.value(f"SELECT count(*) FROM work WHERE {chosen}", values))


def _beat(address: Address, worker: int, seconds: float, stop: threading.Event) -> None:
    """Renew a worker's time, on a connection of its own: the other one may be in a transaction."""
    with closing(Database(address)) as db:
        while not stop.wait(seconds / 3):
            with suppress(DeviseError):  # the worker finds out by itself, or the next beat is in time
                db.execute("UPDATE workers SET until = now() + %s * interval '1 s' WHERE id = %s", (seconds, worker))
