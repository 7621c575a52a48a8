"""What keeps a library on servers whole, and what follows photos that were moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from devise.store.paths import is_below
from devise.store.server.catalog import ServerCatalog
from devise.store.server.database import Database
from devise.store.server.tokens import column
from devise.store.texts import names

_UNOWNED = (
    "contents WHERE NOT EXISTS (SELECT 1 FROM photos WHERE content_id = contents.id) "
    "AND id NOT IN (SELECT content_id FROM orphans)"
)


class Upkeep(ServerCatalog):
    """A catalog that can be mended."""

    db: Database

    def num_unowned(self) -> int:
        """Contents of no photo that no run will look at."""
        return int(self.db.value(f"SELECT count(*) FROM {_UNOWNED}"))

    def remove_unowned(self) -> None:
        with self.db.transaction():
            self.db.execute(f"INSERT INTO orphans SELECT id FROM {_UNOWNED}")
            self.remove_orphans()

    def forget(self, ids: Sequence[int]) -> None:
        """Contents with their photos, which the next run reads again."""
        with self.db.transaction():
            for paths in self.paths_of(ids).values():
                self.remove_photos(paths)
            self.db.execute("INSERT INTO orphans SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING", (list(ids),))
            self.remove_orphans()

    def rename_photo(self, path: str, target: str, roots: Sequence[str]) -> None:
        called, old = names(target, roots), os.fsencode(path)
        said = self.db.value("SELECT captions FROM photos WHERE path = %s", (old,))
        tokens, count, words = column(called, said or "")
        self.db.execute("UPDATE photos SET path = %s WHERE path = %s", (os.fsencode(target), old))
        self.db.execute(
            "UPDATE photos SET names = %s, tokens = %s, num_tokens = %s, words = array_to_tsvector(%s) "
            "WHERE path = %s AND names IS NOT NULL",
            (called, tokens, count, words, os.fsencode(target)),
        )

    def rename_others(self, folder: str, renamed: Callable[[str], str]) -> None:
        """What else names paths below a folder: skipped photos, and judgements."""
        for table in ("skipped", "marks"):
            for (stored,) in self.db.rows(f"SELECT DISTINCT path FROM {table}"):
                if is_below(os.fsdecode(stored), folder):
                    target = os.fsencode(renamed(os.fsdecode(stored)))
                    if table == "skipped":
                        self.db.execute("DELETE FROM skipped WHERE path = %s", (target,))
                    self.db.execute(f"UPDATE {table} SET path = %s WHERE path = %s", (target, stored))

    def compact(self) -> None:
        """Give back the room that deleted rows leave; Milvus does so by itself."""
        for table in ("photos", "contents", "vectors", "work", "leases", "outbox"):
            self.db.execute(f"VACUUM ANALYZE {table}")
