"""The run makes the library agree with the folders, reads only what is new and believes no unmounted disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image

from devise.config import IngestConfig, Settings
from devise.errors import FolderError, LibraryError, PhotoError
from devise.library import Library
from devise.library.upkeep.check import check
from devise.progress import Progress


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library") as opened:
        yield opened


def counts(report):
    return {
        name: getattr(report, name)
        for name in ("added", "updated", "unchanged", "moved", "removed")
        if getattr(report, name)
    } | ({"skipped": len(report.skipped)} if report.skipped else {})


def in_batches(size):
    return Settings(ingest=IngestConfig(batch=size))


def run(library, *folders, encoder=None, **options):
    return counts(library.index(folders, model=encoder, **options))


def test_add_then_nothing(library, album, encoder):
    assert run(library, album, encoder=encoder) == {"added": 6}
    assert encoder.num_encoded == 6
    assert run(library, album) == {"unchanged": 6}
    assert run(library) == {"unchanged": 6}
    assert encoder.num_encoded == 6
    assert len(library) == 6
    assert library.paths() == sorted(map(str, album.rglob("*.png")))


def test_an_unchanged_run_opens_neither_photos_nor_model(library, album, encoder, monkeypatch):
    run(library, album, encoder=encoder)
    monkeypatch.setattr("devise.library.models.open_encoder", lambda *_: pytest.fail("opened"))
    monkeypatch.setattr("devise.library.ingest.prefetch.read", lambda *_: pytest.fail("read"))
    with Library(library.path) as again:
        assert run(again) == {"unchanged": 6}


def test_renamed_and_moved_photos_keep_their_vectors(library, album, encoder, tmp_path):
    run(library, album, encoder=encoder)
    (album / "red.png").rename(album / "rouge.png")
    shutil.move(album / "below", album / "deeper")
    assert run(library, album) == {"moved": 2, "unchanged": 4}
    assert encoder.num_encoded == 6
    assert {os.path.basename(path) for path in library.paths()} >= {"rouge.png", "blue.png"}
    assert len(library) == 6


def test_swapped_names_need_no_encoding(library, album, encoder, tmp_path):
    run(library, album, encoder=encoder)
    (album / "red.png").rename(tmp_path / "aside.png")
    (album / "green.png").rename(album / "red.png")
    (tmp_path / "aside.png").rename(album / "green.png")
    for name in ("red", "green"):
        os.utime(album / f"{name}.png", ns=(1, 1))
    assert run(library, album) == {"updated": 2, "unchanged": 4}
    assert encoder.num_encoded == 6


def test_copies_share_a_content(library, album, encoder):
    shutil.copy(album / "red.png", album / "copy.png")
    assert run(library, album, encoder=encoder) == {"added": 7}
    assert library.info().num_contents == 6
    shutil.copy(album / "red.png", album / "another.png")
    assert run(library, album) == {"added": 1, "unchanged": 7}
    assert encoder.num_encoded == 6
    (album / "red.png").unlink()
    assert run(library, album) == {"removed": 1, "unchanged": 7}
    assert library.info().num_contents == 6


def test_touched_changed_and_vanished(library, album, encoder, draw):
    run(library, album, encoder=encoder)
    os.utime(album / "red.png", ns=(5, 5))
    draw("album/green.png", (1, 2, 3))
    (album / "white.png").unlink()
    assert run(library, album) == {"updated": 1, "removed": 1, "unchanged": 4}
    assert encoder.num_encoded == 7
    assert library.info().num_contents == 5
    assert run(library, album) == {"unchanged": 5}


def test_a_bad_photo_is_reported_each_time_but_read_once(library, album, encoder, monkeypatch):
    (album / "bad.jpg").write_bytes(b"no picture")
    (album / "camera.jxl").write_bytes(b"x")
    report = library.index([album], model=encoder)
    assert [os.path.basename(skipped.path) for skipped in report.skipped] == ["bad.jpg", "camera.jxl"]
    assert report.added == 6
    monkeypatch.setattr("devise.library.ingest.prefetch.read", lambda *_: pytest.fail("read again"))
    assert library.index([album]).skipped == report.skipped
    assert library.info().num_skipped == 1
    (album / "bad.jpg").unlink()
    (album / "camera.jxl").unlink()
    assert run(library, album) == {"unchanged": 6}
    assert library.info().num_skipped == 0


def test_large_files_are_read_one_at_a_time(library, album, encoder, monkeypatch):
    monkeypatch.setattr("devise.library.ingest.prefetch.os.cpu_count", lambda: 8)
    at_once, most = [], []

    def read(path, limits):
        at_once.append(path)
        time.sleep(0.02)
        most.append(len(at_once))
        at_once.remove(path)
        return Path(path).read_bytes()

    monkeypatch.setattr("devise.library.ingest.prefetch.read", read)
    one_by_one = Library(library.path, settings=Settings(ingest=IngestConfig(large_bytes=0)))
    assert run(one_by_one, album, encoder=encoder) == {"added": 6}
    assert most == [1] * 6


@pytest.mark.parametrize("said", ["run: pip install pillow-heif", "run: what an older devise said"])
def test_a_photo_without_a_reader_is_read_once_there_is_one(library, album, encoder, monkeypatch, said):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    Image.new("RGB", (40, 30), "red").save(album / "telephone.heic")
    (album / "telephone.heic").rename(album / "telephone.jpg")
    with monkeypatch.context() as without:
        without.setattr("devise.photos.formats.heif", lambda: False)
        assert run(library, album, encoder=encoder) == {"added": 6, "skipped": 1}
        assert "pip install pillow-heif" in library.index([album]).skipped[0].reason
        without.setattr("devise.library.ingest.prefetch.read", lambda *_: pytest.fail("read again"))
        assert run(library, album) == {"unchanged": 6, "skipped": 1}
    with sqlite3.connect(library.path / "library.db") as connection:
        connection.execute("UPDATE skipped SET reason = replace(reason, 'run: pip install pillow-heif', ?)", [said])
    connection.close()
    assert run(library, album) == {"added": 1, "unchanged": 6}
    assert run(library, album) == {"unchanged": 7}
    assert library.info().num_skipped == 0


def test_times_that_sqlite_cannot_keep(library, album, encoder):
    """In 2400, and in 1600."""
    (album / "bad.jpg").write_bytes(b"no picture")
    (album / "red.txt").write_text("a caption")
    try:
        for name in ("red.png", "red.txt", "bad.jpg"):
            os.utime(album / name, (13_569_465_600, 13_569_465_600))
        os.utime(album / "green.png", (-11_676_096_000, -11_676_096_000))
    except OverflowError:
        pytest.skip("this disk keeps no such times")
    assert run(library, album, encoder=encoder) == {"added": 6, "skipped": 1}
    assert run(library, album) == {"unchanged": 6, "skipped": 1}
    assert library.similar(album / "red.png", 1)
    assert encoder.num_encoded == 6
    assert not check(library.path)


def test_a_mended_photo_comes_in_and_a_broken_one_goes_out(library, album, encoder, draw):
    (album / "late.png").write_bytes(b"")
    run(library, album, encoder=encoder)
    draw("album/late.png", (9, 9, 9))
    (album / "red.png").write_bytes(b"\x89PNG broken")
    assert run(library, album) == {"added": 1, "unchanged": 5, "skipped": 1}
    assert not any(path.endswith("red.png") for path in library.paths())


def test_a_photo_that_cannot_be_reached_keeps_what_is_known(library, album, encoder, monkeypatch):
    run(library, album, encoder=encoder)
    os.utime(album / "red.png", ns=(5, 5))

    def read(path, limits):
        raise PhotoError(path, "it cannot be read: input/output error; check its disk")

    monkeypatch.setattr("devise.library.ingest.prefetch.read", read)
    assert run(library, album) == {"unchanged": 5, "skipped": 1}
    assert len(library) == 6


def test_an_unreadable_folder_below_keeps_its_photos(library, album, encoder, monkeypatch):
    run(library, album, encoder=encoder)
    real = os.scandir

    def scandir(path):
        if str(path).endswith("below"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert run(library, album) == {"unchanged": 5, "skipped": 1}
    assert len(library) == 6


def test_an_emptied_folder_is_not_believed(library, album, encoder, tmp_path):
    run(library, album, encoder=encoder)
    shutil.move(album, tmp_path / "aside")
    album.mkdir()
    for folders in ([album], []):
        with pytest.raises(FolderError, match=r"become empty.*mounted.*--allow-empty"):
            library.index(folders)
    assert len(library) == 6
    assert run(library, album, allow_empty=True) == {"removed": 6}
    assert len(library) == 0


def test_a_missing_folder_is_not_believed(library, album, encoder, tmp_path):
    run(library, album, encoder=encoder)
    album.rename(tmp_path / "aside")
    for folders in ([album], []):
        with pytest.raises(FolderError, match=r"no such folder.*mounted.*--allow-empty"):
            library.index(folders)
    assert len(library) == 6
    assert run(library, allow_empty=True) == {"removed": 6}
    assert library.info().roots == ()


def test_folders_that_are_none(library, album, encoder, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(FolderError, match=r"no photos in .*empty"):
        library.index([tmp_path / "empty"], model=encoder)
    with pytest.raises(FolderError, match="neither a folder nor a photo"):
        library.index([tmp_path / "notes.txt"], model=encoder)
    with pytest.raises(FolderError, match=r"(?s)one.*notes.txt"):
        library.index([tmp_path / "one", tmp_path / "notes.txt", album], model=encoder)
    assert len(library) == 0
    assert run(library, album / "red.png", encoder=encoder) == {"added": 1}
    assert run(library) == {"unchanged": 1}


def test_an_unreadable_folder(library, album, encoder, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(FolderError, match="permission denied; check its permissions"):
        library.index([album], model=encoder)


def test_only_the_given_folders_lose_photos(library, album, encoder, draw):
    other = draw("other/x.png", (1, 1, 1)).parent
    draw("other/y.png", (2, 2, 2))
    run(library, album, other, encoder=encoder)
    (album / "red.png").unlink()
    (other / "x.png").unlink()
    assert run(library, other) == {"removed": 1, "unchanged": 1}
    assert run(library) == {"removed": 1, "unchanged": 6}


def test_another_model_is_refused_with_both_names(library, album, encoder, draw):
    run(library, album, encoder=encoder)
    other = FakeEncoder(name="other", fingerprint="0" * 64)
    with pytest.raises(LibraryError, match=r'"fake".*"other".*--library'):
        library.index([album], model=other)
    draw("album/new.png", (3, 2, 1))
    with Library(library.path, model=other) as again, pytest.raises(LibraryError, match="fake"):
        again.index([album])
    assert run(library, album, encoder=encoder) == {"added": 1, "unchanged": 6}


def test_an_empty_library_takes_any_model(library, album, encoder):
    run(library, album, encoder=encoder)
    shutil.rmtree(album)
    run(library, album, allow_empty=True)
    album.mkdir()
    from PIL import Image

    Image.new("RGB", (9, 9)).save(album / "a.png")
    assert run(library, album, encoder=FakeEncoder("other", "0" * 64)) == {"added": 1}


def test_no_folders_yet(library):
    with pytest.raises(LibraryError, match="devise index FOLDER"):
        library.index()


def test_progress_counts_real_work(library, album, encoder, draw):
    class Seen(Progress):
        def __init__(self):
            self.walks, self.works = [], []

        def walked(self, photos):
            self.walks.append(photos)

        def worked(self, done, total):
            self.works.append((done, total))

    seen = Seen()
    library = Library(library.path, settings=in_batches(4))
    library.index([album], model=encoder, progress=seen)
    assert seen.walks[-1] == 6
    assert seen.works == [(0, 6), (4, 6), (6, 6)]
    draw("album/new.png", (3, 2, 1))
    seen = Seen()
    library.index([album], progress=seen)
    assert seen.works == [(0, 1), (1, 1)]


def test_a_photo_without_a_direction_does_not_stop_its_batch(library, album, encoder):
    class Strict(FakeEncoder):
        def encode(self, pixels):
            if (pixels.max((1, 2, 3)) < 20).any():
                raise ValueError("a vector must be finite and not zero")
            return super().encode(pixels)

    report = library.index([album], model=Strict())
    assert report.added == 5
    assert [os.path.basename(skipped.path) for skipped in report.skipped] == ["black.png"]


def test_interrupted_runs_go_on(library, draw):
    for i in range(30):
        folder = draw(f"many/{i:02}.png", (i * 8, 10, 10)).parent

    class Interrupted(FakeEncoder):
        def encode(self, pixels):
            if self.num_encoded >= 16:
                raise KeyboardInterrupt
            return super().encode(pixels)

    with pytest.raises(KeyboardInterrupt):
        Library(library.path, settings=in_batches(8)).index([folder], model=Interrupted())
    assert len(library) == 16
    going_on = FakeEncoder()
    with Library(library.path, model=going_on) as again:
        assert run(again) == {"added": 14, "unchanged": 16}
    assert going_on.num_encoded == 14


def test_names_of_any_kind(library, tmp_path, draw, encoder):
    path = draw("odd/päth 'quoted' \"double\" 日本.png")
    raw = os.fsencode(path.parent) + b"/caf\xe9.png"
    shutil.copy(path, raw)
    shutil.copy(path, path.parent / "new\nline.png")
    assert run(library, path.parent, encoder=encoder) == {"added": 3}
    assert run(library) == {"unchanged": 3}
    assert raw in [os.fsencode(found) for found in library.paths()]
