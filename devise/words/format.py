"""The word vector file: one safetensors file, self-describing, checksummed, opened without reading its rows.

    8 bytes: length of the header, little-endian; the header: JSON, padded with spaces to HEADER bytes
    keys      uint64  (n,)       sorted 8-byte blake2b of each word
    slots     uint32  (n,)       the word that each key stands for
    ends      uint32  (n,)       where each word ends in `spelling`
    checks    uint32  (blocks,)  crc32 of each BLOCK rows, verified when a block is first used
    rows      float32, float16 (n, dim), of length 1; or int8, each row's largest number 127, any length
    spelling  uint8              all words, UTF-8, one after another

`crc` in the header covers the header and all tables but `rows`; `fingerprint` covers words and rows.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from devise.errors import VectorsError
from devise.files import replacing
from devise.filestat import is_special
from devise.vectors import unit

FORMAT, FORMAT_BYTES = "devise.words/1", "devise.words/2"  # the second: rows of int8, which older versions do not know
SUFFIX = ".safetensors"
BLOCK = 64  # rows a checksum: 75 KB of float32, so that one word costs 30 microseconds to verify
HEADER = 4096  # bytes with the length: written last, so it must have a known size
CHUNK = 256 * BLOCK  # rows written at a time: 20 MB of float32
MAX_SOURCE = 1000  # characters of where vectors come from: keeps the header within HEADER
TYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "U32": np.dtype("<u4"),
    "U64": np.dtype("<u8"),
}
NAMES = {dtype: name for name, dtype in TYPES.items()}
STORED = {"float32": "F32", "float16": "F16", "int8": "I8"}
MOST = 127  # of int8
TABLES = ("keys", "slots", "ends", "checks", "spelling")


@dataclass(frozen=True)
class Tables:
    """A file's arrays, mapped into memory, and what its header says."""

    metadata: Mapping[str, str]
    keys: NDArray[np.uint64]
    slots: NDArray[np.uint32]
    ends: NDArray[np.uint32]
    checks: NDArray[np.uint32]
    spelling: NDArray[np.uint8]
    rows: NDArray[Any]  # (n, dim)


def word_key(word: str) -> int:
    """The number a word is filed under."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def write_vectors(
    path: Path,
    words: Sequence[str],
    rows: NDArray[Any],
    *,
    source: str,
    dtype: Literal["float32", "float16", "int8"] = "float32",
) -> None:
    """Write words and their rows, most frequent first, to `path`: whole or not at all.

    rows: (n, dim), finite and not zero; they are scaled to length 1 a chunk at a time, so any memory map will do.
    """
    tables = _word_tables(words)
    kind = TYPES[STORED[dtype]]
    shapes = {key: (NAMES[table.dtype], table.shape) for key, table in tables.items()}
    shapes["checks"] = ("U32", (-(-len(words) // BLOCK),))
    shapes["rows"] = (NAMES[kind], (len(words), rows.shape[1]))
    layout = _layout(shapes)
    start = {key: HEADER + entry["data_offsets"][0] for key, entry in layout.items()}
    digest = hashlib.sha256("\n".join(words).encode("utf-8"))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.seek(start["rows"])
        tables["checks"] = _write_rows(file, rows, kind, digest.update)
        for key in TABLES:
            file.seek(start[key])
            file.write(tables[key].tobytes())
        metadata = {
            "format": FORMAT_BYTES if dtype == "int8" else FORMAT,
            "name": path.stem,
            "dim": str(rows.shape[1]),
            "source": source[:MAX_SOURCE],
            "fingerprint": digest.hexdigest(),
        }
        metadata["crc"] = str(_crc(metadata, layout, tables))
        header = json.dumps({"__metadata__": metadata, **layout}).encode("utf-8")
        if len(header) > HEADER - 8:
            raise VectorsError(f"{path}: the name and source are too long to store; choose a shorter name")
        file.seek(0)
        file.write((HEADER - 8).to_bytes(8, "little") + header.ljust(HEADER - 8))


def _word_tables(words: Sequence[str]) -> dict[str, NDArray[Any]]:
    encoded = [word.encode("utf-8") for word in words]
    keys = np.fromiter((word_key(word) for word in words), "<u8", len(words))
    slots = np.argsort(keys, kind="stable")
    return {
        "keys": keys[slots],
        "slots": slots.astype("<u4"),
        "ends": np.cumsum([len(word) for word in encoded]).astype("<u4"),
        "spelling": np.frombuffer(b"".join(encoded), "u1"),
    }


def _layout(shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, dict[str, Any]]:
    """Where each table stands: widest numbers first, so that all are aligned."""
    layout: dict[str, dict[str, Any]] = {}
    offset = 0
    for key in ("keys", "slots", "ends", "checks", "rows", "spelling"):
        kind, shape = shapes[key]
        size = TYPES[kind].itemsize * int(np.prod(shape))
        layout[key] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    return layout


def _write_rows(
    file: BinaryIO,
    rows: NDArray[Any],
    kind: np.dtype[Any],
    update: Callable[[bytes], None],
) -> NDArray[np.uint32]:
    checks = []
    for start in range(0, len(rows), CHUNK):
        part = unit(rows[start : start + CHUNK])
        if kind == np.int8:
            part = np.rint(part * (MOST / np.abs(part).max(1, keepdims=True)))
        data = part.astype(kind).tobytes()
        size = BLOCK * rows.shape[1] * kind.itemsize
        checks += [zlib.crc32(data[at : at + size]) for at in range(0, len(data), size)]
        file.write(data)
        update(data)
    return np.array(checks, "<u4")


def _crc(metadata: Mapping[str, str], layout: Mapping[str, Any], tables: Mapping[str, NDArray[Any]]) -> int:
    facts = {key: value for key, value in metadata.items() if key != "crc"}
    crc = zlib.crc32(json.dumps([facts, layout], sort_keys=True).encode("utf-8"))
    for key in TABLES:
        crc = zlib.crc32(np.ascontiguousarray(tables[key]).data, crc)
    return crc


def read_vectors(path: Path) -> Tables:
    """Map a file and verify all of it but the rows. Raises VectorsError when it is missing, damaged or foreign."""
    if is_special(path):
        raise VectorsError(f"{path} is no regular file; give a file of word vectors")
    try:
        with path.open("rb") as file:
            buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise VectorsError(f"no word vectors at {path}; see: devise vectors list") from None
    except ValueError:  # mmap refuses empty files
        raise _damaged(path, "it is empty") from None
    except OSError as error:
        raise VectorsError(f"cannot read {path}: {error.strerror or error}; check its permissions") from error
    metadata, layout, start = _header(path, buffer)
    tables = dict(_tables(path, buffer, layout, start))
    if str(_crc(metadata, layout, tables)) != metadata.get("crc"):
        raise _damaged(path, "its tables do not match their checksum")
    found = Tables(metadata=metadata, **tables)
    if not _fit(found):
        raise _damaged(path, "its tables do not fit each other")
    return found


def _header(path: Path, buffer: mmap.mmap) -> tuple[dict[str, str], dict[str, Any], int]:
    length = int.from_bytes(buffer[:8], "little")
    if not 2 <= length <= 1 << 20:
        raise _foreign(path)
    if 8 + length > len(buffer):
        raise _damaged(path, "it ends within its header") if buffer[8:9] == b"{" else _foreign(path)
    try:
        layout = json.loads(buffer[8 : 8 + length])
        metadata = layout.pop("__metadata__")
        known = metadata["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _foreign(path) from None
    if known not in (FORMAT, FORMAT_BYTES):
        if str(known).startswith("devise.words/"):
            raise VectorsError(f"{path} has format {known}, this devise reads {FORMAT_BYTES}; update devise")
        raise _foreign(path)
    return metadata, layout, 8 + length


def _tables(path: Path, buffer: mmap.mmap, layout: Mapping[str, Any], start: int) -> Iterator[tuple[str, NDArray[Any]]]:
    try:
        if start + max(entry["data_offsets"][1] for entry in layout.values()) != len(buffer):
            raise _damaged(path, f"it has {len(buffer):,} bytes, not what its header says")
        for key in (*TABLES, "rows"):
            entry = layout[key]
            kind, shape = TYPES[entry["dtype"]], entry["shape"]
            flat = np.frombuffer(buffer, kind, int(np.prod(shape)), start + entry["data_offsets"][0])
            yield key, flat.reshape(shape)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError):
        raise _damaged(path, "its header does not describe its tables") from None


def _fit(tables: Tables) -> bool:
    """Whether the tables speak of the same words: a checksum tells that a file is what was written, not by whom."""
    count, said = len(tables.ends), tables.metadata
    small: tuple[NDArray[Any], ...] = (tables.keys, tables.slots, tables.ends, tables.checks, tables.spelling)
    sizes = [len(tables.keys), len(tables.slots), len(tables.checks) - -(-count // BLOCK) + count]
    return (
        [NAMES[table.dtype] for table in small] == ["U64", "U32", "U32", "U32", "U8"]
        and all(isinstance(said.get(key), str) for key in ("name", "source", "fingerprint"))
        and sizes == [count] * 3
        and NAMES[tables.rows.dtype] in STORED.values()
        and (*map(str, tables.rows.shape),) == (str(count), said.get("dim"))
        and min(tables.rows.shape) > 0
        and int(tables.slots.max()) < count
        and int(tables.ends[-1]) == len(tables.spelling)
        and bool((tables.ends[1:] >= tables.ends[:-1]).all())
    )


def _damaged(path: Path, fact: str) -> VectorsError:
    return VectorsError(f"{path} is damaged: {fact}; copy or import it again")


def _foreign(path: Path) -> VectorsError:
    return VectorsError(f"{path} holds no word vectors of devise; bring in others with: devise vectors import FILE")
