"""Stand-ins for the heavy parts."""

from __future__ import annotations

import numpy as np

from devise.spaces import ModelInfo, Space
from devise.store.base import together
from devise.vectors import unit


class FakeEncoder:
    """Colours as vectors: words are the mean colour, features a coarse picture; the same photo gives the same row."""

    def __init__(self, name: str = "fake", fingerprint: str = "f" * 64, vectors_fingerprint: str | None = None) -> None:
        spaces = (
            Space(name="words", dim=4, vectors="tiny", vectors_fingerprint=vectors_fingerprint),
            Space(name="features", dim=48),
        )
        self.name, self.fingerprint, self.spaces = name, fingerprint, spaces
        self.size, self.resize = 32, "squash"
        self.labels: tuple[str, ...] = ("red", "green", "blue")
        self.num_encoded = 0
        self.path = self.anchors = None

    @property
    def info(self):
        """What a library remembers of it; set, it becomes another model."""
        return ModelInfo(name=self.name, fingerprint=self.fingerprint, spaces=self.spaces)

    @info.setter
    def info(self, info):
        self.name, self.fingerprint, self.spaces = info.name, info.fingerprint, info.spaces

    def encode(self, pixels):
        self.num_encoded += len(pixels)
        wide = pixels.astype(np.float64) / 255
        coarse = wide.reshape(len(pixels), 4, 8, 4, 8, 3).mean((2, 4)).reshape(len(pixels), 48)
        colours = np.c_[wide.mean((1, 2)), np.full(len(pixels), 0.1)]
        return {"words": unit(colours), "features": unit(coarse + 0.01)}


def brute_force(rows, paths, vector, k):
    """An independent reference: all cosines in numpy, best first, equal ones by path."""
    scores = rows.astype(np.float64) @ vector.astype(np.float64)
    order = sorted(range(len(paths)), key=lambda i: (-scores[i], paths[i]))
    return [paths[i] for i in order[:k]]


def put_content(store, digest, vectors):
    """A content with its row (dim,) in each of the spaces; its id."""
    content_id = store.add_content(digest)
    for space, row in vectors.items():
        store.vectors.put(store.space(space), [content_id], np.asarray(row)[None])
    return content_id


def rows_of(store, space, ids=None):
    """All rows of a space, or those of the ids: (n,), (n, dim)."""
    return together(store.vectors.rows(store.space(space), ids))


def of_format_5(connection):
    """Make the tables of a library those of format 5."""
    for number, table, column in ((1, "words", "vector"), (2, "features", "vector"), (3, "parts", "packed")):
        connection.execute(
            f"CREATE TABLE {table} (content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE, "
            f"{column} BLOB NOT NULL)"
        )
        of_space = f"FROM vectors WHERE key >> 40 = {number}"
        connection.execute(f"INSERT INTO {table} SELECT key & 0xffffffffff, data {of_space}")
    for table in ("spaces", "vectors"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("DROP TRIGGER content_deleted")
    connection.execute(
        "CREATE TRIGGER content_deleted AFTER DELETE ON contents BEGIN INSERT OR IGNORE INTO gone VALUES (old.id); END"
    )
    connection.execute("UPDATE meta SET value = '5' WHERE key = 'format'")


def of_format_3(connection):
    """Make the tables of a library those of format 3."""
    of_format_5(connection)
    for column in ("taken", "pixels", "kind", "stamp", "text_id"):
        connection.execute(f"ALTER TABLE photos DROP COLUMN {column}")
    for trigger in ("photo_deleted", "photo_changed", "content_deleted"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for table in ("texts", "marks", "orphans", "gone"):
        connection.execute(f"DROP TABLE {table}")
    connection.create_function("floats", 1, lambda row: np.frombuffer(row, "<f2").astype("<f4").tobytes())
    connection.execute("UPDATE words SET vector = floats(vector)")
    connection.execute("UPDATE meta SET value = '3' WHERE key = 'format'")
