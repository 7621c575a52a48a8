"""Files with vectors of photos: NumPy's .npz, Parquet or lines of JSON, read a batch at a time."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.errors import VectorsError, listed, needed
from devise.filestat import is_special
from devise.library.exchange.table import BATCH

Floats = NDArray[np.floating[Any]]
MAX_LINE = 1 << 22  # bytes of a line of JSON: 100,000 numbers
NAMES: Final = {"path": ("paths", "path"), "hash": ("hashes", "hash")}  # what an .npz calls them
VECTORS: Final = ("vectors", "vector")
TROUBLE = (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class Name(NamedTuple):
    """Which photo a row is of: by its hash where that is given, else by its path."""

    path: str = ""
    hash: str = ""

    def __str__(self) -> str:
        return self.path or self.hash


class Rows(NamedTuple):
    """Names (n,) and their vectors (n, dim), of any length, perhaps not finite."""

    names: list[Name]
    vectors: Floats


def batches(file: Path) -> Iterator[Rows]:
    """All rows of a file, of equal width. Raises VectorsError for what is none, damaged, or whose rows do not match."""
    if file.is_dir() or is_special(file):
        raise VectorsError(f"{file} is no regular file; give a file of vectors: .npz, .parquet or .jsonl")
    if not file.exists():
        raise VectorsError(f"no file {file}; check its path")
    read = READERS.get(file.suffix.lower())
    if read is None:
        raise VectorsError(
            f"{file} ends in none of {listed(READERS)}; write one of these, with the paths of the photos: "
            "numpy.savez(file, paths=paths, vectors=vectors)"
        )
    with _told(file):
        yield from read(file)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise VectorsError(f"cannot read {file}; check its permissions") from error
    except TROUBLE as error:
        raise VectorsError(f"{file} cannot be read: {str(error).splitlines()[0] if str(error) else error!r}") from error


def _npz(file: Path) -> Iterator[Rows]:
    with zipfile.ZipFile(file) as archive:
        there = {name.removesuffix(".npy") for name in archive.namelist()}
        vectors = next((name for name in VECTORS if name in there), None)
        found = {key: name for key, names in NAMES.items() for name in names if name in there}
        if vectors is None or not found:
            raise VectorsError(
                f"{file} holds {listed(sorted(there)) or 'nothing'}; it needs vectors, and paths or hashes of photos"
            )
        names = {key: _texts(file, archive, name) for key, name in found.items()}
        with archive.open(f"{vectors}.npy") as member:
            shape, dtype = _header(file, member, vectors)
            for key, texts in names.items():
                if len(texts) != shape[0]:
                    raise VectorsError(
                        f"{file} holds {shape[0]:,} vectors and {len(texts):,} {found[key]}; each photo needs one"
                    )
            for start in range(0, shape[0], BATCH):
                some = {key: texts[start : start + BATCH] for key, texts in names.items()}
                count = min(BATCH, shape[0] - start)
                flat = np.frombuffer(_exactly(member, count * shape[1] * dtype.itemsize), dtype)
                yield Rows(_names(some, count), flat.reshape(count, shape[1]).astype(np.float64))


def _header(file: Path, member: IO[bytes], name: str) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Of an array of an .npz whose numbers follow."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(member)
    if len(shape) != 2 or dtype.kind not in "fi" or is_fortran:
        form = "columns one after the other" if is_fortran else f"{dtype} of shape {shape}"
        raise VectorsError(f"{file}: {name} is {form}; it has to be rows of numbers, numpy.ascontiguousarray(vectors)")
    return (shape[0], shape[1]), dtype


def _exactly(member: IO[bytes], size: int) -> bytes:
    data = member.read(size)
    if len(data) != size:
        raise ValueError("it ends before its last row")
    return data


def _texts(file: Path, archive: zipfile.ZipFile, name: str) -> list[str]:
    with archive.open(f"{name}.npy") as member:
        try:
            found = np.lib.format.read_array(member, allow_pickle=False)
        except ValueError as error:
            raise VectorsError(
                f"{file}: {name} are Python objects, which are not read; numpy.array of texts is"
            ) from error
    if found.ndim != 1 or found.dtype.kind not in "US":
        raise VectorsError(f"{file}: {name} are {found.dtype} of shape {found.shape}; give a text for each photo")
    return [text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text for text in found.tolist()]


def _names(columns: Mapping[str, Sequence[str]], count: int) -> list[Name]:
    empty = [""] * count
    return [*map(Name, columns.get("path", empty), columns.get("hash", empty))]


def _jsonl(file: Path) -> Iterator[Rows]:
    names, rows, dim = list[Name](), list[Any](), 0
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE), b""), 1):
            if not line.strip():
                continue
            name, row = _photo(file, number, line)
            dim = dim or len(row)
            if len(row) != dim:
                raise VectorsError(f"{file}, line {number:,}: {len(row):,} numbers, the first line has {dim:,}")
            names.append(name)
            rows.append(row)
            if len(rows) == BATCH:
                yield Rows(names, np.array(rows, np.float64))
                names, rows = [], []
    if rows:
        yield Rows(names, np.array(rows, np.float64))


def _photo(file: Path, number: int, line: bytes) -> tuple[Name, list[float]]:
    try:
        said = json.loads(line)
        name = Name(said.get("path") or "", said.get("hash") or "")
        row = said["vector"]
        if not all(isinstance(text, str) for text in name) or not any(name):
            raise KeyError("path")
        return name, [float("nan") if each is None else float(each) for each in row]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise VectorsError(
            f'{file}, line {number:,} is no photo with its vector; write {{"path": "a.jpg", "vector": [0.1, ...]}}'
        ) from error


def _parquet(file: Path) -> Iterator[Rows]:
    needed("reading Parquet", "pyarrow")
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        columns = {*opened.schema_arrow.names}
        if "vector" not in columns or not columns & {*NAMES}:
            raise VectorsError(f"{file} has the columns {listed(sorted(columns))}; it needs vector, and path or hash")
        wanted = [name for name in ("path", "hash", "vector") if name in columns]
        for batch in opened.iter_batches(BATCH, columns=wanted):
            found = {key: [text or "" for text in batch[key].to_pylist()] for key in NAMES if key in columns}
            rows = [row if row is None else np.asarray(row, np.float64) for row in batch["vector"].to_pylist()]
            dim = max((len(row) for row in rows if row is not None), default=0)
            if {len(row) for row in rows if row is not None} - {dim}:
                raise VectorsError(f"{file} has vectors of different lengths, up to {dim:,}; all have to be of one")
            none = np.full(dim, np.nan)
            if rows:
                yield Rows(_names(found, len(rows)), np.stack([none if row is None else row for row in rows]))


READERS: Final[Mapping[str, Callable[[Path], Iterator[Rows]]]] = {
    ".npz": _npz,
    ".parquet": _parquet,
    ".jsonl": _jsonl,
}
