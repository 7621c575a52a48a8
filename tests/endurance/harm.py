"""Ways to damage a file: its bytes, its rows, what it is."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from devise.store.sqlite.schema import FORMAT
from tests.endurance.samples import PHOTOS
from tests.endurance.watch import write


def flipped(data: bytearray, chance: random.Random, other: bytes) -> None:
    for _ in range(chance.choice((1, 1, 1, 3, 40))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def overwritten(data: bytearray, chance: random.Random, other: bytes) -> None:
    length = min(len(data), chance.choice((1, 4, 8, 64, 512, 4_096)))
    at = chance.randrange(len(data) - length + 1)
    data[at : at + length] = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length)))


def mixed(data: bytearray, chance: random.Random, other: bytes) -> None:
    """A piece of another file of the kind."""
    length = chance.randrange(1, max(2, min(len(data), len(other))))
    at = chance.randrange(len(data) - length + 1)
    data[at : at + length] = other[at : at + length]


def truncated(data: bytearray, chance: random.Random, other: bytes) -> None:
    del data[chance.choice((0, 1, 7, len(data) // 2, len(data) - 1, chance.randrange(len(data)))) :]


def longer(data: bytearray, chance: random.Random, other: bytes) -> None:
    data += chance.choice((b"\0" * 1_000, chance.randbytes(5_000), bytes(data)))


def moved(data: bytearray, chance: random.Random, other: bytes) -> None:
    """A piece left out: all behind it has moved."""
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 16, 4_096))]


def swapped(data: bytearray, chance: random.Random, other: bytes) -> None:
    data[:] = other


def foreign(data: bytearray, chance: random.Random, other: bytes) -> None:
    """Nothing of the kind."""
    data[:] = chance.choice(GARBAGE) or chance.randbytes(chance.randrange(1, 20_000))


def numbered(data: bytearray, chance: random.Random, other: bytes) -> None:
    """Another number in place of one that stands there as text: formats, counts, shapes."""
    digits = [i for i in range(min(len(data), 6_000)) if 48 <= data[i] < 58]
    if digits:
        data[chance.choice(digits)] = chance.choice(b"0123456789-e.")
    else:
        data[chance.randrange(min(len(data), 200))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))


WAYS = (
    flipped,
    flipped,
    flipped,
    overwritten,
    overwritten,
    mixed,
    truncated,
    longer,
    moved,
    swapped,
    foreign,
    numbered,
)
GARBAGE = (
    b"",
    b"\0" * 5_000,
    b"hello " * 300,
    b"[" * 100_000,
    b'{"a":' * 50_000,
    pickle.dumps(Path("x")),
    b"\x93NUMPY\x01\0",
    b"SQLite format 3\0" + bytes(3_000),
    b"PK\x03\x04" + bytes(200),
    (1 << 40).to_bytes(8, "little") + b"{}",
    (100).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[99999999,99999999],"data_offsets":[0,4]}}'.ljust(104),
    b"\xff\xfe" * 100,
    b"null",
    b"[]",
    b"3",
    b'{"vectors": 3}',
    b'{"fingerprint": [], "crc32": "x", "size": null}',
)
ODD = (
    None,
    0,
    -1,
    1 << 62,
    -(1 << 63),
    1.5,
    1e308,
    "",
    "x",
    "\ud800".encode("utf-16", "surrogatepass"),
    b"",
    b"\xff" * 9,
    bytes(8),
    bytes(600),
    "9" * 400,
    "../../x",
    "/etc/passwd",
    "[" * 5_000,
    "[]",
    "{}",
    '{"name": 1, "spaces": [3]}',
)


def cells(path: Path, chance: random.Random) -> None:
    """What no bit would do: other values in the rows of a library."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(chance.choice((1, 1, 2, 5))):
            table = chance.choice([table for table in tables if table != "texts"])
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column, value = chance.choice(columns), chance.choice(ODD)
            rows = f"LIMIT 1 OFFSET {chance.randrange(PHOTOS)}" if chance.random() < 0.7 else ""
            key = (
                "rowid"
                if table not in ("meta", "roots", "photos", "skipped", "texts_idx", "texts_config")
                else columns[0]
            )
            sql = f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {key} IN (SELECT {key} FROM {table} {rows})"
            if os.environ.get("SHOW"):
                write(f"{table}.{column} = {value!r:.40} {rows}")
            try:
                connection.execute(sql, (value,) if chance.random() < 0.9 else (chance.randrange(200),))
            except sqlite3.Error:
                continue


def future(path: Path, chance: random.Random) -> None:
    """As a devise of later years would write it."""
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as connection, connection:
            later = str(chance.randrange(FORMAT + 1, 99))
            connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (later,))
        return
    data = path.read_bytes()
    for now, later in ((b"devise.words/1", b"devise.words/7"), (b'\\"format\\": 3', b'\\"format\\": 9')):
        data = data.replace(now, later)
    path.write_bytes(data)


def damage(pattern: str, place: Path, other: Path, chance: random.Random, *, by_cells: bool) -> str:
    """Damage one file; how."""
    files = sorted(path for path in place.glob(pattern) if not path.name.endswith("-shm"))
    path = chance.choice(files) if files else place / "library" / "holder"
    if by_cells:
        cells(path, chance)
        return "cells"
    if path.suffix in (".db", ".safetensors") and chance.random() < 0.03:
        future(path, chance)
        return "future"
    if chance.random() < 0.03:
        path.unlink(missing_ok=True)
        return "missing"
    theirs = sorted(other.glob(pattern))
    data, way = bytearray(path.read_bytes() if path.exists() else b"{}"), chance.choice(WAYS)
    if not data:
        way = foreign
    way(data, chance, chance.choice(theirs).read_bytes() if theirs else b"other")
    path.write_bytes(bytes(data))
    return f"{way.__name__} {path.name}"
