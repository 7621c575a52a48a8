"""What `devise check` asks of a library's tables, and what mends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from devise.errors import DeviseError
from devise.spaces import Space
from devise.store.codec import CODECS
from devise.store.sqlite.schema import ID_BITS, TABLES, statements
from devise.store.sqlite.store import Store

CHUNK = 1_000  # rows looked at together, and one by one where that finds damage
MAX_PROBLEMS = 20  # of SQLite's own list: one is enough to act on
TEXTS = next(statement for statement in statements(TABLES) if "VIRTUAL TABLE texts" in statement)

_ROWS = (
    f"SELECT key & {(1 << ID_BITS) - 1}, data FROM vectors WHERE key BETWEEN ?1 << {ID_BITS} AND (?1 + 1) << {ID_BITS}"
)
_HOMELESS = "FROM photos WHERE content_id NOT IN (SELECT id FROM contents)"
_UNOWNED = "FROM contents WHERE id NOT IN (SELECT content_id FROM photos)"
_TEXTLESS = "SELECT count(*) FROM photos WHERE stamp IS NOT NULL AND text_id NOT IN (SELECT rowid FROM texts)"
_EXTRA = "FROM texts WHERE rowid NOT IN (SELECT text_id FROM photos WHERE text_id IS NOT NULL)"


def problems_of_file(store: Store) -> list[str]:
    """What SQLite itself finds wrong with the file."""
    found = (text for (text,) in store.db.rows(f"PRAGMA integrity_check({MAX_PROBLEMS})"))
    return [" ".join(text.split()) for text in found if text != "ok"]


def reindex(store: Store) -> None:
    store.db.execute("REINDEX")


def num_homeless(store: Store) -> int:
    """Photos of no content."""
    return int(store.db.value(f"SELECT count(*) {_HOMELESS}"))


def remove_homeless(store: Store) -> None:
    with store.transaction():
        store.db.execute(f"DELETE {_HOMELESS}")
        store.db.execute(f"DELETE {_EXTRA}")


def num_unowned(store: Store) -> int:
    """Contents of no photo that no run will look at."""
    return int(store.db.value(f"SELECT count(*) {_UNOWNED} AND id NOT IN (SELECT content_id FROM orphans)"))


def remove_unowned(store: Store) -> None:
    with store.transaction():
        store.db.execute(f"DELETE {_UNOWNED}")


def without_row(store: Store, space: Space) -> set[int]:
    """Contents that have no row in a space, or one that is damaged."""
    return set(store.vectors.lacking(space).tolist()) | damaged_rows(store, space)


def damaged_rows(store: Store, space: Space) -> set[int]:
    number = store.space_numbers().get(space.name, 0)
    bad = _bad_regions if space.dtype == "regions" else _bad_rows
    return set(bad(store, space, number))


def has_rows(store: Store, space: Space) -> bool:
    number = store.space_numbers().get(space.name, 0)
    return bool(store.db.rows(f"{_ROWS} LIMIT 1", (number,)))


def _bad_rows(store: Store, space: Space, number: int) -> Iterator[int]:
    for batch in store.db.batches(_ROWS, (number,), size=CHUNK):
        yield from _undecoded(space, batch)


def _bad_regions(store: Store, space: Space, number: int) -> Iterator[int]:
    """Regions that are none, or are not as many, or of another rank, than those of most photos."""
    kinds = f"SELECT length(data), substr(data, 1, 1) FROM ({_ROWS}) GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
    usual = next(iter(store.db.rows(kinds, (number,))), None)
    for batch in store.db.batches(_ROWS, (number,), size=CHUNK):
        whole = [row for row in batch if isinstance(row[1], bytes) and (len(row[1]), row[1][:1]) == usual]
        yield from {row[0] for row in batch} - {row[0] for row in whole}
        yield from _undecoded(space, whole)


def _undecoded(space: Space, rows: list[Any]) -> Iterator[int]:
    if not _decodes(space, rows):
        yield from (row[0] for row in rows if not _decodes(space, [row]))


def _decodes(space: Space, rows: list[Any]) -> bool:
    try:
        CODECS[space.dtype].decode(space, [row[1] for row in rows])
    except (ValueError, TypeError):
        return False
    return True


def forget(store: Store, ids: Iterable[int]) -> None:
    """Contents with their photos, which the next run reads again."""
    with store.transaction():
        for content_id in ids:
            store.remove_photos(store.paths_of([content_id]).get(content_id, []))
            store.db.execute("DELETE FROM contents WHERE id = ?", (content_id,))


def texts_off(store: Store) -> tuple[int, int] | None:
    """How many texts are missing and how many too many; None: their index cannot be read."""
    missing, extra = store.db.value(_TEXTLESS), store.db.value(f"SELECT count(*) {_EXTRA}")
    try:
        store.db.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, 'texts', 'row')")
        store.db.value("SELECT sum(cnt) FROM temp.terms")  # reads all of the index
        store.db.execute("DROP TABLE temp.terms")
    except (DeviseError, sqlite3.Error):
        return None
    return int(missing), int(extra)


def drop_texts(store: Store) -> None:
    """The next run asks the files again."""
    with store.transaction():
        store.db.execute("UPDATE photos SET stamp = NULL, text_id = NULL")
        store.db.execute("DROP TABLE texts")
        store.db.execute(TEXTS)
