"""Bring in word vectors of others: GloVe, word2vec, gensim's own files and downloader. The only home of gensim."""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import lzma
import os
import re
import socket
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from devise.errors import VectorsError, needed
from devise.filestat import is_special
from devise.progress import Progress
from devise.words import arrays, catalog, containers, neighbours, pickles
from devise.words.embeddings import WordVectors
from devise.words.format import CHUNK, SUFFIX, write_vectors

PICKLE = b"\x80"
LANGUAGE = "/c/en/"  # before each word of ConceptNet Numberbatch
ENDINGS = re.compile(r"(\.(txt|bin|gz|bz2|xz|zip|vec|kv|model|w2v|w2vec|word2vec|wordvectors|safetensors|npz))+$")
DOWNLOADABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")  # gensim's names have neither dots nor slashes
MAX_DIM = 10_000  # numbers a word: a first line with more is no line of vectors
MAX_LINE = 1 << 20  # bytes: 10,000 numbers of full length
TIMEOUT_SECONDS = 20.0  # without an answer: gensim's downloader itself would wait for ever
TROUBLE = (ValueError, EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, MemoryError)


@dataclass(frozen=True)
class Shape:
    """What the first lines of a text or binary file say."""

    has_header: bool
    is_binary: bool
    count: int | None  # what the header promises
    dim: int


@dataclass(frozen=True)
class Loaded:
    words: list[str]
    rows: NDArray[Any]  # (n, dim)
    num_doubled: int = 0  # words that came again
    num_latin: int = 0  # words that are no UTF-8 and were taken for Windows-1252


def import_vectors(source: str | Path, name: str | None = None, progress: Progress | None = None) -> WordVectors:
    """Import vectors from a file, or by the name gensim's downloader has for them, and keep them under `name`.

    >>> vectors = import_vectors("glove.6B.300d.txt.gz", "glove")

    GloVe and word2vec as text (with and without header, also .gz), word2vec binary, gensim's KeyedVectors and models,
    .npz with `words` and `vectors`.
    Rows are stored as float32 of length 1; zero and NaN rows and words that come twice are dropped and counted in
    `source`. A KeyedVectors file is a pickle: its words and rows are read, nothing in it is run (devise.words.pickles).
    progress: told how far the graph of the words is. Raises VectorsError, WriteError.
    """
    needed("importing word vectors", "gensim")
    path = Path(source)
    given = str(source)
    default = ENDINGS.sub("", path.name, count=1) or path.name
    out = catalog.path_for(default if name is None else name)
    if not os.path.lexists(path):
        path = _download(given)
    loaded, num_bad = _cleaned(_load(path))
    if not loaded.words:
        raise VectorsError(f"{path} holds no word with a usable vector; give another file")
    dropped = f"; left out: {num_bad} without direction, {loaded.num_doubled} repeated"
    latin = f"; {loaded.num_latin} words are no UTF-8 and were read as Windows-1252" if loaded.num_latin else ""
    said = Path(given).name + (dropped if num_bad or loaded.num_doubled else "") + latin
    write_vectors(out, loaded.words, loaded.rows, source=said)
    del loaded  # 480 MB for 400,000 x 300: not needed twice
    vectors = WordVectors(out)
    progress = progress or Progress()
    neighbours.build(vectors, lambda done, total: progress.building("words", done, total))
    return vectors


def _load(path: Path) -> Loaded:
    if path.is_dir():
        raise VectorsError(f"{path} is a folder; give a file of word vectors")
    if is_special(path):  # and can be read only once
        raise VectorsError(f"{path} is no regular file; save the vectors to a file and give that")
    if path.suffix.lower() == arrays.SUFFIX:
        return Loaded(*arrays.read(path))
    try:
        start = containers.start(path)
    except (zlib.error, EOFError, zipfile.BadZipFile, lzma.LZMAError, ValueError) as error:
        raise _broken(path, str(error)) from error
    except OSError as error:
        if error.errno is None:  # of bzip2 and gzip
            raise _broken(path, str(error)) from error
        raise VectorsError(f"cannot read {path}: {error.strerror or error}; check its permissions") from error
    if not start:
        raise VectorsError(f"{path} is empty; give a file of word vectors")
    if path.suffix == SUFFIX:
        own = WordVectors(path)
        return Loaded(own.words(), own.rows(np.arange(len(own))))
    if start[:1] == PICKLE:
        return _load_pickle(path)
    shape = _shape(path, start)
    return _load_binary(path, shape) if shape.is_binary else _load_text(path, shape)


def _shape(path: Path, start: bytes) -> Shape:
    """Header or not, text or binary: decided by the first two lines. Raises VectorsError for anything else."""
    if b"\r" in start.rstrip(b"\r") and b"\n" not in start:
        raise VectorsError(f"{path}: its lines end with carriage returns alone; save it with line feeds")
    try:
        with containers.opened(path) as file:
            lines = (line for line in iter(lambda: file.readline(MAX_LINE), b"") if line.strip())
            first, second = next(lines, b""), next(lines, b"")
    except TROUBLE as error:
        raise _broken(path, str(error)) from error
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() and len(field) < 12 for field in fields):
        count, dim = int(fields[0]), int(fields[1])
        if not 0 < dim <= MAX_DIM or not count:
            raise VectorsError(f"{path}, line 1: {count} words of {dim} numbers cannot be; check the file")
        return Shape(True, not _is_row(second, dim), count, dim)
    dim = min(_num_numbers(fields), len(fields) - 1)  # a word may have spaces, or be a number
    if not 1 < dim <= MAX_DIM:
        if said := containers.described(start):
            raise VectorsError(f"{path}: {said}")
        raise VectorsError(
            f"{path}, line 1: neither a word and its numbers nor a header; "
            "give GloVe or word2vec vectors, or a KeyedVectors file of gensim"
        )
    return Shape(False, False, None, dim)


def _is_row(line: bytes, dim: int) -> bool:
    fields = line.split()
    return len(fields) > dim and _num_numbers(fields) >= dim


def _num_numbers(fields: Sequence[bytes]) -> int:
    """How many numbers stand at the end."""
    return next((n for n, field in enumerate(reversed(fields)) if not _is_number(field)), len(fields))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def _load_text(path: Path, shape: Shape) -> Loaded:
    words: list[bytes] = []
    number = 0
    try:
        rows = np.empty((_count_rows(path, shape), shape.dim), np.float32)
        with containers.opened(path) as file, np.errstate(over="ignore"):  # numbers too large are dropped and counted
            for number, line in _rows(file, shape):
                word, rows[len(words)] = _split(path, number, line, shape.dim)
                words.append(word)
    except TROUBLE as error:
        raise _broken(path, f"{error} after line {number}") from error
    spelt = [_decoded(word) for word in words]
    return Loaded(spelt, rows, num_latin=sum(not _is_utf8(word) for word in words))


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(word: bytes) -> str:
    return word.decode() if _is_utf8(word) else word.decode("cp1252", "replace")


def _count_rows(path: Path, shape: Shape) -> int:
    """Raises VectorsError for a line that is too short: no memory is spent on what a file only promises."""
    count = 0
    with containers.opened(path) as file:
        for number, line in _rows(file, shape):
            count += 1
            found = len(line.split()) - (not line[:1].isspace())  # a word of white space alone is left out later
            if found < shape.dim:
                raise _odd_line(path, number, f"{found} numbers, the first row has {shape.dim}")
    if shape.count not in (None, count):
        raise _broken(path, f"its header promises {shape.count:,} words, it holds {count:,}")
    return count


def _rows(file: IO[bytes], shape: Shape) -> Iterator[tuple[int, bytes]]:
    """Lines with a word, each with its number."""
    lines = ((number, line) for number, line in enumerate(_lines(file), 1) if line.strip())
    return islice(lines, int(shape.has_header), None)


def _split(path: Path, number: int, line: bytes, dim: int) -> tuple[bytes, list[float]]:
    """The word, which may have spaces, and its numbers: the last ones of the line. Raises VectorsError."""
    fields = line.split()
    spelt, numbers = fields[:-dim], fields[-dim:]
    if len(spelt) > 1 and _is_number(spelt[-1]):
        raise _odd_line(path, number, f"{min(_num_numbers(fields), len(fields) - 1)} numbers, the first row has {dim}")
    if b"_" not in b"".join(numbers):  # which float would take
        with contextlib.suppress(ValueError):
            return b" ".join(spelt), list(map(float, numbers))
    bad = next(field for field in numbers if not _is_number(field))
    raise _odd_line(path, number, f'"{bad[:40].decode("utf-8", "replace")}" is no number')


def _odd_line(path: Path, number: int, fact: str) -> VectorsError:
    return VectorsError(f"{path}, line {number}: {fact}; the file is damaged: get it again")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Raises ValueError for one that no memory need be spent on."""
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError(f"a line of more than {MAX_LINE:,} bytes")
        yield line


def _load_binary(path: Path, shape: Shape) -> Loaded:
    from gensim.models import KeyedVectors

    if zipfile.is_zipfile(path):  # gensim opens it itself
        raise VectorsError(f"{path}: it is a zip archive of vectors in binary; unpack it and give the file inside")
    promised = shape.count or 0
    most = path.stat().st_size * (containers.MAX_RATIO if path.name.endswith(".gz") else 1)
    if 4 * promised * shape.dim > most:
        raise _broken(path, f"its header promises {promised:,} words of {shape.dim} numbers")
    try:
        with _quiet():
            vectors = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    except TROUBLE as error:
        raise _broken(path, str(error)) from error
    count = len(vectors.key_to_index)  # gensim keeps empty places at the end for words that came again
    return Loaded(list(vectors.index_to_key[:count]), vectors.vectors[:count], promised - count)


def _load_pickle(path: Path) -> Loaded:
    try:
        return Loaded(*pickles.read(path))
    except FileNotFoundError as error:  # large arrays stand in files of their own
        missing = Path(error.filename or path).name
        raise VectorsError(f"{path} keeps its numbers in {missing}, which is not there; put it beside") from error
    except Exception as error:  # a damaged pickle raises whatever it likes
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise VectorsError(f"{path} is no KeyedVectors file that can be read: {reason}; get it again") from error


def _cleaned(loaded: Loaded) -> tuple[Loaded, int]:
    """Without words that are empty and rows that are zero or not finite, and how many those were."""
    rows = loaded.rows
    if rows.ndim != 2 or len(rows) != len(loaded.words):
        raise VectorsError(f"{len(loaded.words):,} words with numbers of shape {rows.shape}; get the file again")
    is_good = np.array([bool(word.strip()) for word in loaded.words], bool)
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK].astype(np.float64)
        lengths = np.sqrt((some * some).sum(1))
        is_good[start : start + CHUNK] &= np.isfinite(lengths) & (lengths > 0)
    kept = np.flatnonzero(is_good)
    if len(kept) < len(rows):
        rows = rows[kept]
    # A byte order mark is no letter
    words = [loaded.words[slot].strip().removeprefix("\ufeff").removeprefix(LANGUAGE) for slot in kept]
    first = dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))
    if len(first) < len(words):  # words that differed in white space only
        slots = sorted(first.values())
        words, rows = [words[slot] for slot in slots], rows[slots]
    doubled = loaded.num_doubled + len(kept) - len(words)
    return Loaded(words, rows, doubled, loaded.num_latin), int((~is_good).sum())


def _download(name: str) -> Path:
    """The file behind a name of gensim's downloader, fetched once. Raises VectorsError."""
    if not DOWNLOADABLE.fullmatch(name):
        raise VectorsError(f"no file {name}; check its path, or give a name such as glove-wiki-gigaword-300")
    import gensim.downloader

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        with _quiet():
            names = list(gensim.downloader.info()["models"])
            if name in names:
                return Path(gensim.downloader.load(name, return_path=True))  # the file only: no downloaded code runs
    except Exception as error:  # the downloader raises bare Exception for a bad checksum
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VectorsError(
            f"no file {name}, and it cannot be downloaded: {reason}; check the network, or import a file you have"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    near = ", ".join(difflib.get_close_matches(name, names, 5, 0.3) or sorted(names)[:5])
    raise VectorsError(f"no file {name}, and gensim's downloader has no vectors of that name; it has: {near}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep gensim's progress bar off stdout and its tracebacks, of what it recovers from, off stderr."""
    logger = logging.getLogger("gensim")
    was = logger.disabled, logger.propagate
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers too large for float32 are dropped and counted
            yield
    finally:
        logger.removeHandler(handler)
        logger.disabled, logger.propagate = was


def _broken(path: Path, fact: str) -> VectorsError:
    return VectorsError(f"{path} is damaged or cut off: {fact}; get it again")
