"""Hostile data, unlucky machines, careless users: one line, status 1, nothing on stdout, nothing broken."""

from __future__ import annotations

import csv
import errno
import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from typer.testing import CliRunner

from devise.cli.main import app
from devise.cli.output import show
from devise.errors import LibraryError, PhotoError, VectorsError, WordError, WriteError
from devise.files import TEMPORARY, replacing
from devise.library import Library
from devise.photos import find, read
from devise.store.sqlite.database import MAX_PATH_BYTES, telling
from devise.store.sqlite.store import Store
from devise.words import WordVectors, import_vectors

LONG = "a" * 300  # longer than any file system takes
COMMAND = f'"{sys.executable}" -m devise.cli.main'


def shell(command: str, **more) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, env=environment, **more)


def is_one_line(done: subprocess.CompletedProcess[bytes], says: bytes) -> None:
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1
    assert says in done.stderr


@pytest.fixture
def filled(tmp_path, album) -> Path:
    with Library(tmp_path / "library") as library:
        library.index([album], model=FakeEncoder())
    return tmp_path / "library"


@pytest.fixture
def tiny(tmp_path) -> WordVectors:
    (tmp_path / "tiny.txt").write_text("red 1 0\nblue 0 1\n")
    return import_vectors(tmp_path / "tiny.txt")


@pytest.mark.parametrize(
    "arguments",
    [f"tag {LONG}.jpg", f"search red --library {LONG}", f"words red --vectors {LONG}", f"vectors import {LONG}.txt",
     f"vectors import x --name {LONG}", f"index . --model {LONG}", f"train {LONG} --out x"],
)  # fmt: skip
def test_names_that_are_too_long(arguments: str, tmp_path) -> None:
    is_one_line(shell(f"{COMMAND} {arguments}", cwd=tmp_path), b"aaa")


def test_output_that_cannot_be_written(tiny: WordVectors) -> None:
    is_one_line(shell(f"{COMMAND} words red --vectors tiny --json >/dev/full"), b"no space left")
    is_one_line(shell(f"{COMMAND} words red --vectors tiny --json >&-"), b"no stdout")
    is_one_line(shell(f"{COMMAND} words red --vectors tiny >&-"), b"no stdout")


def test_messages_never_go_to_stdout(tiny: WordVectors) -> None:
    done = shell(f"{COMMAND} words qqqq --vectors tiny --json 2>&-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert shell(f"{COMMAND} words qqqq --vectors tiny --json 2>/dev/full").returncode == 1


def test_a_working_folder_that_was_deleted(tmp_path) -> None:
    (tmp_path / "gone").mkdir()
    is_one_line(shell(f'cd "{tmp_path}/gone" && rmdir ../gone && {COMMAND} search red'), b"working folder was deleted")


def test_unreachable_folders_are_no_wrong_usage(tmp_path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    is_one_line(shell(f'{COMMAND} search red --library "{loop}/x"'), b"library")


def test_a_library_that_nobody_may_look_into(tmp_path, monkeypatch) -> None:
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(LibraryError, match=r"cannot be reached: permission denied"):
        len(Library(tmp_path))


def test_queries_that_are_no_utf8(tiny: WordVectors) -> None:
    with pytest.raises(WordError, match="no word vector"):
        tiny.query(os.fsdecode(b"\xff\xfe red"))


def test_a_library_whose_name_is_no_utf8(tmp_path, album) -> None:
    place = os.fsdecode(os.fsencode(tmp_path) + b"/\xff #?%41")
    with Library(place) as library:
        library.index([album], model=FakeEncoder())
        assert len(library) == 6
    assert len(Library(place)) == 6


def test_csv_quotes_whatever_ends_a_line() -> None:
    rows = [("a\rb", 1), ("c\nd", 2), ('e",f', 3)]
    text = show._csv([("path", "n"), *rows]).decode()
    assert text.startswith("path,n\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["path", "n"], *([a, str(n)] for a, n in rows)]


def test_devices_are_never_replaced(tmp_path) -> None:
    with pytest.raises(WriteError, match="no regular file"), replacing(Path("/dev/null")):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="no regular file"), replacing(tmp_path / "pipe"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_pipes_never_stop_a_walk_or_an_import(tmp_path) -> None:
    os.mkfifo(tmp_path / ".deviseignore")
    assert [entry.hides for entry in find([tmp_path])] == [False, True]
    with pytest.raises(VectorsError, match="no regular file"):
        import_vectors(tmp_path / ".deviseignore", "x")
    with pytest.raises(VectorsError, match="no regular file"):
        WordVectors(tmp_path / ".deviseignore")


@pytest.mark.parametrize("name", ["library.json", "holder", "lock", f".x{TEMPORARY}"])
def test_pipes_in_a_library_stop_nothing(name: str, filled: Path, album: Path) -> None:
    (filled / name).unlink(missing_ok=True)
    os.mkfifo(filled / name)
    done = shell(f'timeout 30 {COMMAND} index "{album}" --library "{filled}"')
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert b"6 unchanged" in done.stderr


def test_a_pipe_is_no_library(filled: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    is_one_line(shell(f'timeout 30 {COMMAND} library merge "{tmp_path}/pipe" --library "{filled}"'), b"is no library")


def test_a_folder_that_nobody_may_look_into(tmp_path, monkeypatch) -> None:
    known = os.stat

    def refuse(path, *arguments, **more):
        raise PermissionError(13, "Permission denied", str(path))

    def stat(path, *arguments, **more):
        return refuse(path) if str(path).endswith(".deviseignore") else known(path, *arguments, **more)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "stat", stat)
    result = CliRunner().invoke(app, ["tag", str(tmp_path), "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: {tmp_path}: the folder cannot be read: permission denied; check its permissions\n"


def test_a_library_path_that_sqlite_finds_too_long(tmp_path, album) -> None:
    room = MAX_PATH_BYTES - len(os.fsencode(tmp_path)) - 2 - len("library.db")
    deep = tmp_path / ("d" * 200) / ("e" * (room - 201))
    with pytest.raises(LibraryError, match="is too long for a library; choose a shorter one"):
        Library(f"{deep}e").index([album], model=FakeEncoder())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album"]
    with Library(deep) as library:
        assert library.index([album], model=FakeEncoder()).added == 6


@pytest.mark.parametrize("name", ["SQLITE_IOERR_SHMSIZE", "SQLITE_PROTOCOL", "SQLITE_CANTOPEN"])
def test_a_full_disk_beside_a_compacted_library_or_one_that_was_cut_off_is_told(name: str) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    with pytest.raises(WriteError, match="its disk"), telling(Path("library")):
        raise error


def test_a_folder_for_a_photo(tmp_path) -> None:
    with pytest.raises(PhotoError, match="it is a folder; give a photo"):
        read(tmp_path)


def test_all_bad_folders_stand_in_one_line(tmp_path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(Exception, match=r"one.*two.*notes\.txt") as caught:
        Library(tmp_path / "library").index([tmp_path / "one", tmp_path / "two", tmp_path / "notes.txt"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE meta SET value = '{' WHERE key = 'model'",
        'UPDATE meta SET value = \'{"name": "x", "spaces": [{"nome": 1}]}\' WHERE key = \'model\'',
        "UPDATE meta SET value = CAST(x'ff22' AS TEXT) WHERE key = 'model'",
        "UPDATE meta SET value = 'x' WHERE key = 'format'",
        "DELETE FROM meta WHERE key = 'format'",
        "UPDATE photos SET path = CAST(x'2fff' || path AS TEXT)",
        "UPDATE photos SET path = content_id",
        "UPDATE vectors SET data = zeroblob(16) WHERE key >> 40 = 1",
        "UPDATE vectors SET data = x'0000c07f0000c07f0000c07f0000c07f' WHERE key >> 40 = 1",
        "UPDATE vectors SET data = x'0000803f0000803f0000803f0000803f' WHERE key >> 40 = 1",
    ],
)
def test_damaged_rows_are_told(harm: str, filled: Path) -> None:
    with sqlite3.connect(filled / "library.db") as connection:
        connection.execute(harm)
    connection.close()
    with pytest.raises(LibraryError, match="is damaged"), Library(filled) as library:
        library.nearest(np.full(4, 0.5, np.float32))


def test_damaged_labels_and_revision_are_told(filled: Path) -> None:
    with sqlite3.connect(filled / "library.db") as connection:
        connection.execute("UPDATE meta SET value = '[' WHERE key IN ('labels', 'revision')")
    connection.close()
    store = Store(filled)
    for part in (store.labels, store.revision):
        with pytest.raises(LibraryError, match="is damaged"):
            part()
    store.close()


def test_a_format_that_never_was(filled: Path) -> None:
    with sqlite3.connect(filled / "library.db") as connection:
        connection.execute("UPDATE meta SET value = '-1' WHERE key = 'format'")
    connection.close()
    with pytest.raises(LibraryError, match="is damaged"):
        Store(filled, write=True)


def test_what_a_killed_run_left_is_swept(filled: Path, album: Path) -> None:
    left = [filled / f".words-3.graph.x1y2{TEMPORARY}", filled / ".incoming" / "library.db"]
    left[1].parent.mkdir()
    for file in left:
        file.touch()
    with Library(filled) as library:
        library.index([album], model=FakeEncoder())
    assert not any(file.exists() for file in left)


def test_only_what_dead_programs_left_is_swept(tmp_path: Path) -> None:
    left, alien = tmp_path / f".other.txt.abc{TEMPORARY}", tmp_path / ".notes.tmp"
    left.touch()
    alien.touch()
    with replacing(tmp_path / "one.txt") as one:
        one.write_text("1")
        with replacing(tmp_path / "two.txt") as two:
            two.write_text("2")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.tmp", "one.txt", "two.txt"]


def test_imports_of_odd_texts(tmp_path) -> None:
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfcat 1 2 3\ndog 1 2 4\n")
    assert import_vectors(tmp_path / "bom.txt").words() == ["cat", "dog"]
    (tmp_path / "more.txt").write_text("1 2\ncat 1 2\ndog 2 1\n")
    with pytest.raises(VectorsError, match="promises 1 words, it holds 2"):
        import_vectors(tmp_path / "more.txt")


def test_numbers_too_large_are_left_out_in_silence(tmp_path, recwarn) -> None:
    (tmp_path / "large.txt").write_text("cat 1 2 3\ndog 1e300 1 1\n")
    assert import_vectors(tmp_path / "large.txt").words() == ["cat"]
    assert not len(recwarn)


def test_a_machine_without_memory(filled: Path, album: Path, monkeypatch) -> None:
    """However the libraries say it."""
    panic = type("PanicException", (BaseException,), {})
    openvino = "Exception from infer_request.cpp:246:\n[CPU] Convolution node with name 'Convolution_102' can't alloc\n"
    for error in (MemoryError(), RuntimeError("can't start new thread"), RuntimeError(openvino),
                  ImportError("libx.so: failed to map segment from shared object"), panic("PyObject pointer is null"),
                  OSError(12, "Cannot allocate memory")):  # fmt: skip

        def lacking(*_, error=error, **__):
            raise error

        monkeypatch.setattr("devise.descriptors.network.engine.open_encoder", lacking)
        (album / "red.png").touch()
        result = CliRunner().invoke(app, ["index", str(album), "--library", str(filled)])
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "error: there is not enough memory; close other programs and run again\n"


def test_bugs_keep_their_traceback(monkeypatch) -> None:
    def broken(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr("devise.words.WordVectors.open", broken)
    assert str(CliRunner().invoke(app, ["words", "red"]).exception) == "a bug"


@pytest.mark.parametrize("error", [MemoryError(), ImportError("libx265.so: failed to map segment from shared object")])
def test_a_photo_for_which_there_was_no_memory_is_tried_again(filled: Path, album: Path, monkeypatch, error) -> None:
    (album / "red.png").write_bytes((album / "red.png").read_bytes() + b"more")

    def lacking(*_, **__):
        raise error

    with Library(filled) as library:
        with monkeypatch.context() as poor:
            poor.setattr("devise.photos.open.to_rgb", lacking)
            (skipped,) = library.index([album], model=FakeEncoder()).skipped
        assert "it needs more memory than there is" in skipped.reason
        assert library.index([album], model=FakeEncoder()).updated == 1


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free space or choose another place"), (errno.EDQUOT, "free space or choose another place"),
     (errno.EROFS, "choose another place"), (errno.ENAMETOOLONG, "choose another place")],
)  # fmt: skip
def test_space_is_the_remedy_where_it_is_lacking(tmp_path: Path, number: int, remedy: str) -> None:
    with pytest.raises(WriteError) as caught, replacing(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"cannot write {tmp_path / 'x'}: {os.strerror(number)}; {remedy}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("search", "red", "--library", ""), "--library is empty"), (("info", "--library", ""), "--library is empty"),
     (("vectors", "import", "tiny.txt", "--name", ""), '"" is no name'),
     (("index", ".", "--model", ""), 'no checkpoint ""'),
     (("train", ".", "--out", "x", "--vectors", ""), 'no word vectors called ""'),
     (("train", ".", "--out", ""), "--out")],
)  # fmt: skip
def test_empty_names_are_no_names(arguments: tuple[str, ...], says: str, tmp_path: Path, album, monkeypatch) -> None:
    (tmp_path / "tiny.txt").write_text("red 1 0\nblue 0 1\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1), result.output
    assert says in result.stderr


def test_labels_in_what_is_neither_folder_nor_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for data in (tmp_path / "pipe.csv", Path("/dev/zero")):
        result = CliRunner().invoke(app, ["train", str(data), "--out", "x"])
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1), result.output
        assert f"{data} is neither a folder nor a file of labels; " in result.stderr
