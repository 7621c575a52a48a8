"""Files that people take for word vectors: packed texts are read, all else is called by its name, bombs are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from devise.errors import VectorsError
from devise.words import import_vectors

ROWS = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
NAMES = ["the", "cat", "sofa", "café", "dog", "lake"]


def text(encoding: str = "utf-8", header: str = "", prefix: str = "") -> bytes:
    lines = [" ".join([prefix + word, *map(str, row)]) for word, row in zip(NAMES, ROWS, strict=True)]
    return (header + "\n".join(lines) + "\n").encode(encoding)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(data: bytes, mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{mode}") as archive:  # type: ignore[call-overload]  # any of three
        entry = tarfile.TarInfo("glove.txt")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, ROWS)
    return buffer.getvalue()


PACKED = {
    "a.zip": zipped({"glove.txt": text()}),
    "folder.zip": zipped({"glove/": b"", "glove/glove.txt": text(), "__MACOSX/glove/._glove.txt": b"x"}),
    "mac.zip": zipped({"glove.txt": text(), ".DS_Store": b"x"}),
    "stored.zip": zipped({"glove.txt": text()}, zipfile.ZIP_STORED),
    "a.txt.xz": lzma.compress(text()),
    "a.vec.bz2": bz2.compress(text(header="6 8\n")),
    "a.txt.gz": gzip.compress(text()),
    "no-suffix": lzma.compress(text()),
}


@pytest.mark.parametrize("name", PACKED)
def test_one_text_in_whatever_it_is_packed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    vectors = import_vectors(tmp_path / name)
    assert vectors.words() == NAMES
    assert vectors.name == name.partition(".")[0]


FASTTEXT = struct.pack("<ii", 793712314, 12) + bytes(60)
NAMED = {
    "two.zip": (zipped({"a.txt": text(), "b.txt": text()}), "zip archive of 2 files (a.txt, b.txt); unpack it"),
    "many.zip": (zipped({f"{i}.txt": b"" for i in range(9)}), "3.txt, 4.txt, ...); unpack it"),
    "empty.zip": (zipped({}), "with nothing in it"),
    "binary.zip": (zipped({"a.bin": b"1 8\ncat " + ROWS[0].tobytes()}), "in binary; unpack it"),
    "a.txt.lzma": (lzma.compress(text(), lzma.FORMAT_ALONE), "unpack it: unlzma"),
    "a.txt.lz4": (b"\x04\x22\x4d\x18" + bytes(9), "unpack it: lz4 -d"),
    "a.feather": (b"ARROW1\0\0" + bytes(9), "an Arrow file; give"),
    "a.jpg": (b"\xff\xd8\xff\xe0" + bytes(9), "it is a picture"),
    "comment.txt": (b"<!-- saved from -->\n<html>", "a web page"),
    "script.txt": (b"<script>location='/login'</script>", "a web page"),
    "semicolons.csv": (text().replace(b" ", b";"), "parted by semicolons"),
    "commas.txt": (text().replace(b".", b","), "decimal commas"),
    "old-mac.txt": (text().replace(b"\n", b"\r"), "carriage returns alone"),
    "no-mark.txt": (text("utf-16-le"), "UTF-16; save it as UTF-8"),
    "torch.pt": (zipped({"archive/data.pkl": b"x", "archive/version": b"3"}), "a file of PyTorch; give"),
    "old-torch.pt": (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + bytes(9), "a file of PyTorch; give"),
    "arrays.npz": (zipped({"a.npy": array()}), "word vectors are words and vectors: numpy.savez"),
    "a.tar": (tarred(text(), ""), "a tar archive; unpack it"),
    "a.tar.gz": (tarred(text(), "gz"), "a tar archive; unpack it"),
    "a.tgz": (tarred(text(), "gz"), "a tar archive; unpack it"),
    "a.tar.xz": (tarred(text(), "xz"), "a tar archive; unpack it"),
    "cc.en.300.bin": (FASTTEXT, "a model of fastText; give its .vec file"),
    "cc.en.300.bin.gz": (gzip.compress(FASTTEXT), "a model of fastText; give its .vec file"),
    "lfs.txt": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", "run: git lfs pull"),
    "page.txt": (b"\n<!DOCTYPE HTML>\n<html><title>Not found</title></html>", "a web page"),
    "page.txt.gz": (gzip.compress(b"<html>"), "a web page"),
    "a.npy": (array(), "an array of NumPy, numbers without words"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file; give"),
    "a.magnitude": (b"SQLite format 3\0" + bytes(90), "an SQLite database; give"),
    "a.txt.zst": (b"\x28\xb5\x2f\xfd" + bytes(9), "zstd; unpack it"),
    "a.json": (b'{"cat": [0.1, 0.2]}', "it is JSON; give"),
    "a.csv": (text().replace(b" ", b","), "parted by commas"),
    "a.txt": (text("utf-16"), "UTF-16; save it as UTF-8"),
    "twice.gz": (gzip.compress(gzip.compress(text())), "packed twice"),
    "cut.zip": (PACKED["a.zip"][:-30], "damaged"),
    "cut.txt.xz": (PACKED["a.txt.xz"][:-30], "damaged"),
    "cut.txt.bz2": (PACKED["a.vec.bz2"][:-30], "damaged"),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_no_vectors_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    data, said = NAMED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(VectorsError) as caught:
        import_vectors(tmp_path / name)
    assert said in str(caught.value)
    assert ";" in str(caught.value), "an error ends with what to do"


BOMBS = {
    "lines.txt.gz": gzip.compress(b"\n" * 100_000_000),
    "rows.txt.gz": gzip.compress(b"cat 1 0\n" + bytes(50_000_000)),
    "row.txt.gz": gzip.compress(b"cat 1 0\n" * 9_000_000),
    "spaces.txt.gz": gzip.compress(b"cat" + b" " * 100_000_000),
    "lines.xz": lzma.compress(b"\n" * 100_000_000),
    "lines.bz2": bz2.compress(b"\n" * 50_000_000),
    "lines.zip": zipped({"a.txt": b"\n" * 100_000_000}),
    "header.bin.gz": gzip.compress(b"10000000 8\ncat " + bytes(100_000_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path: Path, name: str) -> None:
    """Within two seconds of a processor that is not shared; unpacking all of them took more than twenty."""
    import_module("gensim.models")  # which takes a second or two by itself
    (tmp_path / name).write_bytes(BOMBS[name])
    before = time.process_time()
    with pytest.raises(VectorsError):
        import_vectors(tmp_path / name)
    assert time.process_time() - before < 4


def test_small_files_may_repeat_themselves(tmp_path: Path) -> None:
    rows = b"".join(b"word%d 0 0 0 0 0 0 0 1\n" % number for number in range(20_000))
    (tmp_path / "same.txt.gz").write_bytes(gzip.compress(rows))
    assert len(import_vectors(tmp_path / "same.txt.gz")) == 20_000


def test_numberbatch_and_latin_1(tmp_path: Path) -> None:
    (tmp_path / "numberbatch.txt").write_bytes(text(header="6 8\n", prefix="/c/en/"))
    assert import_vectors(tmp_path / "numberbatch.txt").words() == NAMES
    (tmp_path / "latin.txt").write_bytes(text("latin-1"))
    vectors = import_vectors(tmp_path / "latin.txt")
    assert vectors.words() == NAMES
    assert "1 words are no UTF-8 and were read as Windows-1252" in vectors.source


def test_numbers_that_stand_in_a_file_that_is_lost(tmp_path: Path) -> None:
    gensim = pytest.importorskip("gensim.models")
    vectors = gensim.KeyedVectors(8)
    vectors.add_vectors(NAMES, ROWS)
    vectors.save(str(tmp_path / "a.kv"), separately=["vectors"])
    (tmp_path / "a.kv.vectors.npy").unlink()
    with pytest.raises(VectorsError, match=r"a\.kv\.vectors\.npy, which is not there; put it beside"):
        import_vectors(tmp_path / "a.kv")


def test_a_zip_whose_file_has_no_name(tmp_path: Path) -> None:
    """Found by fuzzing: ZipInfo.is_dir fails there."""
    (tmp_path / "a.zip").write_bytes(zipped({"x": text()}).replace(b"\x01\0\0\0x", b"\0\0\0\0x"))
    with pytest.raises(VectorsError):
        import_vectors(tmp_path / "a.zip", "a")


@pytest.mark.parametrize(("place", "value"), [(10, 9), (6, 84)])  # Deflate64, as Windows has it; a later version
def test_a_zip_that_python_does_not_unpack(tmp_path: Path, place: int, value: int) -> None:
    """Found by fuzzing."""
    data = bytearray(zipped({"glove.txt": text()}))
    data[data.index(b"PK\x01\x02") + place] = value
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(VectorsError, match=r"a zip archive that cannot be read here .*; unpack it and give the file"):
        import_vectors(tmp_path / "a.zip", "a")


def test_a_pickle_that_numbers_what_it_does_not_hold(tmp_path: Path) -> None:
    """Found by fuzzing: Python's reader would take 13 GB for these bytes."""
    (tmp_path / "a.kv").write_bytes(b"\x80\x04}\x94\x8c\x01ar" + struct.pack("<I", 807_429_480) + b".")
    with pytest.raises(VectorsError, match="numbers things that it does not hold; get it again"):
        import_vectors(tmp_path / "a.kv", "a")
