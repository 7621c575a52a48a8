"""Rows as bytes and back, a codec for each dtype of a space; what damage did to them is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.errors import LibraryError
from devise.spaces import Space
from devise.store import regions

Rows = NDArray[Any]
SLACK = 4e-3  # of a squared length: rounding to halves changes it by less than 1e-3, flipped bits mostly by more


class Codec(NamedTuple):
    """encode: (n, width) rows -> a blob a row; decode: blobs -> rows. Both raise ValueError or TypeError."""

    encode: Callable[[Space, Rows], list[bytes]]
    decode: Callable[[Space, Sequence[bytes]], Rows]


def encoded(space: Space, rows: Rows) -> list[bytes]:
    """A blob a row. Raises ValueError for rows that the space cannot hold."""
    return CODECS[space.dtype].encode(space, rows)


def decoded(library: str, space: Space, stored: Sequence[Any]) -> tuple[NDArray[np.int64], Rows]:
    """(content, blob) of a library -> (n,), (n, width). Raises LibraryError."""
    with damage(library, f"a vector of {space.name}"):
        rows = CODECS[space.dtype].decode(space, [row[1] for row in stored])
        return np.array([row[0] for row in stored], dtype=np.int64), rows


@contextmanager
def damage(library: str, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise LibraryError(f"the library {library} is damaged ({what}); mend it with: devise check --repair") from error


def _checked(space: Space, rows: Rows, dtype: Any) -> Rows:
    rows = np.asarray(rows, dtype)
    if rows.ndim != 2 or rows.shape[1] != space.width or not np.isfinite(rows).all():
        raise ValueError(f"rows of {space.name} must be finite and of shape (n, {space.width}), not {rows.shape}")
    return rows


def _squares(rows: Rows) -> Rows:
    with np.errstate(invalid="ignore", over="ignore"):  # damaged numbers; found out by who asks
        return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _are_unit(squares: Rows) -> bool:
    return bool((np.abs(squares - 1) < SLACK).all())


def _flat(blobs: Sequence[bytes], kind: Any, count: int) -> Rows:
    """`count` numbers of each blob."""
    size = np.dtype(kind).itemsize * count
    if not {*map(len, blobs)} <= {size}:
        raise ValueError("a row of another size")
    return np.frombuffer(b"".join(blobs), kind).reshape(len(blobs), count)


def _floats(kind: str) -> Codec:
    def encode(space: Space, rows: Rows) -> list[bytes]:
        with np.errstate(over="ignore"):  # numbers too large for halves; found out below
            stored = _checked(space, rows, np.float32).astype(kind)
        is_good = (
            _are_unit(_squares(stored.astype(np.float32))) if space.metric == "cosine" else np.isfinite(stored).all()
        )
        if not is_good:
            raise ValueError(f"rows of {space.name} must be of length 1" if space.metric == "cosine" else "too large")
        return [row.tobytes() for row in stored]

    def decode(space: Space, blobs: Sequence[bytes]) -> Rows:
        with np.errstate(invalid="ignore"):
            rows = _flat(blobs, kind, space.dim).astype(np.float32)
        if space.metric != "cosine":
            return _checked(space, rows, np.float32)
        squares = _squares(rows)
        if not _are_unit(squares):
            raise ValueError("a row of another length than 1, or not finite")
        rows /= np.sqrt(squares)[:, None]
        return rows

    return Codec(encode, decode)


def _encode_bytes(space: Space, rows: Rows) -> list[bytes]:
    checked = _checked(space, rows, np.float32)
    stored = checked.clip(0, 255).astype(np.uint8)
    if (stored != checked).any():
        raise ValueError(f"rows of {space.name} must be whole numbers from 0 to 255")
    return [row.tobytes() for row in stored]


def _decode_bytes(space: Space, blobs: Sequence[bytes]) -> Rows:
    return _flat(blobs, np.uint8, space.dim).astype(np.float32)


def _encode_bits(space: Space, rows: Rows) -> list[bytes]:
    return [row.tobytes() for row in _whole_bits(space, _checked(space, rows, np.uint8))]


def _decode_bits(space: Space, blobs: Sequence[bytes]) -> Rows:
    return _whole_bits(space, _flat(blobs, np.uint8, space.width))


def _whole_bits(space: Space, rows: Rows) -> Rows:
    if space.dim % 8 and (rows[:, -1] & (0xFF >> space.dim % 8)).any():
        raise ValueError(f"bits of {space.name} behind the last of {space.dim}")
    return rows


def _encode_sparse(space: Space, rows: Rows) -> list[bytes]:
    """Where the numbers are that are not 0 (four bytes each), then those numbers as halves."""
    with np.errstate(over="ignore"):  # found out below
        halves = _checked(space, rows, np.float32).astype("<f2")
    if not np.isfinite(halves).all():
        raise ValueError(f"numbers of {space.name} are too large for half precision")
    found = [np.flatnonzero(row) for row in halves]
    return [at.astype("<u4").tobytes() + row[at].tobytes() for at, row in zip(found, halves, strict=True)]


def _decode_sparse(space: Space, blobs: Sequence[bytes]) -> Rows:
    rows = np.zeros((len(blobs), space.dim), np.float32)
    for row, blob in zip(rows, blobs, strict=True):
        count, rest = divmod(len(blob), 6)
        at, numbers = np.frombuffer(blob, "<u4", count), np.frombuffer(blob, "<f2", count, 4 * count)
        if rest or np.any(at >= space.dim) or np.any(np.diff(at.astype(np.int64)) <= 0):
            raise ValueError("places that no sparse row has")
        row[at] = numbers
    return _checked(space, rows, np.float32)


def _encode_regions(space: Space, rows: Rows) -> list[bytes]:
    return [regions.pack(vectors) for vectors in rows]


def _decode_regions(space: Space, blobs: Sequence[bytes]) -> Rows:
    return regions.unpack(blobs, space.dim).vectors()


CODECS: Final[Mapping[str, Codec]] = {
    "float16": _floats("<f2"),
    "float32": _floats("<f4"),
    "uint8": Codec(_encode_bytes, _decode_bytes),
    "bits": Codec(_encode_bits, _decode_bits),
    "sparse": Codec(_encode_sparse, _decode_sparse),
    "regions": Codec(_encode_regions, _decode_regions),
}
