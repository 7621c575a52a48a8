"""A library on servers answers as an embedded one does. Needs servers: make test-scale."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import servers
from fakes import FakeEncoder
from typer.testing import CliRunner

from devise import Library
from devise.cli.main import app
from devise.config import IndexConfig, SearchConfig, Settings
from devise.errors import DeviseError, LibraryError
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.store import opening
from devise.store.filter import Filter
from devise.store.location import Address

SMALL = Settings(  # so that Milvus is asked
    index=IndexConfig(exact_below=4), search=SearchConfig(candidates=1, min_candidates=8, exact_filtered=1)
)


@pytest.fixture
def at() -> Iterator[Address]:
    with servers.address() as address:
        yield address


@pytest.fixture
def photos(tmp_path: Path, draw) -> Path:
    """Thirty pictures in two folders, of which two are equal."""
    for i in range(30):
        colour = tuple(np.random.default_rng(i).integers(0, 255, 3).tolist())
        draw(f"photos/{'ab'[i % 2]}/{i:02}.png", colour, seed=i + 1)
    shutil.copy(tmp_path / "photos/a/00.png", tmp_path / "photos/b/copy.png")
    (tmp_path / "photos/a/02.txt").write_text("the sea at Brighton")
    return tmp_path / "photos"


def answers(library: Library, photos: Path) -> list[object]:
    """What a user would see, without ids."""
    library_paths = library.paths()
    rows = library.vectors("words")[1]
    return [
        library_paths,
        *([(m.path, round(m.score, 5)) for m in library.nearest(row, k=7)] for row in rows[::4]),
        *([(m.path, m.score) for m in library.similar(path, k=5)] for path in library_paths[::5]),
        *([(m.path, m.score) for m in library.similar(path, k=5, space="colour")] for path in library_paths[::9]),
        *([(m.path, m.score) for m in library.similar(path, k=5, where=Filter(inside=photos / "a"))]
          for path in library_paths[::9]),
        [(m.path, m.score) for m in library.search(k=5, where=Filter(text="brighton"))],
        [(g.kind, g.keep.path, [o.path for o in g.others]) for g in library.duplicates(up_to="near")],
        library.count(Filter(text="sea", kind="png")),
        library.listing.latest(Filter(), 9) and library.listing.kinds(),
    ]  # fmt: skip


def test_equal_answers_and_every_change(at: Address, photos: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "lib", model=FakeEncoder()) as embedded, \
            Library(at, model=(encoder := FakeEncoder()), settings=SMALL) as library:  # fmt: skip
        assert not library.info().exists
        for each in (embedded, library):
            report = each.index([photos], add=["phash", "grey", "colour"])
            assert (report.added, len(each)) == (31, 31)
        assert encoder.num_encoded == 30
        assert answers(library, photos) == answers(embedded, photos)
        os.rename(photos / "a/04.png", photos / "b/moved.png")
        (photos / "a/06.png").unlink()
        shutil.copy(photos / "a/08.png", photos / "a/10.png")
        (photos / "bad.png").write_bytes(b"no picture")
        for each in (embedded, library):
            report = each.index()
            assert (report.moved, report.removed, report.updated, len(report.skipped)) == (1, 1, 1, 1)
        assert answers(library, photos) == answers(embedded, photos)
        assert library.index().unchanged == embedded.index().unchanged == 30
        assert encoder.num_encoded == 30
    assert check(at) == []


def test_a_library_goes_from_one_kind_to_the_other(at: Address, photos: Path, tmp_path: Path) -> None:
    """Export, import, merge and move, with judgements and texts."""
    with Library(tmp_path / "lib", model=FakeEncoder()) as embedded:
        embedded.index([photos / "a"], add=["phash", "grey", "colour"])
        kept = answers(embedded, photos)
        portable.export(embedded.path, tmp_path / "one.devise")
        assert portable.import_(tmp_path / "one.devise", at) == 15
        with Library(at, model=FakeEncoder(), settings=SMALL) as library:
            assert answers(library, photos) == kept
            library.index([photos / "b"])
            both = answers(library, photos)
        with pytest.raises(LibraryError, match="there is a library at milvus://"):
            portable.import_(tmp_path / "one.devise", at)
        assert portable.export(at, tmp_path / "two.devise") == 31
        assert portable.import_(tmp_path / "two.devise", tmp_path / "back") == 31
        with Library(tmp_path / "back", model=FakeEncoder()) as back:
            assert answers(back, photos) == both
        portable.merge(at, tmp_path / "two.devise")
        shutil.move(photos, tmp_path / "elsewhere")
        assert portable.move(at, str(photos), str(tmp_path / "elsewhere")) == 31
        with Library(at, model=FakeEncoder()) as library:
            assert library.index().unchanged == 31


def test_an_import_that_milvus_did_not_hear_the_end_of_is_resumed(
    at: Address, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same command, as the message says; a library that is whole stays."""
    from devise.store.server.milvus import MilvusIndex

    def away(*_: object) -> None:
        raise LibraryError("it does not answer")

    with Library(tmp_path / "lib", model=FakeEncoder()) as embedded:
        embedded.index([photos])
    portable.export(tmp_path / "lib", tmp_path / "one.devise")
    with monkeypatch.context() as patched:
        patched.setattr(MilvusIndex, "put", away)
        with pytest.raises(LibraryError, match="does not answer"):
            portable.import_(tmp_path / "one.devise", at)
    assert portable.import_(tmp_path / "one.devise", at) == 31
    assert check(at) == []
    with pytest.raises(LibraryError, match="there is a library at milvus://"):
        portable.import_(tmp_path / "one.devise", at)


def test_what_is_wrong_is_found_and_mended(at: Address, photos: Path) -> None:
    with Library(at, model=FakeEncoder()) as library:
        library.index([photos], add=["phash"])
        rows = library.vectors("features")[1]
    with closing(opening.served(at)) as store:
        lost, space = store.ids()[3:5], store.space("features")
        store.served.milvus.delete(space, store.ids()[:2])
        store.served.milvus.put(space, np.array([999]), rows[:1])
        store.db.execute("UPDATE vectors SET data = 'x' WHERE content_id = %s", (int(lost[0]),))
        store.db.execute("DELETE FROM vectors WHERE content_id = %s", (int(lost[1]),))
    texts = " | ".join(finding.text for finding in check(at))
    assert "the vectors of 2 photos are missing or damaged" in texts
    assert "features in Milvus lacks 2 photos and has 2 too many" in texts
    check(at, repair=True)
    with Library(at, model=FakeEncoder()) as library:
        assert library.index().added == 2
    assert check(at) == []


def test_a_lost_index_is_told_and_made_again(at: Address, photos: Path) -> None:
    with Library(at, model=FakeEncoder(), settings=SMALL) as library:
        library.index([photos])
        before = library.similar(photos / "a/00.png", k=5)
        with closing(opening.served(at)) as store:
            store.served.milvus.drop(store.space("features"))
        with pytest.raises(LibraryError, match=r"no index of features.*devise check --repair"):
            library.similar(photos / "a/00.png", k=5)
        check(at, repair=True)
        assert library.similar(photos / "a/00.png", k=5) == before


def test_the_command_line_takes_an_address(at: Address, photos: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "lib", model=FakeEncoder()) as embedded:
        embedded.index([photos])
    named = f"{at}?catalog={at.catalog}"
    for command in (
        ["library", "export", str(tmp_path / "x.devise"), "--library", str(tmp_path / "lib")],
        ["library", "import", str(tmp_path / "x.devise"), "--library", named],
        ["similar", str(photos / "a/00.png"), "--library", named],
        ["check", "--library", named],
        ["library", "compact", "--library", named],
        ["info", "--library", named],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(app, ["similar", "x.png", "--library", "milvus://127.0.0.1/No"])
    assert (refused.exit_code, "names no library" in refused.output) == (1, True)


def test_what_is_stored_is_nobodys_to_encode(at: Address) -> None:
    """Between a look at what is stored and the claim of a content another program may have stored it."""
    with closing(opening.served(at, create=True)) as store, store.queue.joined(30):
        with store.transaction():
            store.add_content(b"x")
        assert store.queue.claim([b"x", b"y"]) == {b"y"}
        assert store.db.rows("SELECT hash FROM leases") == [(b"y",)]


def test_errors_are_one_line_and_tell_no_password() -> None:
    if reason := servers.why_not():
        pytest.skip(reason)
    away = [
        Address("127.0.0.1", 1, "x", "postgresql://me:sesame@127.0.0.1:1/none"),
        Address("127.0.0.1", 1, "x", os.environ["DEVISE_TEST_CATALOG"].rpartition("/")[0] + "/no_such_database"),
    ]
    for at in away:
        with pytest.raises(DeviseError) as told, Library(at) as library:
            library.index(["."])
        assert "\n" not in str(told.value)
        assert "sesame" not in str(told.value) + json.dumps(repr(at))
        assert "milvus://127.0.0.1:1/x" in str(told.value)


def test_copies_are_encoded_once_by_workers_that_share(at: Address, photos: Path) -> None:
    """Two programs at once, the second of which finds what the first one has taken."""
    encoders = [FakeEncoder(), FakeEncoder()]
    with Library(at, model=encoders[0]) as first, Library(at, model=encoders[1]) as second:
        with ThreadPoolExecutor(2) as threads:
            reports = [*threads.map(lambda library: library.index([photos]), (first, second))]
        assert [report.added for report in reports] == [31, 31]
        assert sum(encoder.num_encoded for encoder in encoders) == 30
        assert len(first) == 31
    assert check(at) == []


def test_what_a_dead_worker_had_is_taken_over(at: Address, photos: Path) -> None:
    """Its photos, and the contents that it was encoding, with the ids that they were to have."""
    from devise.store.server.queue import ServerQueue

    with closing(opening.served(at, create=True)) as store:
        store.queue.offer([str(photos / "a/00.png")])
        dead, alive = ServerQueue(store.db), ServerQueue(store.db)
        with alive.joined(30):
            sql = "INSERT INTO workers (computer, process, until) VALUES ('x', 1, now() + interval '1 s') RETURNING id"
            dead._worker = int(store.db.value(sql))
            assert dead.take([str(photos)], 32) == [str(photos / "a/00.png")]
            assert dead.claim([b"x"]) == {b"x"}
            assert (alive.take([str(photos)], 32), alive.claim([b"x"]), alive.left([str(photos)])) == ([], set(), 1)
            meant = store.db.value("SELECT content_id FROM leases")
            time.sleep(1.1)
            assert alive.take([str(photos)], 32) == [str(photos / "a/00.png")]
            assert alive.claim([b"x", b"y"]) == {b"x", b"y"}
            with store.transaction():
                assert store.add_content(b"x") == meant
                assert dead.finish([str(photos / "a/00.png")], [b"x"]) == set()
                assert alive.finish([str(photos / "a/00.png")], [b"x"]) == {str(photos / "a/00.png")}
            assert alive.left([str(photos)]) == 0


def test_a_folder_has_one_writer(tmp_path: Path, photos: Path) -> None:
    with Library(tmp_path / "lib", model=FakeEncoder()) as library, pytest.raises(LibraryError, match="one writer"):
        library.index([photos], workers=2)
