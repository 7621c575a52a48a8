"""What a file of word vectors is packed in: texts within gzip, bzip2, xz and zip are read, all else is called by name.

A file that unpacks to a hundred times its size holds no vectors, whose numbers hardly shrink, and is refused at once.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from devise.errors import VectorsError

GZIP, BZIP2, XZ, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"
_UNPACKERS: Mapping[bytes, Callable[..., Any]] = {GZIP: gzip.open, BZIP2: bz2.open, XZ: lzma.open}
MAX_RATIO = 100  # times its size: GloVe's texts unpack to three times, zeros alone to a thousand
FREE = 1 << 21  # bytes that may be unpacked without asking: small files may well hold the same row many times
_START = 1 << 12  # bytes that tell what a file is
_NAMES = 5  # of a zip's files that are told

_AS_TEXT = "give the vectors as text, a word and its numbers a line"
# How files begin that people take for word vectors, and what to do
_KINDS: tuple[tuple[bytes, str], ...] = (
    (
        b"\xba\x16\x4f\x2f",
        "it is a model of fastText; give its .vec file, which stands beside it where it is published",
    ),
    (
        b"version https://git-lfs",
        "it is a pointer of Git LFS, not the file; run: git lfs pull, in the clone it is from",
    ),
    (b"\x93NUMPY", "it is an array of NumPy, numbers without words; give the KeyedVectors file that it belongs to"),
    (b"\x89HDF", f"it is an HDF5 file; {_AS_TEXT}"),
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", f"it is a file of PyTorch; {_AS_TEXT}"),
    (b"SQLite format 3", f"it is an SQLite database; {_AS_TEXT}"),
    (b"PAR1", f"it is a Parquet file; {_AS_TEXT}"),
    (b"GGUF", f"it is a language model; {_AS_TEXT}"),
    (b"\x28\xb5\x2f\xfd", "it is packed by zstd; unpack it: zstd -d"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive; unpack it and give the file inside"),
    (b"Rar!", "it is a RAR archive; unpack it and give the file inside"),
    (b"\x04\x22\x4d\x18", "it is packed by lz4; unpack it: lz4 -d"),
    (b"\x5d\0\0", "it is packed by lzma; unpack it: unlzma"),
    (b"\x1f\x9d", "it is packed by compress; unpack it: uncompress"),
    (b"PK\x05\x06", "it is a zip archive with nothing in it; get it again"),
    (b"ARROW1", f"it is an Arrow file; {_AS_TEXT}"),
    (b"FEA1", f"it is a Feather file; {_AS_TEXT}"),
    (b"\x89PNG", "it is a picture; give a file of word vectors"),
    (b"\xff\xd8\xff", "it is a picture; give a file of word vectors"),
    (b"%PDF", f"it is a PDF; {_AS_TEXT}"),
)
_DECIMAL = re.compile(rb"\s-?\d+,\d+(?=\s)")


class BombError(ValueError):
    """A file unpacks to far more than vectors ever would."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file unpacked. Raises VectorsError for an archive of several files."""
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        magic = file.read(len(XZ))
        file.seek(0)
        unpack = next((unpack for start, unpack in _UNPACKERS.items() if magic.startswith(start)), None)
        if unpack:
            unpacked = stack.enter_context(unpack(file))
            yield io.BufferedReader(_Counted(unpacked, file.tell))
        elif magic.startswith(ZIP):
            entry, unpacked = _opened_zip(path, file, stack)
            yield io.BufferedReader(_Counted(unpacked, lambda: entry.compress_size))
        else:
            yield file


def _opened_zip(path: Path, file: IO[bytes], stack: contextlib.ExitStack) -> tuple[zipfile.ZipInfo, IO[bytes]]:
    """The only file of an archive."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
        entry = _only_entry(path, archive)
        return entry, stack.enter_context(archive.open(entry))
    except (NotImplementedError, RuntimeError) as error:  # Deflate64, as Windows packs what is large; newer versions
        raise VectorsError(
            f"{path}: it is a zip archive that cannot be read here ({error}); unpack it and give the file inside"
        ) from error


class _Counted(io.RawIOBase):
    """Raises BombError when what was unpacked is far more than what it was unpacked from."""

    def __init__(self, unpacked: IO[bytes], taken: Callable[[], int]) -> None:
        self.unpacked, self.taken, self.given = unpacked, taken, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.unpacked.read(len(buffer))
        buffer[: len(data)] = data
        self.given += len(data)
        if self.given > FREE and self.given > MAX_RATIO * self.taken():
            raise BombError(f"it unpacks to more than {MAX_RATIO} times its size: those are no word vectors")
        return len(data)


def _only_entry(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]  # is_dir() fails without name
    entries = [entry for entry in entries if not entry.filename.startswith("__MACOSX/")]
    entries = [entry for entry in entries if not entry.filename.rpartition("/")[2].startswith(".")]  # .DS_Store
    names = [entry.filename for entry in entries]
    if any(name.endswith("data.pkl") for name in names):
        raise VectorsError(f"{path}: it is a file of PyTorch; {_AS_TEXT}")
    if names and all(name.endswith(".npy") for name in names):
        raise VectorsError(f"{path}: it is an archive of NumPy; {_AS_TEXT}")
    if len(entries) != 1:
        shown = ", ".join(names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
        raise VectorsError(
            f"{path}: it is a zip archive of {len(names)} files ({shown}); unpack it and give one of them"
        )
    if entries[0].flag_bits & 1:
        raise VectorsError(f"{path}: it is a zip archive with a password; unpack it and give the file inside")
    return entries[0]


def start(path: Path) -> bytes:
    """The first bytes of the file, unpacked. Raises VectorsError for a kind of file that never holds such vectors."""
    with opened(path) as file:
        begin = file.read(_START)
    for magic, said in _KINDS:
        if begin.startswith(magic):
            raise VectorsError(f"{path}: {said}")
    if begin[257:262] == b"ustar":
        raise VectorsError(f"{path}: it is a tar archive; unpack it (tar xf) and give the file inside")
    if begin.startswith((ZIP, *_UNPACKERS)):
        raise VectorsError(f"{path}: it is packed twice; unpack it once")
    return begin


def described(begin: bytes) -> str | None:
    """What a text that starts so is, if it is none of vectors, and what to do; None: nobody knows."""
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    line = text.split(b"\n", 1)[0]
    if text[:1] == b"<":
        return "it is a web page, not the file; open its address in a browser and download it anew"
    if text[:1] in (b"{", b"["):
        return f"it is JSON; {_AS_TEXT}"
    for mark, name in ((b",", "commas"), (b";", "semicolons")):
        if line.count(mark) > 1 and line.count(mark) > len(line.split()):
            return f"its numbers are parted by {name}; put spaces in their place"
    if len(_DECIMAL.findall(line)) > 1:
        return "its numbers have decimal commas; put points in their place"
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff") or begin[:64].count(0) > 24:
        return "it is text in UTF-16; save it as UTF-8"
    return None
