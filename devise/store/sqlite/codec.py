"""Stored vectors as arrays, and what damage does to them told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from devise.errors import LibraryError
from devise.store.regions import Parts, unpack
from devise.store.sqlite.schema import SPACES
from devise.vectors import Ids, Vector

Views = tuple[Ids, Vector, Parts]  # ids (n,), whole photos (n, dim), their parts
SLACK = 4e-3  # of a squared length: rounding to halves changes it by less than 1e-3, flipped bits mostly by more


def matrix(folder: Path, space: str, rows: list[Any]) -> tuple[Ids, Vector]:
    """(content, vector, ...) of a library -> (n,), (n, dim). Raises LibraryError."""
    if not rows:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    stored = np.dtype(SPACES[space])
    with _damage(folder, f"a vector of {space}"):
        flat = np.frombuffer(b"".join([row[1] for row in rows]), dtype=stored)
        found = flat.reshape(len(rows), len(rows[0][1]) // stored.itemsize)
        with np.errstate(invalid="ignore"):  # damaged halves; found out below
            found = found.astype(np.float32)
        squares = np.einsum("ij,ij->i", found, found)
        if not (np.abs(squares - 1) < SLACK).all():
            raise ValueError("a row of another length than 1, or not finite")
        found /= np.sqrt(squares)[:, None]
    return np.array([row[0] for row in rows], dtype=np.int64), found


def views(folder: Path, rows: list[Any]) -> Views:
    """(content, vector, packed parts). Raises LibraryError."""
    ids, whole = matrix(folder, "words", rows)
    with _damage(folder, "a vector of parts"):
        return ids, whole, unpack([row[2] for row in rows], whole.shape[1])


@contextmanager
def _damage(folder: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise LibraryError(f"the library {folder} is damaged ({what}); mend it with: devise check --repair") from error
