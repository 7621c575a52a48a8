"""Rows from one library to another, and photos that get another path."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

from devise.spaces import ModelInfo
from devise.store.sqlite.database import FILE, telling
from devise.store.sqlite.schema import ID_BITS
from devise.store.sqlite.store import Store


def copy_without_indices(store: Store, file: Path, name: Path) -> int:
    """All else into an empty file, which messages call `name`. How many photos it has."""
    store.db.copy_to(file)
    with telling(name), closing(sqlite3.connect(file)) as made, made:
        made.execute("DELETE FROM graphs")
        made.execute("DELETE FROM gone")
        return int(made.execute("SELECT count(*) FROM photos").fetchone()[0])


def add_library(
    store: Store, other: Path, model: ModelInfo | None, labels: Sequence[str], without: Collection[str] = ()
) -> int:
    """The photos of the library in the folder `other` that this one lacks. How many those are.

    model: to be set, where this one has none. without: spaces that the other has other rows of. Of a photo
    that both know this one's row stays.
    """
    before = store.num_photos()
    store.db.attach(other / FILE, "other")
    with store.transaction():
        if model is not None:
            store.set_model(model, labels)
        _add_contents(store, without)
        _add_photos(store)
        store.db.execute("INSERT OR IGNORE INTO orphans SELECT id FROM contents")
        store.remove_orphans()  # of photos that both know and that have changed
        store.next_revision()
    store.db.execute("DETACH other")
    return store.num_photos() - before


def _add_contents(store: Store, without: Collection[str]) -> None:
    execute = store.db.execute
    execute("INSERT INTO contents (hash) SELECT hash FROM other.contents WHERE hash NOT IN (SELECT hash FROM contents)")
    model = store.model()
    spaces = [space for space in model.spaces if space.name not in without] if model else []
    names = [each.name for space in spaces for each in (space, space.regions())]
    marks = ",".join("?" * len(names))  # of looks that only the other has no row comes over
    missing = f"name IN ({marks}) AND name NOT IN (SELECT name FROM spaces)"
    execute(f"INSERT INTO spaces (name) SELECT name FROM other.spaces WHERE {missing}", names)
    both = "spaces AS ours JOIN other.spaces AS theirs USING (name)"
    pairs = store.db.rows(f"SELECT ours.number, theirs.number FROM {both} WHERE name IN ({marks})", names)
    for ours, theirs in pairs:
        execute(
            f"INSERT OR IGNORE INTO vectors SELECT ?1 << {ID_BITS} | mine.id, row.data FROM other.vectors AS row "
            f"JOIN other.contents AS theirs ON theirs.id = row.key & {(1 << ID_BITS) - 1} "
            f"JOIN contents AS mine USING (hash) WHERE row.key BETWEEN ?2 << {ID_BITS} AND (?2 + 1) << {ID_BITS}",
            (ours, theirs),
        )


def _add_photos(store: Store) -> None:
    """With their texts, and what was said of them."""
    rows = store.db.rows(
        "SELECT p.path, mine.id, p.size, p.mtime_ns, p.taken, p.pixels, p.kind, p.stamp, t.names, t.captions "
        "FROM other.photos AS p JOIN other.contents AS theirs ON theirs.id = p.content_id "
        "JOIN contents AS mine USING (hash) LEFT JOIN other.texts AS t ON t.rowid = p.text_id "
        "WHERE p.path NOT IN (SELECT path FROM photos)"
    )
    for *photo, called, captions in rows:
        text_id = None
        if called is not None:
            sql = "INSERT INTO texts (names, captions, path) VALUES (?, ?, ?)"
            text_id = store.db.execute(sql, (called, captions, photo[0]))
        store.db.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*photo, text_id))
    for table in ("roots", "skipped"):
        store.db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM other.{table}")
    columns = "query, hash, path, is_good, marked"
    store.db.execute(  # of two of one second ours counts
        f"INSERT INTO marks ({columns}, batch) SELECT {columns}, batch + (SELECT ifnull(max(batch), 0) FROM marks) "
        "FROM other.marks WHERE (query, hash, marked) NOT IN (SELECT query, hash, marked FROM marks) ORDER BY id"
    )
