"""What `check` finds in libraries that were damaged on purpose, and that repair loses no more than it has to."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image

from devise.config import IndexConfig, Settings
from devise.errors import LibraryError
from devise.library import Library
from devise.library.upkeep.check import _indices, check
from devise.store.sqlite import salvage
from devise.store.sqlite.store import Store

PHOTOS = 60
SETTINGS = Settings(index=IndexConfig(exact_below=20, min_behind=20))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "photos").mkdir()
    for seed in range(PHOTOS):
        noise = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{seed:03}.png")
    library = Library(tmp_path / "library", settings=SETTINGS)
    with library:
        library.index([tmp_path / "photos"], model=FakeEncoder())
    return library


def sql(*statements: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with closing(Store(folder, write=True)) as store:
            store.db.execute("PRAGMA foreign_keys = OFF")
            store.db.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                store.db.execute(statement)

    return damage


def flipped_index(folder: Path) -> None:
    path = next(folder.glob("words-*.flat"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swapped_index(folder: Path) -> None:
    words, features = next(folder.glob("words-*.flat")), next(folder.glob("features-*.graph"))
    words.write_bytes(features.read_bytes())


DAMAGE: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "a vector of nan": (sql("UPDATE vectors SET data = x'007e007e007e007e' WHERE key = 1 << 40 | 3"), "1 photo ", 1),
    "a short vector": (sql("UPDATE vectors SET data = x'00' WHERE key IN (2 << 40 | 4, 2 << 40 | 5)"), "2 photos", 2),
    "a missing vector": (sql("DELETE FROM vectors WHERE key = 1 << 40 | 7"), "vectors of 1 photo are", 1),
    "a vector of another type": (sql("UPDATE vectors SET data = 17 WHERE key = 1 << 40 | 7"), "of 1 photo are", 1),
    "a missing content": (sql("DELETE FROM contents WHERE id = 9"), "1 photo has lost its vectors", 1),
    "a missing photo": (
        sql("DROP TRIGGER photo_deleted", "DELETE FROM photos WHERE content_id = 9"),
        "1 content belongs to no photo",
        1,
    ),
    "no texts": (sql("DELETE FROM texts WHERE rowid < 5"), "names and captions", 0),
    "texts too many": (sql("INSERT INTO texts VALUES ('a', 'b', 'c')"), "names and captions", 0),
    "texts that are garbled": (sql("UPDATE texts_data SET block = substr(block, 1, length(block) / 2) WHERE id > 10"),
                               "names and captions", 0),
    "a path that is no UTF-8": (
        sql("UPDATE photos SET path = substr(path, 1, length(path) - 5) || x'ff' WHERE content_id = 3"),
        "what devise never wrote",
        0,
    ),
    "another fingerprint": (sql("UPDATE meta SET value = replace(value, '\"fingerprint\": \"', '\"fingerprint\": \"0') "
                                "WHERE key = 'model'"), "says of its model", 0),
    "another label": (sql("UPDATE meta SET value = '[\"x\"]' WHERE key = 'labels'"), "says of its model", 0),
    "another checksum of the model": (sql("UPDATE meta SET value = '7' WHERE key = 'model_crc'"), "of its model", 0),
    "a flipped index": (flipped_index, "index of words", 0),
    "a foreign index": (swapped_index, "index of words", 0),
    "an index of others": (sql("DROP TRIGGER content_deleted", "DELETE FROM photos WHERE content_id = 5",
                              "DELETE FROM contents WHERE id = 5",
                              "DELETE FROM vectors WHERE key & 0xffffffffff = 5"), "holds other photos", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_mended(library: Library, name: str) -> None:
    damage, said, again = DAMAGE[name]
    assert check(library.path) == []
    damage(library.path)
    found = [finding for finding in check(library.path) if finding.is_damage]
    assert any(said in finding.text for finding in found), found
    check(library.path, repair=True, settings=SETTINGS)
    assert [finding for finding in check(library.path) if finding.is_damage] == []
    encoder = FakeEncoder()
    with library:
        library.index(model=encoder)
        assert len(library) == PHOTOS
    assert encoder.num_encoded == again
    assert check(library.path) == []


def test_photos_that_are_gone_or_changed_are_told_and_no_damage(library: Library, tmp_path: Path) -> None:
    (tmp_path / "photos" / "000.png").unlink()
    (tmp_path / "photos" / "001.png").write_bytes(b"something else")
    found = check(library.path)
    assert [finding.text[:8] for finding in found] == ["1 photo ", "1 photo "]
    assert not any(finding.is_damage for finding in found)


@pytest.mark.parametrize("seed", range(12))
def test_what_can_be_read_of_a_damaged_file_is_kept(library: Library, seed: int) -> None:
    """Pages overwritten anywhere behind the first."""
    file = library.path / "library.db"
    data, chance = bytearray(file.read_bytes()), random.Random(seed)
    for _ in range(1 + seed % 4):
        at = chance.randrange(16_384, len(data) - 600)
        data[at : at + 600] = chance.randbytes(600)
    file.write_bytes(data)
    check(library.path, repair=True, settings=SETTINGS)
    assert [finding for finding in check(library.path) if finding.is_damage] == []
    with library:
        library.index([library.path.parent / "photos"], model=FakeEncoder())
        assert len(library) == PHOTOS
    assert check(library.path) == []


def headless(data: bytearray) -> None:
    data[:100] = bytes(100)


def without_facts(data: bytearray) -> None:
    """Every page on which the model's name stands."""
    while (at := data.find(b'{"name": "')) >= 0:
        start = at // 16_384 * 16_384
        data[start : start + 16_384] = bytes(16_384)


def emptied(data: bytearray) -> None:
    data[:] = b"\xff" * len(data)


def misspelt(data: bytearray) -> None:
    """SQLite's own message about the schema holds a byte that is no UTF-8."""
    name = b"INDEX photos_content"
    at = data.index(name)
    data[at : at + len(name)] = b"INDEX photos\xdfcontent"


@pytest.mark.parametrize(("harm", "again"), [(headless, 0), (without_facts, 0), (emptied, PHOTOS), (misspelt, PHOTOS)])
def test_what_a_library_is_is_known_twice(library: Library, harm: Callable[[bytearray], None], again: int) -> None:
    """Its first bytes, its model and its folders."""
    file, info = library.path / "library.db", library.info()
    data = bytearray(file.read_bytes())
    harm(data)
    file.write_bytes(data)
    assert [finding for finding in check(library.path) if finding.is_damage]
    check(library.path, repair=True, settings=SETTINGS)
    encoder = FakeEncoder()
    with library:
        library.index(model=encoder)
        assert len(library) == PHOTOS
        now = library.info()
        assert (now.model, now.roots) == (info.model, info.roots)
    assert encoder.num_encoded == again
    assert check(library.path) == []


def test_a_number_that_is_none_is_told(library: Library, tmp_path: Path) -> None:
    photo = str(tmp_path / "photos" / "003.png")
    sql(f"UPDATE photos SET content_id = 1e308 WHERE path = '{photo}'")(library.path)
    with library, pytest.raises(LibraryError, match="devise check --repair"):
        library.similar(photo)


def test_which_model_is_not_guessed(library: Library) -> None:
    """The copy says what neither the model nor its checksum does."""
    (library.path / "library.json").write_text((library.path / "library.json").read_text().replace("words", "wards"))
    sql("UPDATE meta SET value = '7' WHERE key = 'model_crc'")(library.path)
    with pytest.raises(LibraryError, match="beyond repair"):
        check(library.path, repair=True, settings=SETTINGS)


def test_nothing_is_made_up_where_both_are_lost(library: Library) -> None:
    (library.path / "library.json").write_text("[]")
    file = library.path / "library.db"
    data = bytearray(file.read_bytes())
    without_facts(data)
    file.write_bytes(data)
    with pytest.raises(LibraryError, match="beyond repair"):
        check(library.path, repair=True, settings=SETTINGS)
    assert file.read_bytes() == data


def test_a_library_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library"):
        check(tmp_path)
    (tmp_path / "library.db").write_bytes(b"hello" * 1000)
    for repair in (False, True):
        with pytest.raises(LibraryError, match="no devise library"):
            check(tmp_path, repair=repair)
    assert (tmp_path / "library.db").read_bytes() == b"hello" * 1000


def test_a_repair_that_was_cut_off_is_finished(library: Library) -> None:
    folder, aside = library.path, library.path / salvage.DONE
    aside.mkdir()
    (folder / "library.db").rename(aside / "library.db")  # the damaged one is gone, the new one not in its place
    assert check(folder, repair=True, settings=SETTINGS) == []
    with library:
        assert len(library) == PHOTOS
    assert not aside.exists()


def test_a_graph_that_a_run_has_just_replaced_is_no_damage(library: Library) -> None:
    with closing(Store(library.path)) as store, store.snapshot():
        assert store.graph("words") is not None
        for path in (library.path.parent / "photos").glob("0[0-3]*.png"):
            path.unlink()
        with library:
            library.index()
        assert not [finding.text for finding in _indices(store)]


def test_a_library_of_a_newer_devise_is_no_damage(library: Library) -> None:
    sql("UPDATE meta SET value = '99' WHERE key = 'format'", "UPDATE meta SET value = '9.9' WHERE key = 'needs'")(
        library.path
    )
    before = (library.path / "library.db").read_bytes()
    for repair in (False, True):
        with pytest.raises(LibraryError, match=r"install devise 9\.9 or newer"):
            check(library.path, repair=repair)
    assert (library.path / "library.db").read_bytes() == before
    assert not (library.path / salvage.DAMAGED).exists()


def test_a_library_of_an_older_devise_is_brought_up_by_a_repair(tmp_path: Path) -> None:
    with zipfile.ZipFile(Path(__file__).parents[1] / "kept" / "library-format-4.zip") as kept:
        kept.extractall(tmp_path / "old")
    with pytest.raises(LibraryError, match="older devise; run: devise index"):
        check(tmp_path / "old")
    assert [
        finding.text for finding in check(tmp_path / "old", repair=True, settings=SETTINGS) if finding.is_damage
    ] == []
    with Library(tmp_path / "old") as library:
        assert len(library) == 6
    sql("UPDATE meta SET value = '0' WHERE key = 'format'")(tmp_path / "old")
    with pytest.raises(LibraryError, match="beyond repair"):
        check(tmp_path / "old", repair=True, settings=SETTINGS)
