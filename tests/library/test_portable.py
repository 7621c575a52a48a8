"""Libraries as one file, two libraries as one, photos that lie elsewhere now, and who may read any of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEncoder, of_format_3
from PIL import Image
from typer.testing import CliRunner

from devise.cli.main import app
from devise.config import IndexConfig, Settings
from devise.errors import CheckpointError, FolderError, LibraryError, WriteError
from devise.library import Library, Where
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.library.upkeep.compact import compact
from devise.progress import Progress
from devise.search.interpret import Options, Request
from devise.store.sqlite import salvage
from devise.store.sqlite.store import Store
from devise.words.queries import Term

SMALL = Settings(index=IndexConfig(exact_below=5, min_behind=5))


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)).save(path)


def album(folder: Path, seeds: range) -> Path:
    for seed in seeds:
        noise(folder / "summer" / f"photo{seed:03}.png", seed)
    return folder


def indexed(path: Path, folder: Path, encoder: FakeEncoder | None = None, settings: Settings = Settings()) -> Library:
    library = Library(path, settings=settings)
    library.index([folder], model=encoder or FakeEncoder())
    return library


def answers(library: Library, space: str = "words") -> list[tuple[str, float]]:
    dim = {"words": 4, "features": 48}[space]
    query = np.random.default_rng(1).random(dim).astype(np.float32)
    found = library.nearest(query / np.linalg.norm(query), 1_000, space=space)
    return [(match.path, round(match.score, 4)) for match in found]


@pytest.fixture(params=[Settings(), SMALL], ids=["without an index", "with indices"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return request.param


def test_an_exported_library_is_the_same_elsewhere(tmp_path: Path, settings: Settings) -> None:
    with indexed(tmp_path / "library", album(tmp_path / "photos", range(12)), settings=settings) as library:
        assert portable.export(library.path, tmp_path / "out.devise") == 12
        assert portable.import_(tmp_path / "out.devise", tmp_path / "other" / "library", settings=settings) == 12
        with Library(tmp_path / "other" / "library", settings=settings) as other:
            for space in ("words", "features"):
                assert answers(other, space) == answers(library, space)
            assert [m.path for m in other.search(where=Where(text="photo003"))] == [
                str(tmp_path / "photos/summer/photo003.png")
            ]
            assert check(other.path) == []
            assert other.index(model=FakeEncoder()).unchanged == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library", "other", "out.devise", "photos"]


def test_a_backup_while_photos_are_indexed_is_a_snapshot(tmp_path: Path) -> None:
    folder = album(tmp_path / "photos", range(80))
    counts = []

    class Backing(Progress):
        def worked(self, done: int, total: int) -> None:
            if 0 < done < total:  # the next batch is being encoded
                counts.append(portable.export(tmp_path / "library", tmp_path / f"backup{len(counts)}.devise"))

    Library(tmp_path / "library").index([folder], model=FakeEncoder(), progress=Backing())
    assert counts == [32, 64]
    assert portable.import_(tmp_path / "backup1.devise", tmp_path / "again") == 64
    assert [finding for finding in check(tmp_path / "again") if finding.is_damage] == []


def test_two_libraries_become_one(tmp_path: Path, settings: Settings) -> None:
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(10)), settings=settings)
    two = indexed(tmp_path / "two", album(tmp_path / "b", range(5, 20)), settings=settings)  # five photos are in both
    with two:
        two.index([tmp_path / "a"])  # a path that both know
    assert portable.merge(one.path, two.path, settings=settings) == 15
    with one:
        assert (len(one), one.info().num_contents) == (25, 20)
        assert set(one.info().roots) == {str(tmp_path / "a"), str(tmp_path / "b")}
        assert answers(one) == answers(two)
        assert len(one.search(where=Where(text="photo007"))) == 2
        assert check(one.path) == []
        assert one.index(model=FakeEncoder()).unchanged == 25
    assert portable.merge(one.path, two.path, settings=settings) == 0


def test_judgements_are_merged_once(tmp_path: Path) -> None:
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(3)))
    two = indexed(tmp_path / "two", tmp_path / "a")
    for library, photo in ((one, 0), (two, 1)):
        with Store(library.path, write=True).db.transaction():
            pass
        store = Store(library.path, write=True)
        digest = store.db.value("SELECT hash FROM contents LIMIT 1 OFFSET ?", (photo,))
        row = ("red", digest, f"/{photo}.png", 1, "2026-01-01", 1)
        store.db.execute("INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES (?, ?, ?, ?, ?, ?)", row)
        store.close()
    for _ in range(2):
        portable.merge(one.path, two.path)
        store = Store(one.path)
        assert store.db.rows("SELECT path, batch FROM marks ORDER BY id") == [("/0.png", 1), ("/1.png", 2)]
        store.close()


def red(query: str) -> Request:
    """Without word vectors."""
    term = Term("red", np.ones(4, np.float32) / 2)
    return Request(text=query, terms=(term,), text_words=(), filter=Where(), options=Options())


def judged(folder: Path, *rows: tuple[bool, str]) -> None:
    with closing(Store(folder, write=True)) as store:
        digest = store.db.value("SELECT hash FROM contents LIMIT 1")
        for batch, (is_good, when) in enumerate(rows, 1):
            row = ("red", digest, "/0.png", is_good, f"2026-01-0{when}T00:00:00+00:00", batch)
            sql = "INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES (?, ?, ?, ?, ?, ?)"
            store.db.execute(sql, row)


@pytest.mark.parametrize(
    ("ours", "theirs", "count", "undone"),
    [
        ([(False, "5")], [(True, "3")], False, True),  # theirs is older
        ([(True, "3")], [(False, "5")], False, True),
        ([(False, "5")], [(True, "5")], False, None),  # of one second
        ([(True, "2"), (False, "6")], [(True, "4"), (False, "1")], False, True),
    ],
)
def test_of_two_judgements_the_later_one_counts(
    tmp_path: Path, ours: list[tuple[bool, str]], theirs: list[tuple[bool, str]], count: bool, undone: bool | None
) -> None:
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(1)))
    two = indexed(tmp_path / "two", tmp_path / "a")
    judged(one.path, *ours)
    judged(two.path, *theirs)
    one.close()
    portable.merge(one.path, two.path)
    with one:
        assert [mark.is_good for mark in one.marks] == [count]
        assert len(one.marks.undo()) == 1
        assert [mark.is_good for mark in one.marks] == ([] if undone is None else [undone])


def test_what_is_said_now_counts_whatever_the_clocks_said(tmp_path: Path) -> None:
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(1)))
    with closing(Store(one.path, write=True)) as store:
        store.db.execute(
            "INSERT INTO marks (query, hash, path, is_good, marked, batch) SELECT 'red', hash, '/0.png', 1, "
            "'2999-01-01T00:00:00+00:00', 1 FROM contents"
        )
    marks = replace(one.marks, interpret=red)
    with one:
        marks.add("red", [tmp_path / "a" / "summer" / "photo000.png"], is_good=False)
        assert [mark.is_good for mark in marks] == [False]
        assert [mark.is_good for mark in marks.undo()] == [False]


def test_a_judgement_beside_a_repair_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is read, another is put in its place: what is written between the two must not be lost."""
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(2)))
    copied = salvage._copy
    photo = tmp_path / "a" / "summer" / "photo000.png"

    def judge() -> None:
        with Library(one.path) as other:
            replace(other.marks, interpret=red).add("red", [photo], is_good=True)

    beside = threading.Thread(target=judge)

    def copy(*arguments: Any) -> None:
        copied(*arguments)
        beside.start()
        beside.join(1)

    with monkeypatch.context() as while_copying:
        while_copying.setattr(salvage, "_copy", copy)
        salvage.salvage(one.path)
    beside.join()
    judge()
    with one:
        assert [mark.path for mark in one.marks] == [str(photo)]
        assert len(one.marks.undo()) == len(one.marks.undo()) == 1


def test_libraries_of_different_models_are_not_merged(tmp_path: Path) -> None:
    one = indexed(tmp_path / "one", album(tmp_path / "a", range(3)))
    two = indexed(tmp_path / "two", album(tmp_path / "b", range(3)), FakeEncoder(fingerprint="0" * 64))
    with pytest.raises(LibraryError, match="another model"):
        portable.merge(one.path, two.path)
    with one:
        assert len(one) == 3
    assert not (one.path / ".incoming").exists()


def test_what_is_imported_is_looked_at_first(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(40)))
    file = tmp_path / "out.devise"
    portable.export(library.path, file)
    whole = file.read_bytes()
    new = tmp_path / "new"
    with pytest.raises(LibraryError, match="already; add to it"):
        portable.import_(file, library.path)
    with pytest.raises(LibraryError, match="no file"):
        portable.import_(tmp_path / "none", new)
    for damaged in (
        b"",
        b"hello",
        whole[:5_000],
        whole[: len(whole) // 2],
        whole[:30_000] + bytes(40_000) + whole[70_000:],
    ):
        file.write_bytes(damaged)
        with pytest.raises(LibraryError, match=r"no library that devise exported|damaged"):
            portable.import_(file, new)
        assert not (new / "library.db").exists()
    file.write_bytes(whole)
    assert portable.import_(file, new) == 40


def test_an_export_of_an_older_devise_is_imported(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(6)))
    before, file = answers(library), tmp_path / "old.devise"
    portable.export(library.path, file)
    with sqlite3.connect(file) as old:
        of_format_3(old)
        old.execute("CREATE TABLE IF NOT EXISTS graphs (space)")
    assert portable.import_(file, tmp_path / "new") == 6
    with Library(tmp_path / "new") as new:
        assert answers(new) == before


def test_photos_that_lie_elsewhere_now(tmp_path: Path, settings: Settings) -> None:
    encoder = FakeEncoder()
    with indexed(tmp_path / "library", album(tmp_path / "old", range(8)), encoder, settings) as library:
        (tmp_path / "old" / "bad.jpg").write_bytes(b"no photo")
        library.index(model=encoder)
        before = [score for _, score in answers(library)]
        shutil.move(tmp_path / "old", tmp_path / "new")
        assert portable.move(library.path, str(tmp_path / "old"), str(tmp_path / "new")) == 8
    with Library(library.path, settings=settings) as moved:
        assert [score for _, score in answers(moved)] == before
        assert moved.info().roots == (str(tmp_path / "new"),)
        report = moved.index(model=encoder)
        assert (report.unchanged, len(report.skipped), encoder.num_encoded) == (8, 1, 8)
        assert len(moved.search(where=Where(text="new photo003"))) == 1
        assert check(moved.path) == []
    with pytest.raises(FolderError, match="no photos below"):
        portable.move(library.path, str(tmp_path / "old"), str(tmp_path / "new"))
    with pytest.raises(FolderError, match="no folder"):
        portable.move(library.path, str(tmp_path / "new"), str(tmp_path / "nowhere"))


def test_only_the_user_may_read_a_library(tmp_path: Path) -> None:
    with indexed(tmp_path / "library", album(tmp_path / "photos", range(9)), settings=SMALL) as library:
        library.nearest(np.ones(4, np.float32) / 2, 1)
        portable.export(library.path, tmp_path / "out.devise")
        files = [tmp_path / "out.devise", library.path, *library.path.iterdir()]
        assert len(files) >= 6
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_an_export_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(2)))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError):
        portable.export(library.path, tmp_path / "file" / "out.devise")


def test_compacting_gives_room_back_and_changes_no_answer(tmp_path: Path, settings: Settings) -> None:
    with indexed(tmp_path / "library", album(tmp_path / "photos", range(200)), settings=settings) as library:
        for seed in range(60):
            (tmp_path / "photos" / "summer" / f"photo{seed:03}.png").unlink()
        library.index()
        before = answers(library)
        large, small = compact(library.path, settings=settings)
        assert small < large
        assert answers(library) == before
        assert len(library.search(where=Where(text="photo150"))) == 1
        assert check(library.path) == []
    with pytest.raises(LibraryError, match="no library"):
        compact(tmp_path / "nowhere")


def test_an_import_is_for_its_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(2)))
    before = os.umask(0o022)
    try:
        portable.export(library.path, tmp_path / "out.devise")
        portable.import_(tmp_path / "out.devise", tmp_path / "new")
        portable.merge(library.path, tmp_path / "out.devise")
    finally:
        os.umask(before)
    files = [tmp_path / "out.devise", *library.path.iterdir(), tmp_path / "new", *(tmp_path / "new").iterdir()]
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


def test_without_a_library_nothing_is_made(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(2)))
    nowhere, photos = tmp_path / "no" / "where", str(tmp_path / "photos")
    before = sorted(tmp_path.iterdir())
    for act in (
        lambda: portable.merge(nowhere, library.path),
        lambda: portable.move(nowhere, photos, str(tmp_path)),
        lambda: portable.export(nowhere, tmp_path / "out.devise"),
        lambda: compact(nowhere),
        lambda: check(nowhere, repair=True),
    ):
        with pytest.raises(LibraryError, match=r"there is no library at .*; run: devise index FOLDER"):
            act()
        assert sorted(tmp_path.iterdir()) == before


def test_what_fails_before_it_begins_leaves_nothing(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(2)))
    portable.export(library.path, tmp_path / "out.devise")
    (tmp_path / "cut.devise").write_bytes((tmp_path / "out.devise").read_bytes()[:40_000])
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for new in (tmp_path / "no" / "where", tmp_path / "empty"):
        with pytest.raises(LibraryError, match="damaged"):
            portable.import_(tmp_path / "cut.devise", new)
        assert sorted(tmp_path.rglob("*")) == before
        with pytest.raises(CheckpointError):
            Library(new).index([tmp_path / "photos"], model=tmp_path / "bad.safetensors")
        assert sorted(tmp_path.rglob("*")) == before
        with pytest.raises(FolderError):
            Library(new).index([tmp_path / "nothing"], model=FakeEncoder())
        assert sorted(tmp_path.rglob("*")) == before


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff ?#%41"))
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(3)))
    assert portable.export(library.path, bad / "x\udcff.devise") == 3
    assert portable.import_(bad / "x\udcff.devise", bad / "new") == 3
    assert portable.merge(bad / "new", library.path) == 0
    assert portable.merge(library.path, bad / "new") == 0
    assert portable.move(bad / "new", str(tmp_path / "photos"), str(bad)) == 3
    assert check(library.path) == []


def test_an_export_writes_over_no_library_and_no_photo(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(3)))
    other = indexed(tmp_path / "other", tmp_path / "photos")
    (tmp_path / "link").symlink_to(other.path)
    photo = tmp_path / "photos" / "summer" / "photo001.png"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for place in (library.path, other.path, tmp_path / "link"):
        for name in ("library.db", "library.json", "lock", "new.devise"):
            with pytest.raises(WriteError, match=r"is part of the library .*; choose another place"):
                portable.export(library.path, place / name)
    with pytest.raises(WriteError, match="is a photo of the library"):
        portable.export(library.path, photo)
    assert {path: path.read_bytes() for path in before} == before
    assert check(library.path) == check(other.path) == []


def test_what_is_wrong_with_a_file_is_said_of_that_file(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(3)))
    file = tmp_path / "out.devise"
    portable.export(library.path, file)
    whole = file.read_bytes()
    with closing(sqlite3.connect(file)) as newer, newer:
        newer.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    for act in (
        lambda: portable.import_(file, tmp_path / "new"),
        lambda: portable.merge(library.path, file),
    ):
        with pytest.raises(LibraryError, match=r"library [^ ]*/out.devise has format 99, .*; install"):
            act()
    for damage in (whole[:40_000], whole[:30_000] + bytes(40_000) + whole[70_000:]):
        file.write_bytes(damage)
        with pytest.raises(LibraryError, match=r"/out.devise is damaged.*; export it again with: devise library"):
            portable.import_(file, tmp_path / "new")


def test_photos_that_have_not_moved(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(3)))
    with pytest.raises(FolderError, match="both OLD and NEW"):
        portable.move(library.path, str(tmp_path / "photos"), str(tmp_path / "photos" / ""))


def test_one_photo_is_no_photos(tmp_path: Path) -> None:
    library = indexed(tmp_path / "library", album(tmp_path / "photos", range(1)))
    (tmp_path / "new").mkdir()
    for arguments, said in (
        (("export", tmp_path / "out.devise"), "1 photo in"),
        (("import", tmp_path / "out.devise"), "1 photo in"),
        (("move", tmp_path / "photos", tmp_path / "new"), "1 photo moved"),
        (("merge", tmp_path / "out.devise"), "1 photo added"),
        (("merge", tmp_path / "out.devise"), "0 photos added"),
    ):
        place = tmp_path / "other" if arguments[0] == "import" else library.path
        done = CliRunner().invoke(app, ["library", *map(str, arguments), "--library", str(place)])
        assert (done.exit_code, done.stdout) == (0, "")
        assert said in done.stderr
