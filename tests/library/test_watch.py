"""The library follows its folders: photos that come, change, move and go, half-written ones, folders that are away."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image
from test_library import write_words

from devise.errors import LibraryError
from devise.library import Library
from devise.library.ingest.inotify import has_room
from devise.library.ingest.watch import Watch
from devise.reports import IndexReport

SECONDS = 2.0  # that a change may take


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (seed % 256, 7 * seed % 256, 99)).save(path)
    return path


@pytest.fixture
def library(tmp_path: Path, album: Path) -> Iterator[Library]:
    with Library(tmp_path / "library") as opened:
        opened.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


def names(library: Library) -> set[str]:
    return {Path(path).name for path in library.paths()}


def test_paths_are_looked_at_without_a_walk(library: Library, album: Path, tmp_path: Path) -> None:
    new, deep = picture(album / "new.png", 1), picture(album / "a/b/deep.png", 2)
    unsaid, outside = picture(album / "unsaid/left.png", 3), picture(tmp_path / "else/outside.png", 4)
    report = library.refresh([new, deep, outside])
    assert (report.added, report.removed) == (2, 0)
    assert not {unsaid.name, outside.name} & names(library)
    assert library.refresh([album / "unsaid"]).added == 1
    picture(new, 5)
    (album / "red.png").unlink()
    report = library.refresh([new, album / "red.png"])
    assert (report.added, report.updated, report.removed) == (0, 1, 1)


def test_a_photo_that_moved_keeps_its_vectors(library: Library, album: Path) -> None:
    (album / "red.png").rename(album / "crimson.png")
    (album / "below").rename(album / "elsewhere")
    report = library.refresh([album / "red.png", album / "crimson.png", album / "below", album / "elsewhere"])
    assert (report.moved, report.added, report.removed) == (2, 0, 0)


def test_a_folder_that_is_gone_and_one_whose_disk_is_away(library: Library, album: Path) -> None:
    shutil.rmtree(album / "below")
    assert library.refresh([album / "below" / "blue.png"]).removed == 1
    album.rename(album.with_name("away"))
    assert library.refresh([album, album / "red.png"]).removed == 0
    album.mkdir()
    assert library.refresh([album, album / "red.png"]).removed == 0
    assert len(library) == 5


def test_rules_and_texts_beside_photos(library: Library, album: Path) -> None:
    (album / "red.png.txt").write_text("zugspitze")
    library.refresh([album / "red.png.txt"])
    from devise.library import Where

    assert library.search(where=Where(text="zugspitze"))[0].path == str(album / "red.png")
    (album / ".deviseignore").write_text("below\n")
    assert library.refresh([album / ".deviseignore"]).removed == 1
    assert library.refresh([picture(album / "below/new.png", 3)]).added == 0


@pytest.fixture
def watched(library: Library) -> Iterator[Library]:
    stop, said = threading.Event(), list[str]()
    thread = threading.Thread(target=library.watch, args=[said.append], kwargs={"stop": stop})
    thread.start()
    time.sleep(0.5)  # until the system watches
    yield library
    stop.set()
    thread.join()


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5 * SECONDS  # the machine may be busy; benchmarks.watching says how long it takes
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_a_watched_library_follows(watched: Library, album: Path) -> None:
    picture(album / "new.png", 1)
    assert soon(lambda: "new.png" in names(watched))
    (album / "new.png").rename(album / "renamed.png")
    (album / "red.png").unlink()
    assert soon(lambda: "renamed.png" in names(watched) and not {"new.png", "red.png"} & names(watched))
    whole = picture(album.parent / "whole.png", 2).read_bytes()
    with (album / "slow.png").open("wb") as file:
        for start in range(0, len(whole), len(whole) // 4 + 1):
            file.write(whole[start : start + len(whole) // 4 + 1])
            file.flush()
            time.sleep(0.15)
    assert soon(lambda: "slow.png" in names(watched))
    album.rename(album.with_name("away"))
    time.sleep(0.7)
    assert "slow.png" in names(watched)
    album.with_name("away").rename(album)
    picture(album / "back.png", 3)
    assert soon(lambda: "back.png" in names(watched))


def test_where_the_system_watches_no_more_folders(library: Library, album: Path) -> None:
    """At first, and of a folder that comes later: it is told once, and found by looking."""
    assert has_room(str(album))
    room, stop, said = {"is_there": True}, threading.Event(), list[str]()
    watch = Watch(lambda: [str(album)], library.index, library.refresh, said.append, stop)
    watch.has_room = lambda folder: room["is_there"]
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        time.sleep(0.5)
        picture(album / "watched.png", 1)
        assert soon(lambda: "watched.png" in names(library))
        assert not any("no more folders" in line for line in said)
        room["is_there"] = False
        (album / "later").mkdir()
        picture(album / "later/found.png", 2)
        assert soon(lambda: "found.png" in names(library))
        assert soon(lambda: any("no more folders" in line and "sysctl" in line for line in said))
        picture(album / "later/again.png", 3)
        assert soon(lambda: "again.png" in names(library))
        assert sum("no more folders" in line for line in said) == 1
    finally:
        stop.set()
        thread.join()


def test_a_library_that_is_away_for_a_while_is_waited_for(album: Path) -> None:
    """As one on a server may be."""
    is_away, stop, said, taken = threading.Event(), threading.Event(), list[str](), list[str]()

    def roots() -> list[str]:
        if is_away.is_set():
            raise LibraryError("it cannot be reached")
        return [str(album)]

    def refresh(paths: Sequence[str]) -> IndexReport:
        roots()
        taken.extend(path for path in paths if path.endswith("new.png"))
        return IndexReport(added=0, updated=0, unchanged=0, moved=0, removed=0, skipped=(), seconds=0)

    watch = Watch(roots, lambda: refresh([*map(str, album.iterdir())]), refresh, said.append, stop)
    thread = threading.Thread(target=watch.run)
    thread.start()
    time.sleep(0.5)
    is_away.set()
    new = picture(album / "new.png", 1)
    assert soon(lambda: bool(said))
    time.sleep(1)
    assert (said, taken, thread.is_alive()) == (["it cannot be reached"], [], True)
    is_away.clear()
    assert soon(lambda: str(new) in taken)
    stop.set()
    thread.join()
    assert said == ["it cannot be reached"]
