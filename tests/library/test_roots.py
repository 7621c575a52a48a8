"""What was indexed by name: photos that are deleted, disks that are absent, thousands of files at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image

from devise.errors import FolderError
from devise.filestat import changed_ns
from devise.library import Library
from devise.library.upkeep.check import check


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", model=FakeEncoder())


def photo(path: Path, red: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (red % 256, red // 256, 9)).save(path)
    return path


def test_a_photo_that_was_given_by_name_and_deleted_is_removed_like_any_other(library: Library, tmp_path: Path) -> None:
    named, other = photo(tmp_path / "alone/a.png"), photo(tmp_path / "disk/b.png", 1)
    with library:
        library.index([named, other.parent])
        named.unlink()
        report = library.index()
        assert (report.removed, report.unchanged, report.skipped) == (1, 1, ())
        assert library.info().roots == (str(other.parent),)
        assert library.index().unchanged == 1


def test_the_last_photo_of_all_may_go(library: Library, tmp_path: Path) -> None:
    named = photo(tmp_path / "alone/a.png")
    with library:
        library.index([named])
        named.unlink()
        assert library.index().removed == 1
        assert len(library) == 0


def test_a_photo_by_name_whose_disk_is_absent_stays(library: Library, tmp_path: Path) -> None:
    named, other = photo(tmp_path / "stick/a.png"), photo(tmp_path / "disk/b.png", 1)
    with library:
        library.index([named, other.parent])
        shutil.move(named.parent, tmp_path / "aside")
        report = library.index()
        assert (report.removed, report.unchanged) == (0, 1)
        assert [skipped.path for skipped in report.skipped] == [str(named)]
        shutil.move(tmp_path / "aside", named.parent)
        assert library.index().unchanged == 2


@pytest.mark.parametrize("leaves_a_folder", [False, True])
def test_an_absent_disk_keeps_its_photos_and_the_others_are_read(
    library: Library, tmp_path: Path, leaves_a_folder: bool
) -> None:
    photo(tmp_path / "disk/a.png")
    photo(tmp_path / "home/b.png", 1)
    with library:
        library.index([tmp_path / "disk", tmp_path / "home"])
        shutil.move(tmp_path / "disk", tmp_path / "aside")
        if leaves_a_folder:
            (tmp_path / "disk").mkdir()
        photo(tmp_path / "home/c.png", 2)
        report = library.index()
        assert (report.added, report.unchanged, report.removed) == (1, 1, 0)
        (skipped,) = report.skipped
        assert skipped.path == str(tmp_path / "disk")
        assert "is its disk mounted? Its photos stay" in skipped.reason
        assert len(library) == 3
        assert library.index(allow_empty=True).removed == 1


def test_what_was_never_indexed_is_asked_about(library: Library, tmp_path: Path) -> None:
    photo(tmp_path / "home/b.png")
    with library:
        library.index([tmp_path / "home"])
        with pytest.raises(FolderError, match="no such folder"):
            library.index([tmp_path / "home", tmp_path / "hmoe"])
        (tmp_path / "empty").mkdir()
        with pytest.raises(FolderError, match="no photos in"):
            library.index([tmp_path / "home", tmp_path / "empty"])


def test_a_folder_called_like_a_photo_is_no_photo(library: Library, tmp_path: Path) -> None:
    photo(tmp_path / "trip.jpg/a.png")
    photo(tmp_path / "home/b.png", 1)
    with library:
        library.index([tmp_path / "trip.jpg", tmp_path / "home"])
        shutil.move(tmp_path / "trip.jpg", tmp_path / "aside")
        assert library.index().removed == 0


def test_files_given_by_name_cost_what_their_folder_costs(tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"album/{number:04}.png", number) for number in range(3_000)]
    took = {}
    for name, given in (("folder", [tmp_path / "album"]), ("files", list(paths))):
        with Library(tmp_path / name, model=FakeEncoder()) as library:
            library.index(given)
            started = time.process_time()
            assert library.index(given).unchanged == len(paths)
            took[name] = time.process_time() - started
    assert took["files"] < 10 * took["folder"] + 0.4  # 0.4 s beside 0.1; each by each took 2.5 s


def changed_in_disguise(path: Path) -> None:
    """Another picture, and the same size and time."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    other = Image.new("RGB", (8, 8), (200, 10, 90))
    other.save(path, compress_level=0)
    assert path.stat().st_size == status.st_size == len(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_an_older_version_refused_is_tried_once_more(library: Library, tmp_path: Path) -> None:
    for number in range(2):
        Image.new("RGB", (8, 8), (number, 0, 9)).save(photo(tmp_path / f"album/{number}.png"))
    broken = tmp_path / "album/broken.png"
    broken.write_bytes(b"none")
    with library:
        assert len(library.index([tmp_path / "album"]).skipped) == 1
        good = tmp_path / "album/good.png"
        Image.new("RGB", (8, 8), "red").save(good)
        status = good.stat()
        with sqlite3.connect(library.path / "library.db") as database:  # as an older version left it
            database.execute("DELETE FROM meta WHERE key = 'refused_by'")
            row = str(good), status.st_size, changed_ns(status), "damaged"
            database.execute("INSERT INTO skipped VALUES (?, ?, ?, ?)", row)
        report = library.index()
        assert (report.added, len(report.skipped)) == (1, 1)
        report = library.index()
        assert (report.added, report.unchanged, len(report.skipped)) == (0, 3, 1)


def test_a_change_that_keeps_size_and_time(library: Library, tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 9)).save(photo(tmp_path / f"album/{number}.png"), compress_level=0)
    (tmp_path / "album/broken.png").write_bytes(b"none")
    with library:
        library.index([tmp_path / "album"])
        assert [found.text for found in check(library.path)] == []
        changed_in_disguise(tmp_path / "album/1.png")
        assert library.index().unchanged == 3
        (found,) = check(library.path)
        assert found.text.startswith("1 photo has changed, though size and time")
        assert "devise index --rehash" in found.text
        assert not found.is_damage
        report = library.index(rehash=True)
        assert (report.updated, report.unchanged, len(report.skipped)) == (1, 2, 1)
        assert check(library.path) == []
