"""A space of a library as one file that other tools read: NumPy, Parquet, lines of JSON. Rows and names stay together.

No more than a batch is held, however many photos there are.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from devise.errors import LibraryError, WriteError, listed, needed
from devise.files import replacing
from devise.library.exchange.table import COLUMNS, Batch, Table
from devise.store import opening
from devise.store.location import Location
from devise.store.opening import must_exist

Told = Callable[[int, int], None]  # how many of how many photos are written

SUFFIXES: Final[Mapping[str, str]] = {"npy": ".npz", "parquet": ".parquet", "jsonl": ".jsonl"}
IN_ARRAYS: Final[Mapping[str, str]] = {"path": "paths", "hash": "hashes"}  # what a column is called in an .npz
MOST_ABOUT = 1_000  # characters of what an .npz says of itself


def export(folder: Location, file: Path, space: str, form: str, told: Told = lambda done, total: None) -> int:
    """Write the vectors of a space, whole or not at all: one moment of the library, also while it is indexed.

    form: npy (one .npz: `vectors` and an array for each column), parquet or jsonl. How many photos it has.
    Raises LibraryError, WriteError, DeviseError where pyarrow is not installed.
    """
    if file.suffix.lower() != SUFFIXES[form]:
        raise WriteError(
            f"cannot write {file}: rows and the names of their photos stand in one file; name it {file.stem}"
            f"{SUFFIXES[form]}, or choose another --format of {listed(SUFFIXES)}"
        )
    if form == "parquet":
        needed("writing Parquet", "pyarrow")
    with _opened(folder, space) as table:
        if table.store.photo(str(file.absolute())):
            raise WriteError(f"{file} is a photo of the library {folder}; choose another place")
        with replacing(file) as temporary:
            return WRITERS[form](table, temporary, told)


def lines(folder: Location, space: str) -> Iterator[bytes]:
    """The same as lines of JSON, as they come."""
    with _opened(folder, space) as table:
        for batch in table.batches():
            yield _lines(table, batch)


@contextmanager
def _opened(folder: Location, space: str) -> Iterator[Table]:
    must_exist(folder)
    with closing(opening.reader(folder)) as store, store.snapshot():
        if store.is_empty():
            raise LibraryError(f"the library {folder} holds no photos; run: devise index FOLDER")
        yield Table(store, store.space(space))


def _write_npz(table: Table, file: Path, told: Told) -> int:
    """Vectors are stored as they are, which takes no time; texts, of which most bytes are zeros, are packed."""
    count, longest = table.sizes()
    numbers = np.dtype(table.space.row_type).newbyteorder("<")
    with zipfile.ZipFile(file, "w") as archive:
        with _array(archive, "about", np.dtype(f"<U{MOST_ABOUT}"), ()) as member:
            member.write(np.array(json.dumps(table.about()), f"<U{MOST_ABOUT}").tobytes())
        with _array(archive, "vectors", numbers, (count, table.space.width), zipfile.ZIP_STORED) as member:
            for batch in _counted(table.batches(), count, told):
                member.write(batch.vectors.astype(numbers, copy=False).tobytes())
        for name, kind in COLUMNS.items():
            dtype = np.dtype(f"<U{longest[name]}" if kind == "U" else kind)
            with _array(archive, IN_ARRAYS.get(name, name), dtype, (count,)) as member:
                for values in table.column(name):
                    member.write(np.array(values, dtype).tobytes())
    return count


@contextmanager
def _array(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], pack: int = zipfile.ZIP_DEFLATED
) -> Iterator[IO[bytes]]:
    """An array of an .npz whose numbers follow piece by piece."""
    about = zipfile.ZipInfo(f"{name}.npy")
    about.compress_type = pack
    with archive.open(about, "w", force_zip64=True) as member:
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        yield member


def _write_parquet(table: Table, file: Path, told: Told) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    numbers = pa.uint8() if table.space.row_type == "uint8" else pa.float32()
    fields = [(name, pa.string() if kind == "U" else pa.int64()) for name, kind in COLUMNS.items()]
    schema = pa.schema([*fields, ("vector", pa.list_(numbers, table.space.width))])
    about = {"devise": json.dumps(table.about())}
    count, _ = table.sizes()
    with parquet.ParquetWriter(file, schema.with_metadata(about)) as writer:
        for batch in _counted(table.batches(), count, told):
            columns = [_readable(values) for values in batch.columns.values()]
            flat = pa.array(batch.vectors.reshape(-1), numbers)
            vectors = pa.FixedSizeListArray.from_arrays(flat, table.space.width)
            writer.write_table(pa.table([*columns, vectors], schema=writer.schema))
    return count


def _readable(values: Sequence[Any]) -> list[Any]:
    """Parquet holds UTF-8 alone: odd bytes of a name are question marks in it, and the hash says which photo it is."""
    return [value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in values]


def _write_jsonl(table: Table, file: Path, told: Told) -> int:
    count, _ = table.sizes()
    with file.open("wb") as out:
        for batch in _counted(table.batches(), count, told):
            out.write(_lines(table, batch))
    return count


def _lines(table: Table, batch: Batch) -> bytes:
    """A line a photo, each of which says which space it is of: lines get apart."""
    names, made_by = [*batch.columns], f', "space": {json.dumps(table.space.name)}, "made_by": "{table.made_by}"'
    photos = zip(*batch.columns.values(), strict=True)
    rows = zip(photos, batch.vectors, strict=True)
    return b"".join(
        f'{json.dumps(dict(zip(names, photo, strict=True)))[:-1]}{made_by}, "vector": {_numbers(row)}}}\n'.encode()
        for photo, row in rows
    )


def _numbers(row: NDArray[Any]) -> str:
    """The fewest digits that give the same number again, which JSON of Python's own floats does not."""
    return f"[{', '.join(row.astype('U16').tolist())}]"


def _counted(batches: Iterator[Batch], count: int, told: Told) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.vectors)
        told(done, count)


WRITERS: Final[Mapping[str, Callable[[Table, Path, Told], int]]] = {
    "npy": _write_npz,
    "parquet": _write_parquet,
    "jsonl": _write_jsonl,
}
