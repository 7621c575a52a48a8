"""The store: what goes in comes out, all or nothing; what is not ours is refused with a remedy."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fakes import put_content, rows_of

import devise
from devise.errors import LibraryError, WriteError
from devise.spaces import ModelInfo, Space
from devise.store.digest import digest_of
from devise.store.records import Photo, Refused
from devise.store.sqlite.database import FILE
from devise.store.sqlite.schema import FORMAT
from devise.store.sqlite.store import Store
from devise.vectors import unit

KEPT = Path(__file__).parents[1] / "kept"

MODEL = ModelInfo(name="m", fingerprint="f", spaces=(Space(name="words", dim=3), Space(name="features", dim=5)))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, write=True)
    yield store
    store.close()


def fill(store, n=3):
    random = np.random.default_rng(0)
    words, features = unit(random.normal(size=(n, 3))), unit(random.normal(size=(n, 5)))
    ids = []
    with store.transaction():
        store.set_model(MODEL, ["cat", "dog"])
        for i in range(n):
            ids.append(put_content(store, digest_of(b"%d" % i), {"words": words[i], "features": features[i]}))
            store.put_photo(Photo(f"/p/{i}.jpg", ids[-1], i, i * 10))
    return ids, words, features


def test_vectors_come_back(store):
    ids, words, features = fill(store)
    found, rows = rows_of(store, "words", ids[::-1])
    assert found.tolist() == ids
    np.testing.assert_allclose(rows, words, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows_of(store, "features", ids)[1], features, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(rows_of(store, "features", ids)[1], axis=1), 1, atol=1e-6)
    assert [len(some) for some, _ in store.vectors.rows(store.space("words"), after=ids[0])] == [2]
    assert rows_of(store, "words", [99])[0].tolist() == []
    with pytest.raises(LibraryError, match="no space"):
        store.space("smells")


def test_facts_come_back(store):
    fill(store)
    assert store.model() == MODEL
    assert store.labels() == ("cat", "dog")
    assert store.photo("/p/1.jpg") == Photo("/p/1.jpg", 2, 1, 10)
    assert store.photo("/p/9.jpg") is None
    assert store.paths_of([2, 3]) == {2: ["/p/1.jpg"], 3: ["/p/2.jpg"]}
    assert store.content_of_hash(digest_of(b"0")) == 1
    with store.transaction():
        store.put_skipped(Refused("/p/1.jpg", 1, 2, "why"))
        store.add_roots(["/p", "/q"])
    assert list(store.skipped()) == [Refused("/p/1.jpg", 1, 2, "why")]
    assert store.num_photos() == 2
    assert store.roots() == ["/p", "/q"]


def test_ids_only_grow(store):
    ids, words, _ = fill(store)
    with store.transaction():
        store.remove_photos(["/p/2.jpg"])
        assert store.remove_orphans() == 1
        again = put_content(store, digest_of(b"new"), {"words": words[0]})
    assert again > max(ids)
    assert rows_of(store, "words", ids)[0].tolist() == ids[:2]


def test_a_transaction_is_all_or_nothing(store):
    fill(store)
    with suppress(RuntimeError), store.transaction():
        store.remove_photos(["/p/0.jpg"])
        raise RuntimeError
    assert store.num_photos() == 3


def test_more_ids_than_one_statement_takes(store):
    fill(store)
    assert rows_of(store, "words", np.arange(70_000))[0].tolist() == [1, 2, 3]


def test_paths_that_are_no_utf8(store):
    fill(store)
    odd = os.fsdecode(b"/p/caf\xe9.jpg")
    with store.transaction():
        store.put_photo(Photo(odd, 1, 0, 0))
    assert store.photo(odd).path == odd
    assert odd in store.paths()
    assert os.fsencode(odd) == b"/p/caf\xe9.jpg"


def test_a_reader_sees_a_snapshot_while_a_writer_writes(store, tmp_path):
    fill(store)
    reader = Store(tmp_path)
    with reader.snapshot():
        assert reader.num_photos() == 3
        with store.transaction():
            store.remove_photos(["/p/0.jpg"])
        assert reader.num_photos() == 3
    assert reader.num_photos() == 2
    with pytest.raises(WriteError, match="read-only"):
        reader.add_roots(["/x"])
    reader.close()


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(store):
    fill(store)
    pages = store.db.value("PRAGMA page_count")
    store.db.execute(f"PRAGMA max_page_count = {pages + 2}")
    space, row = Space(name="large", dim=50_000), unit(np.ones(50_000))

    def overfill():
        with store.transaction():
            store.remove_photos(["/p/0.jpg"])
            for i in range(50):
                store.vectors.put(space, [store.add_content(digest_of(b"full %d" % i))], row[None])

    with pytest.raises(WriteError, match="disk is full; free space"):
        overfill()
    assert store.num_photos() == 3
    assert store.db.value("PRAGMA integrity_check") == "ok"


def test_damaged_foreign_newer_and_older(tmp_path):
    file = tmp_path / FILE
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    for write in (False, True):
        with pytest.raises(LibraryError, match="no devise library"):
            Store(tmp_path, write=write)
    file.unlink()
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE photos (x)")
    foreign.close()
    for write in (False, True):
        with pytest.raises(LibraryError, match=r"another program.*--library"):
            Store(tmp_path, write=write)
    file.unlink()
    file.touch()
    with pytest.raises(LibraryError, match="never filled; run: devise index"):
        Store(tmp_path)
    Store(tmp_path, write=True).close()
    for number, message in ((FORMAT + 1, f"devise {devise.__version__} or newer"), (0, "older devise")):
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(number),))
        connection.close()
        with pytest.raises(LibraryError, match=message):
            Store(tmp_path)


def test_an_older_format_is_migrated_by_a_writer(tmp_path):
    with zipfile.ZipFile(KEPT / f"library-format-{FORMAT - 1}.zip") as kept:
        kept.extractall(tmp_path)
    with pytest.raises(LibraryError, match="older devise; run: devise index"):
        Store(tmp_path)
    store = Store(tmp_path, write=True)
    assert len(rows_of(store, "words")[0]) == 6
    assert store._meta("format") == str(FORMAT)
    store.close()
    Store(tmp_path).close()


def test_damage_in_the_middle_is_told(tmp_path):
    store = Store(tmp_path, write=True)
    fill(store, 2000)
    store.close()
    file = tmp_path / FILE
    data = bytearray(file.read_bytes())
    for start in range(16_384, len(data), 4_096):
        data[start : start + 600] = b"\xa5" * 600
    file.write_bytes(data)

    def read_all():
        damaged = Store(tmp_path)
        rows_of(damaged, "words")
        list(damaged.photos())

    with pytest.raises(LibraryError, match="damaged; mend it with: devise check --repair"):
        read_all()


def test_a_vector_of_the_wrong_length_is_told(store):
    fill(store)
    store.db.execute("UPDATE vectors SET data = x'0102' WHERE key = 1 << 40 | 2")
    with pytest.raises(LibraryError, match="damaged"):
        rows_of(store, "words", [1, 2])
