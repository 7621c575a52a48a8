"""Texts in PostgreSQL: which photos have words, and which are most about them, by the BM25 that FTS5 computes."""

from __future__ import annotations

from math import log
from typing import Any

from devise.store.filter import Filter
from devise.store.server.database import Database
from devise.store.server.filters import condition, having, matches
from devise.store.server.tokens import column

K1, B = 1.2, 0.75  # of FTS5 (sqlite.org/fts5.html, the bm25 function)
LEAST = 1e-6  # of a word that more than half of the photos have, as FTS5 has it
_PUT = (
    "UPDATE photos SET taken = %s, pixels = %s, kind = %s, stamp = %s, names = %s, captions = %s, tokens = %s, "
    "num_tokens = %s, words = array_to_tsvector(string_to_array(%s, ' ')) WHERE path = %s"
)


def put(db: Database, path: bytes, facts: tuple[Any, ...], names: str, captions: str) -> None:
    """facts: taken, pixels, kind, stamp."""
    db.execute(_PUT, (*facts, *columns(names, captions), path))


def columns(names: str | None, captions: str | None) -> tuple[Any, ...]:
    """Names, captions, tokens, how many those are, and the different ones with spaces between."""
    if names is None and captions is None:
        return (None,) * 5
    tokens, count, words = column(names or "", captions or "")
    return _storable(names or ""), _storable(captions or ""), tokens, count, " ".join(words)


def _storable(text: str) -> str:
    """PostgreSQL's texts hold no NUL."""
    return text.replace("\0", " ")


def count_having(db: Database, text: str) -> int:
    """How many photos have all these words. Raises WordError for what has no word."""
    sql, values = having(text)
    return int(db.value(f"SELECT count(*) FROM photos WHERE {sql}", values))


def best(db: Database, where: Filter, k: int) -> list[tuple[bytes, float]]:
    """The k photos whose texts are most about `where.text`: BM25 (Robertson and Zaragoza, 2009), equal ones by path."""
    assert where.text is not None
    total, mean = db.rows("SELECT count(*), coalesce(avg(num_tokens), 1) FROM photos WHERE words IS NOT NULL")[0]
    chosen, values = condition(where)
    scores, asked = [], list[Any]()
    for phrase in matches(where.text):
        known = db.value(
            "SELECT count(*) FROM photos WHERE words @@ %s::tsquery AND strpos(tokens, %s) > 0",
            (phrase.query, phrase.text),
        )
        idf = log((total - known + 0.5) / (known + 0.5))
        times = "((length(tokens) - length(replace(tokens, %s, ''))) / %s)"
        length = f"(1 - {B} + {B} * num_tokens / %s)"
        scores.append(f"%s::float8 * {times} * {K1 + 1} / ({times} + {K1} * {length})")
        size = len(phrase.text)
        asked += [idf if idf > 0 else LEAST, phrase.text, size, phrase.text, size, float(mean)]
    sql = (
        f"SELECT path, {' + '.join(scores)} AS score FROM photos WHERE words IS NOT NULL AND {chosen} "
        "ORDER BY score DESC, path LIMIT %s"
    )
    return [(bytes(path), float(score)) for path, score in db.rows(sql, (*asked, *values, k))]
