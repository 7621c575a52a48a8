"""Are the values in a library's rows of the kind that devise writes? SQLite keeps whatever a column is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from devise.errors import counted
from devise.store import backup
from devise.store.digest import DIGEST_BYTES
from devise.store.sqlite.schema import ID_BITS, TABLES, statements
from devise.store.sqlite.store import Store

TRIGGER = next(statement for statement in statements(TABLES) if "TRIGGER photo_deleted" in statement)
MAX_ID = (1 << ID_BITS) - 1  # a higher number was never given
MAX_NUMBER = (1 << 63 - ID_BITS) - 1  # of a space: keys have 63 bits
MAX_REVISION = 1 << 40

_GARBLED = "typeof({0}) = 'text' AND NOT is_utf8(CAST({0} AS BLOB))"  # which Python's sqlite3 refuses to read
_PATH = f"typeof(path) NOT IN ('text', 'blob') OR length(path) = 0 OR {_GARBLED.format('path')}"
_FILE = f"{_PATH} OR typeof(size) != 'integer' OR typeof(mtime_ns) != 'integer'"
_ORPHAN = f"key & {MAX_ID} NOT IN (SELECT id FROM contents) OR key >> {ID_BITS} NOT IN (SELECT number FROM spaces)"
_NUMBER = f"content_id NOT BETWEEN 1 AND {MAX_ID}"
# Of each table, its name for people and what is true of a row that devise never wrote. In this order: the rows of a
# content that goes go too
BAD = {
    "contents": ("photos' contents",
                 f"id NOT BETWEEN 1 AND {MAX_ID} OR typeof(hash) != 'blob' OR length(hash) != {DIGEST_BYTES}"),
    "spaces": ("spaces",
               f"number NOT BETWEEN 1 AND {MAX_NUMBER} OR typeof(name) != 'text' OR {_GARBLED.format('name')}"),
    "vectors": ("vectors", _ORPHAN),
    "photos": ("photos", f"{_FILE} OR typeof(content_id) != 'integer'"),
    "roots": ("folders", _PATH),
    "skipped": ("skipped photos", f"{_FILE} OR typeof(reason) != 'text'"),
    "marks": ("judgements", f"{_PATH} OR typeof(hash) != 'blob' OR typeof(query) != 'text' OR typeof(marked) != 'text' "
                            f"OR {_GARBLED.format('query')} OR {_GARBLED.format('marked')} "
                            f"OR typeof(batch) != 'integer' OR batch NOT BETWEEN 0 AND {MAX_ID}"),
    "orphans": ("notes of photos that were removed", _NUMBER),
    "gone": ("notes of photos that were removed", _NUMBER),
}  # fmt: skip
# The last number that was given to a content, as SQLite keeps it, and the least that it can be
_LAST = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'contents' AND typeof(seq) = 'integer'"
_LEAST = "SELECT max(ifnull((SELECT max(id) FROM contents), 0), ifnull((SELECT max(max_id) FROM graphs), 0))"

Mend = Callable[[Store], None]


def findings(store: Store) -> Iterator[tuple[str, Mend]]:
    """What is wrong with them, and what mends it."""
    store.db.function("is_utf8", _is_utf8)
    if backup.lost_numbers(store):
        yield "the number of a space is lost, under which its vectors are kept", backup.restore_numbers
    for table, (name, is_bad) in BAD.items():
        count = store.db.value(f"SELECT count(*) FROM {table} WHERE {is_bad}")
        if count:
            yield f"{counted(count, f'row of {name} holds', f'rows of {name} hold')} what devise never wrote", _swept
    last, least = store.db.value(_LAST), store.db.value(_LEAST)
    if store.num_contents() and not (isinstance(least, int) and isinstance(last, int) and least <= last <= MAX_ID):
        yield "the count of photos is lost, which keeps numbers from being given twice", _counted
    revision = store.db.value("SELECT value FROM meta WHERE key = 'revision'")
    if revision is not None and not (str(revision).isdecimal() and len(str(revision)) < len(str(MAX_REVISION))):
        yield "the number of the last change is lost", _dated


def _is_utf8(stored: bytes) -> bool:
    try:
        stored.decode()
        return True
    except UnicodeDecodeError:
        return False


def _swept(store: Store) -> None:
    """What is lost by it is found again when the photos' folders are indexed."""
    store.db.function("is_utf8", _is_utf8)
    with store.transaction():
        store.db.execute("PRAGMA defer_foreign_keys = ON")
        store.db.execute("DROP TRIGGER IF EXISTS photo_deleted")  # it takes numbers only
        for table in ("photos", "roots", "skipped", "marks"):  # names that are no UTF-8 are kept as bytes
            store.db.execute(f"UPDATE OR REPLACE {table} SET path = CAST(path AS BLOB) WHERE {_GARBLED.format('path')}")
        for table, (_, is_bad) in BAD.items():
            store.db.execute(f"DELETE FROM {table} WHERE {is_bad}")
        store.db.execute("DELETE FROM photos WHERE content_id NOT IN (SELECT id FROM contents)")
        store.db.execute(TRIGGER)
        store.db.execute("INSERT OR IGNORE INTO orphans SELECT id FROM contents")
        store.db.execute("DELETE FROM graphs")


def _counted(store: Store) -> None:
    """Without graphs no number but those of the contents is known to anybody."""
    with store.transaction():
        store.db.execute("DELETE FROM graphs")
        store.db.execute("DELETE FROM gone")
        store.db.execute("DELETE FROM sqlite_sequence WHERE name = 'contents' OR typeof(name) != 'text'")
        store.db.execute("INSERT INTO sqlite_sequence SELECT 'contents', ifnull(max(id), 0) FROM contents")


def _dated(store: Store) -> None:
    """Higher than all before it, unless somebody wrote every second."""
    with store.transaction():
        store.db.execute("INSERT OR REPLACE INTO meta VALUES ('revision', ?)", (str(int(time.time())),))
