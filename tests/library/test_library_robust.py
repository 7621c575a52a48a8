"""Nothing that happens to a run or to a folder loses what a library knows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise.config import IndexConfig, IngestConfig, Settings
from devise.errors import FolderError, LibraryError, WriteError
from devise.library import Library, Where
from devise.library.upkeep import portable
from devise.store.sqlite.store import Store
from devise.vectors import unit

TESTS = Path(__file__).parents[1]
QUERY = unit(np.ones(4))

SLOW = """
import sys, time
from fakes import FakeEncoder
from devise.config import IngestConfig, Settings
from devise.library import Library
class Slow(FakeEncoder):
    def encode(self, pixels):
        time.sleep(0.15)
        return super().encode(pixels)
Library(sys.argv[1], settings=Settings(ingest=IngestConfig(batch=4))).index([sys.argv[2]], model=Slow())
"""


def start(code, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    heard = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
    try:  # both may be ignored where tests run in the background, and children inherit that
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)


@pytest.fixture
def photos(draw):
    for i in range(40):
        folder = draw(f"photos/{i:02}.png", (i * 6, 250 - i * 6, 90)).parent
    return folder


def wait_for_photos(library, at_least):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if len(library) >= at_least:
                return
        except LibraryError:  # the tables are being made
            pass
        library.close()
        time.sleep(0.02)
    pytest.fail("the run stores nothing")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_a_good_library_and_the_next_goes_on(tmp_path, photos, how):
    run = start(SLOW, tmp_path / "library", photos)
    library = Library(tmp_path / "library", model=FakeEncoder())
    wait_for_photos(library, 8)
    library.nearest(QUERY, 3)  # searching while another indexes
    run.send_signal(how)
    run.communicate(timeout=10)
    stored = len(library)
    assert 8 <= stored < 40
    assert len(library.nearest(QUERY, 100)) == stored
    report = library.index()
    assert (report.added, report.unchanged) == (40 - stored, stored)
    assert library._reader().db.value("PRAGMA integrity_check") == "ok"
    library.close()


def test_two_at_once_one_is_told(tmp_path, photos):
    run = start(SLOW, tmp_path / "library", photos)
    library = Library(tmp_path / "library", model=FakeEncoder())
    wait_for_photos(library, 4)
    with pytest.raises(LibraryError, match=r"another devise .*is writing.*wait"):
        library.index([photos])
    assert run.wait(20) == 0
    run.communicate()
    assert library.index([photos]).unchanged == 40
    library.close()


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path, photos):
    """A limit on the size of files acts like a full disk on the write that crosses it."""
    code = """
    import resource, sys
    from dataclasses import replace
    from fakes import FakeEncoder
    from devise.config import IngestConfig, Settings
    from devise.errors import WriteError
    from devise.library import Library
    import numpy as np
    class Wide(FakeEncoder):
        def __init__(self):
            super().__init__()
            self.spaces = tuple(replace(space, dim=500 * space.dim) for space in self.spaces)
        def encode(self, pixels):
            return {space: np.repeat(rows, 500, 1) / 500**0.5 for space, rows in super().encode(pixels).items()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
    try:
        Library(sys.argv[1], settings=Settings(ingest=IngestConfig(batch=4))).index([sys.argv[2]], model=Wide())
    except WriteError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    """
    run = start(code, tmp_path / "library", photos)
    message = run.communicate(timeout=20)[1]
    assert run.returncode == 1, message
    assert "cannot be written" in message
    assert "free space" in message
    assert message.count("\n") == 1
    library = Library(tmp_path / "library")
    stored = len(library)
    assert 0 < stored < 40
    assert library._reader().db.value("PRAGMA integrity_check") == "ok"
    library.close()


def test_a_full_disk_while_an_index_is_saved(tmp_path, photos, monkeypatch):

    small = Settings(index=IndexConfig(exact_below=10, min_behind=10))

    def save(*_):
        raise WriteError("cannot write words-3.flat: no space left on device; free space or choose another place")

    with monkeypatch.context() as full:
        full.setattr("devise.index.quantized.QuantizedIndex.save", save)
        with Library(tmp_path / "library", settings=small) as library, pytest.raises(WriteError, match="free space"):
            library.index([photos], model=FakeEncoder())
    with Library(tmp_path / "library", settings=small) as library:
        assert len(library.nearest(QUERY, 3)) == 3
        assert library.index().unchanged == 40
        assert [len(list(library.path.glob(kind))) for kind in ("words-*.flat", "features-*.graph")] == [1, 1]


@pytest.fixture
def everyones():
    """A folder that other users can reach, too: pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="devise-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def as_anyone():
    """Root may write anywhere: give that up for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_a_read_only_library_is_searched_but_not_written(everyones, photos):
    shutil.copytree(photos, everyones / "photos")
    with Library(everyones / "library") as library:
        library.index([everyones / "photos"], model=FakeEncoder())
    library.path.chmod(0o555)
    for file in library.path.iterdir():
        file.chmod(0o444)
    with as_anyone(), Library(library.path) as reader:
        assert len(reader.nearest(QUERY, 3)) == 3
        assert len(reader.similar(reader.paths()[0], 3)) == 3
        for path in (library.path, library.path / "below"):
            with pytest.raises(WriteError, match=r"ermission denied; choose another place"):
                Library(path).index([everyones / "photos"], model=FakeEncoder())
    with Library(everyones / "other") as other:
        other.index([everyones / "photos"], model=FakeEncoder())
    if os.geteuid() == 0:
        for path in (other.path, *other.path.iterdir()):
            os.chown(path, 65534, 65534)
    with as_anyone(), other:
        portable.merge(other.path, library.path)
        assert len(other) == 40
    assert library.index().unchanged == 40 if os.geteuid() == 0 else True


def test_a_library_where_a_file_stands(tmp_path, photos):
    (tmp_path / "library").write_text("x")
    with pytest.raises(WriteError, match="choose another place"):
        Library(tmp_path / "library").index([photos], model=FakeEncoder())
    with pytest.raises(LibraryError, match="no library at"):
        Library(tmp_path / "library").nearest(QUERY)


def test_damaged_and_foreign_libraries(tmp_path, photos):
    (tmp_path / "library.db").write_bytes(b"no database" * 500)
    library = Library(tmp_path)
    for ask in (lambda: library.index([photos], model=FakeEncoder()), lambda: library.nearest(QUERY), library.info):
        with pytest.raises(LibraryError, match="--library PATH"):
            ask()


def test_memory_of_the_look_ahead_is_bounded(tmp_path, photos, monkeypatch):
    from devise.library.ingest.prefetch import View, read_ahead
    from devise.photos import find

    opened = []
    monkeypatch.setattr("devise.library.ingest.prefetch.load", lambda *_, path, **__: opened.append(path))
    settings = Settings(ingest=IngestConfig(prefetch=5))
    outcomes = read_ahead(list(find([photos])), {}, [View(8, "squash")], settings)
    next(outcomes)
    time.sleep(0.2)
    assert len(opened) <= 6
    outcomes.close()


def test_the_default_library_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVISE_LIBRARY", str(tmp_path / "mine"))
    assert Library().path == tmp_path / "mine"
    monkeypatch.delenv("DEVISE_LIBRARY")
    assert Library().path.is_relative_to(os.environ["XDG_DATA_HOME"])


def test_a_writer_leaves_the_locks_of_a_reader_alone(tmp_path, photos):
    """Without them another program that ends takes itself for the last one, and deletes the log that is in use."""
    with Library(tmp_path / "library") as library:
        library.index([photos], model=FakeEncoder())
        assert len(library) == 40  # a reader stays open
        Store(library.path, write=True).close()
        other = """
        import sys
        from contextlib import closing
        from pathlib import Path
        from devise.store.sqlite.store import Store
        with closing(Store(Path(sys.argv[1]), write=True)) as store, store.transaction():
            store.next_revision()
        """
        assert start(other, library.path).wait(20) == 0
        assert (library.path / "library.db-wal").exists()
        assert len(library) == 40


def test_a_folder_that_is_taken_away_during_a_run_is_told_and_costs_nothing(tmp_path, photos):
    class Pulled(FakeEncoder):
        def encode(self, pixels):
            if photos.exists():
                photos.rename(tmp_path / "away")
            return super().encode(pixels)

    settings = Settings(ingest=IngestConfig(batch=4, prefetch=4))
    library = Library(tmp_path / "library", settings=settings)
    with library, pytest.raises(FolderError, match=r"vanished during the run.*mounted"):
        library.index([photos], model=Pulled())
    (tmp_path / "away").rename(photos)
    with library:
        stored = len(library)
        assert 4 <= stored < 40
        assert library.index(model=FakeEncoder()).added == 40 - stored


@pytest.mark.parametrize(
    "numbers", [("SIGINT",), ("SIGTERM",), ("SIGHUP",), ("SIGTERM", "SIGHUP"), ("SIGHUP", "SIGHUP")]
)
def test_signals_end_a_command_with_one_line(tmp_path, numbers):
    code = """
    import signal, sys, time
    from pathlib import Path
    from devise.cli import main
    def app(prog_name):
        Path(sys.argv[1]).touch()
        try:
            time.sleep(20)
        finally:
            time.sleep(0.2)
            raise OSError("the terminal is gone")
    main.app = app
    main.main()
    """
    run = start(code, tmp_path / "begun")
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    for name in numbers:
        run.send_signal(getattr(signal, name))
        time.sleep(0.05)
    said = run.communicate(timeout=20)[1]
    assert run.returncode == 128 + getattr(signal, numbers[0])
    assert said == (
        "interrupted\n" if numbers == ("SIGINT",) else "stopped; what was stored stays, and the next run goes on\n"
    )


def test_a_library_whose_making_was_cut_off_says_so(tmp_path, photos):
    """A journal that has to be rolled back first, which only a writer can."""
    file = tmp_path / "library" / "library.db"
    file.parent.mkdir()
    code = """
    import os, sqlite3, sys
    made = sqlite3.connect(sys.argv[1], isolation_level=None)
    made.execute("PRAGMA cache_size = 1")
    made.execute("CREATE TABLE t (x)")
    made.execute("BEGIN")
    for _ in range(500):
        made.execute("INSERT INTO t VALUES (randomblob(999))")
    os._exit(0)
    """
    assert start(code, file).wait(20) == 0
    with Library(file.parent) as library, pytest.raises(LibraryError, match="cut off while it was being made"):
        len(library)


def test_a_caption_that_could_not_be_read_is_read_by_the_next_run(tmp_path, photos, monkeypatch):
    (photos / "00.txt").write_text("waves at dusk")
    library = Library(tmp_path / "library")
    with library, monkeypatch.context() as cut:
        cut.setattr("devise.photos.sidecars._open_at_once", lambda *_: (_ for _ in ()).throw(OSError(5, "I/O error")))
        library.index([photos], model=FakeEncoder())
        assert library.count(Where(text="dusk")) == 0
    with library:
        library.index()
        assert library.count(Where(text="dusk")) == 1
