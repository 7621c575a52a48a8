"""Which contents a library has, asked by the threads that read photos: a copy need not be decoded."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from devise.store.sqlite.database import Database


class KnownHashes:
    """Think of it as a set of hashes that takes no memory, however large the library."""

    def __init__(self, folder: Path) -> None:
        self._db = Database(folder, write=False, threads=True)
        self._lock = Lock()

    def __contains__(self, digest: object) -> bool:
        with self._lock:
            return self._db.value("SELECT 1 FROM contents WHERE hash = ?", (digest,)) is not None

    def close(self) -> None:
        with self._lock:
            self._db.close()
