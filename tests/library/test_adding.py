"""Looks in a library: beside a network's spaces, alone, and added to photos that are there already."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image

from devise import Library
from devise.config import IngestConfig, Settings
from devise.descriptors.looks import Looks
from devise.errors import DeviseError, LibraryError, PhotoError
from devise.library.ingest import fill
from devise.library.resources import Resources
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.progress import Progress
from devise.store.sqlite.store import Store

SMALL = Settings(ingest=IngestConfig(batch=4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos, of which each two are of one colour."""
    made = tmp_path / "photos"
    made.mkdir()
    for i in range(12):
        grid = np.random.default_rng(i).integers(-40, 40, (6, 8, 3)) + np.array(
            [40 * (i // 2), 120, 220 - 30 * (i // 2)]
        )
        Image.fromarray(grid.clip(0, 255).astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC).save(
            made / f"{i:02}.png"
        )
    return made


class Refusing(FakeEncoder):
    def encode(self, pixels):
        raise AssertionError("no pass of the network is needed")


def rows(library: Library, space: str) -> np.ndarray:
    return library.vectors(space)[1]


def test_looks_are_added_without_the_network_and_are_what_they_are_beside_it(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "beside", model=FakeEncoder()) as library:
        assert library.index([folder], add=["phash", "colour"]).added == 12
        beside = {name: rows(library, name) for name in ("phash", "colour", "features")}
        assert [space.name for space in library.info().model.spaces] == ["words", "features", "phash", "colour"]
    with Library(tmp_path / "later", model=FakeEncoder()) as library:
        library.index([folder])
        before = library.similar(folder / "00.png", 5)
    with Library(tmp_path / "later", model=Refusing()) as library:
        report = library.index(add=["phash", "colour"])
        assert (report.unchanged, report.filled, report.added) == (12, 12, 0)
        assert "12 filled in" in str(report)
        for name, expected in beside.items():
            np.testing.assert_array_equal(rows(library, name), expected)
        assert library.index(add=["colour"]).filled == 0  # it has it
    with Library(tmp_path / "later", model=FakeEncoder()) as library:
        assert library.similar(folder / "00.png", 5) == before
        Image.new("RGB", (50, 50), (9, 200, 30)).save(folder / "new.png")
        assert library.index().added == 1
        assert len(rows(library, "colour")) == 13
    assert check(tmp_path / "later") == []


def test_photos_are_found_by_them(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder], add=["phash", "colour"])
        with Image.open(folder / "04.png") as photo:
            photo.resize((90, 90)).save(tmp_path / "again.jpg", quality=60)
        for _ in range(5):  # the later ones from memory
            (best,) = library.similar(tmp_path / "again.jpg", 1, space="phash")
            assert (best.path, best.score >= -6) == (str(folder / "04.png"), True)
        assert Path(library.similar(folder / "04.png", 1, space="colour")[0].path).name == "05.png"


def test_a_network_is_not_opened_for_a_photo_from_elsewhere(folder: Path, tmp_path: Path, monkeypatch) -> None:
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder], add=["phash"])
    Image.new("RGB", (50, 50), (9, 200, 30)).save(tmp_path / "asked.png")
    monkeypatch.setattr(Resources, "encoder", None)
    with Library(tmp_path / "one") as library:
        assert len(library.similar(tmp_path / "asked.png", 3, space="phash")) == 3


def test_they_need_no_network_at_all(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=Looks(["dhash", "colour"])) as library:
        assert library.index([folder]).added == 12
        assert len(library.similar(folder / "00.png", 3, space="dhash")) == 3
        assert library.index(add=["phash"]).filled == 12
        (folder / "00.png").unlink()
        assert library.index().removed == 1
        assert len(rows(library, "phash")) == 11
    assert check(tmp_path / "one") == []


class StoppedError(Exception):
    pass


def test_a_pass_that_is_stopped_goes_on(folder: Path, tmp_path: Path) -> None:
    """After each batch: nothing is lost, searches say what is missing, and no photo is read twice."""
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder])

    class Stopping(Progress):
        def worked(self, done: int, total: int) -> None:
            if 0 < done < total:
                raise StoppedError

    left = []
    while True:
        with Library(tmp_path / "one", model=Refusing(), settings=SMALL) as library:
            try:
                left.append(library.index(add=["colour"], progress=Stopping()).filled)
                break
            except StoppedError:
                answer = library.similar(folder / "00.png", 20, space="colour")
                lacking = 12 - len(rows(library, "colour"))
                left.append(lacking)
                assert [note.data["num_photos"] for note in answer.notes if note.kind == "unfinished"] == [lacking]
                assert len(answer) == 11 - lacking
                (finding,) = check(tmp_path / "one")
                assert finding.text == f"{lacking} photos have no colour yet; run: devise index"
                assert not finding.is_damage
                unread = library.similar(folder / "11.png", 3, space="colour")  # has no row yet
                assert len(unread) == 3
                assert str(folder / "11.png") not in {match.path for match in unread}
    assert left == [8, 4, 4]
    with Library(tmp_path / "one") as library:
        assert not library.similar(folder / "00.png", 20, space="colour").notes
    assert check(tmp_path / "one") == []


def test_photos_that_cannot_be_read_wait(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder])
    told = []

    class Telling(Progress):
        def note(self, text: str) -> None:
            told.append(text)

    status = (folder / "03.png").stat()
    data = (folder / "03.png").read_bytes()
    (folder / "03.png").write_bytes(b"x" * len(data))  # behind the back of size and time
    os.utime(folder / "03.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        assert library.index(add=["phash"], progress=Telling()).filled == 11
        assert told == ["1 photo could not be read and so have no phash yet; the next devise index tries again"]
        (folder / "03.png").write_bytes(data)
        os.utime(folder / "03.png", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert library.index().filled == 1
        assert library.index().filled == 0
    assert check(tmp_path / "one") == []


def test_a_reader_that_keeps_rows_in_memory_sees_those_that_come(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder])
    with closing(Store(tmp_path / "one", write=True)) as store:
        fill.add(store, ["colour"])
    with Library(tmp_path / "one") as reader:
        for _ in range(6):
            assert not reader.similar(folder / "00.png", 5, space="colour")
        with closing(Store(tmp_path / "one", write=True)) as store:
            assert fill.fill(store, Progress(), Settings()) == 12
        for _ in range(6):
            assert len(reader.similar(folder / "00.png", 5, space="colour")) == 5


def test_libraries_with_other_looks_become_one(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "more" / "new.png"
    new.parent.mkdir()
    Image.new("RGB", (50, 50), (9, 200, 30)).save(new)
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder], add=["phash"])
    with Library(tmp_path / "two", model=FakeEncoder()) as library:
        library.index([new.parent], add=["colour"])
    assert portable.merge(tmp_path / "one", tmp_path / "two") == 1
    assert [f.text for f in check(tmp_path / "one")] == ["1 photo has no phash yet; run: devise index"]
    with Library(tmp_path / "one", model=Refusing()) as library:
        assert [space.name for space in library.info().model.spaces] == ["words", "features", "phash"]
        assert library.index().filled == 1
        assert len(rows(library, "phash")) == 13
    assert check(tmp_path / "one") == []


def test_what_cannot_be_had_is_said_with_the_remedy(folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=FakeEncoder()) as library:
        library.index([folder])
        with pytest.raises(LibraryError, match=r'no space "colour".*add it with: devise index --add colour'):
            library.similar(folder / "00.png", space="colour")
        with pytest.raises(LibraryError, match=r'no space "shape"; it has: words, features$'):
            library.similar(folder / "00.png", space="shape")
        with pytest.raises(DeviseError, match="no size of a hash"):
            library.index(add=["phash63"])
        library.index(add=["phash"])
        with pytest.raises(LibraryError, match=r"vectors of \(32,\) numbers; the space phash takes \(8,\)"):
            library.nearest(np.zeros(32, np.uint8), space="phash")
        (tmp_path / "text.jpg").write_text("no pixels")
        with pytest.raises(PhotoError):
            library.similar(tmp_path / "text.jpg", space="phash")


def test_a_space_of_the_model_that_is_called_so_stays(folder: Path, tmp_path: Path) -> None:
    from test_spaces import Colour

    with Library(tmp_path / "one", model=Colour()) as library:
        library.index([folder])
        with pytest.raises(LibraryError, match='has a space colour of the model "colour"'):
            library.index(add=["colour"])
        assert len(library.similar(folder / "00.png", 3, space="colour")) == 3
