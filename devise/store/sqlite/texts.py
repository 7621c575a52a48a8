"""What the photos of a library say about themselves, in SQLite: when, how large, and texts to be looked up (FTS5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devise.store.base import Says
from devise.store.filter import Filter
from devise.store.sqlite.database import Database
from devise.store.sqlite.filters import condition, match
from devise.store.texts import captions


def put(db: Database, path: str | bytes, stamp: str, says: Says, words: str) -> None:
    """Of a photo that is in the library; path: as it is stored there."""
    forget(db, [path])
    values = (words, captions(says), path)
    text_id = db.execute("INSERT INTO texts (names, captions, path) VALUES (?, ?, ?)", values)
    row = (says.taken, says.pixels, says.kind, stamp, text_id, path)
    db.execute("UPDATE photos SET taken = ?, pixels = ?, kind = ?, stamp = ?, text_id = ? WHERE path = ?", row)


def forget(db: Database, paths: Sequence[str | bytes]) -> None:
    """The texts of photos that are about to go."""
    sql = "DELETE FROM texts WHERE rowid = (SELECT text_id FROM photos WHERE path = ?)"
    db.execute_many(sql, [(path,) for path in paths])


def having(db: Database, text: str) -> int:
    """How many photos have all these words in their texts. Raises WordError for what has no word."""
    return int(db.value("SELECT count(*) FROM texts WHERE texts MATCH ?", (match(text),)))


def contents(db: Database, where: Filter, after: int) -> list[int]:
    """The contents, younger than `after`, of the photos that `where` is true of, ascending."""
    sql_condition, values = condition(where)
    sql = f"SELECT DISTINCT content_id FROM photos WHERE content_id > ? AND {sql_condition} ORDER BY content_id"
    return [content_id for (content_id,) in db.rows(sql, [after, *values])]


def count(db: Database, where: Filter) -> int:
    """How many contents the photos have that `where` is true of."""
    sql_condition, values = condition(where)
    return int(db.value(f"SELECT count(DISTINCT content_id) FROM photos WHERE {sql_condition}", values))


def best(db: Database, where: Filter, k: int) -> list[tuple[Any, float]]:
    """The k photos whose texts are most about `where.text`, and how much: BM25 (Robertson and Zaragoza, 2009).

    Names count as much as captions; equal ones by path.
    """
    assert where.text is not None
    sql_condition, values = condition(where)
    sql = (
        "SELECT photos.path, -bm25(texts) FROM texts JOIN photos ON photos.path = texts.path "
        f"WHERE texts MATCH ? AND photos.path IN (SELECT path FROM photos WHERE {sql_condition}) "
        "ORDER BY bm25(texts), photos.path LIMIT ?"
    )
    return [(path, float(score)) for path, score in db.rows(sql, (match(where.text), *values, k))]


def optimize(db: Database) -> None:
    """Give back the room that forgotten texts leave."""
    db.execute("INSERT INTO texts (texts) VALUES ('optimize')")


def rename(db: Database, path: str | bytes, target: str | bytes, words: str) -> None:
    """Of a photo that is about to get another path."""
    sql = "UPDATE texts SET path = ?, names = ? WHERE rowid = (SELECT text_id FROM photos WHERE path = ?)"
    db.execute(sql, (target, words, path))
