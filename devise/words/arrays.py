"""Word vectors as arrays of NumPy: an .npz with `words` (n,) and `vectors` (n, dim), of other models' texts."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.errors import VectorsError, listed

SUFFIX = ".npz"


def read(path: Path) -> tuple[list[str], NDArray[Any]]:
    """Words and their rows. Raises VectorsError where there are no such arrays, or they do not match."""
    try:
        with np.load(path, allow_pickle=False) as found:
            if {"paths", "hashes", "path", "hash"} & {*found}:
                raise VectorsError(f"{path} holds vectors of photos; import them as a space of a library: --space NAME")
            if not {"words", "vectors"} <= {*found}:
                raise VectorsError(
                    f"{path} holds {listed(sorted(found)) or 'nothing'}; word vectors are words and vectors: "
                    "numpy.savez(file, words=words, vectors=vectors)"
                )
            words, rows = found["words"], found["vectors"]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise VectorsError(f"{path} cannot be read: {str(error).splitlines()[0]}; write it again") from error
    if words.ndim != 1 or words.dtype.kind != "U" or rows.ndim != 2 or rows.dtype.kind not in "fi":
        raise VectorsError(f"{path}: words are {words.dtype}, vectors {rows.dtype}; give texts and rows of numbers")
    if len(words) != len(rows):
        raise VectorsError(f"{path} holds {len(words):,} words and {len(rows):,} vectors; each word needs one")
    return words.tolist(), rows.astype(np.float32)
