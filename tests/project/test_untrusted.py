"""Files that somebody made to do harm: nothing in them is run, and what their checksums do not tell is told."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEncoder
from safetensors.numpy import save_file
from test_model import tiny

from devise import config
from devise.config import IndexConfig, Settings
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.format import fingerprint, read
from devise.descriptors.network.weights import load_backbone
from devise.errors import CheckpointError, DeviseError, VectorsError
from devise.library import Library
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.photos import details, load
from devise.training.features import features_of
from devise.words import WordVectors, import_vectors, neighbours
from devise.words.format import _crc, _layout, write_vectors

PACKAGE = Path(checkpoints.__file__).parents[2]
# What can run code that is in a file; the pickles of others are read by a reader that imports nothing, and torch's by
# its own which takes plain weights only
RUNS = re.compile(
    r"\bpickle\b|torch\.load|np\.load|allow_pickle|marshal|shelve|\beval\(|\bexec\(|KeyedVectors\.load\(|yaml\.(?!safe_load|YAMLError)"
)
HARMLESS = ("weights_only=True", "allow_pickle=False", "module.eval()", "encoder.eval()", ".eval()")
SMALL = Settings(index=IndexConfig(exact_below=2, min_behind=2))


def test_nothing_that_is_loaded_can_run_code() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file.name == "pickles.py":
            assert "def find_class" in file.read_text("utf-8")
            continue
        code = re.sub(r'"""[\s\S]*?"""', "", file.read_text("utf-8"))
        for line in code.splitlines():
            line = line.partition("  #")[0]
            assert not RUNS.search(line) or any(safe in line for safe in HARMLESS), f"{file}: {line}"


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.marker}'",)


def models(tmp_path: Path) -> dict[str, Callable[[Path], object]]:
    checkpoint = tiny()
    checkpoints.save(checkpoint, tmp_path / "tiny.safetensors")
    return {
        "a.safetensors": Encoder.open,
        "b.safetensors": Compiled.open,
        "c.safetensors": WordVectors,
        "d.safetensors": lambda path: load_backbone("vgg11_bn", path),
        "e.pth": lambda path: load_backbone("vgg11_bn", path),
        "f.kv": import_vectors,
        "g.txt": import_vectors,
        "h.npy": import_vectors,
        "i.jpg": lambda path: load(path, size=8, resize="squash"),
        "j.db": lambda path: portable.import_(path, tmp_path / "new"),
    }


def test_a_pickle_in_place_of_any_file_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name, opened in models(tmp_path).items():
        (tmp_path / name).write_bytes(pickle.dumps(Evil(marker)))
        with pytest.raises(DeviseError) as told:
            opened(tmp_path / name)
        assert "\n" not in str(told.value)
        assert not marker.exists()
    (tmp_path / "x.jpg").write_bytes(pickle.dumps(Evil(marker)))
    details(str(tmp_path / "x.jpg"))
    assert not marker.exists()


def test_a_pickle_in_place_of_any_file_of_a_library_is_not_run(tmp_path: Path, album: Path) -> None:
    write_vectors(config.own_folder("embeddings") / "tiny.safetensors", ["red", "blue"], np.eye(4)[:2], source="x")
    neighbours.build(WordVectors.open("tiny"))
    whole, marker = tmp_path / "whole", tmp_path / "marker"
    with Library(whole, settings=SMALL) as library:
        library.index([album], model=FakeEncoder())
    for file in [*whole.iterdir(), *config.own_folder("embeddings").glob("*.graph*")]:
        shutil.copytree(whole, tmp_path / "copy")
        place = tmp_path / "copy" / file.name if file.parent == whole else file
        place.write_bytes(pickle.dumps(Evil(marker)))
        for ask in (lambda library: library.search("red"), lambda library: library.index(model=FakeEncoder())):
            with Library(tmp_path / "copy", settings=SMALL) as library, suppress(DeviseError):
                ask(library)
        neighbours.load(WordVectors.open("tiny"))
        shutil.rmtree(tmp_path / "copy")
    assert not marker.exists()


@pytest.mark.parametrize("sep_limit", [10 * 1024**2, 4])
def test_gensims_files_are_read_and_not_run(tmp_path: Path, sep_limit: int) -> None:
    from gensim.models import KeyedVectors

    marker, rows = tmp_path / "marker", np.eye(4, dtype=np.float32)
    keyed = KeyedVectors(4)
    keyed.add_vectors(["cat", "dog", "sofa", "bird"], rows)
    keyed.more = Evil(marker)
    keyed.save(str(tmp_path / "keyed.kv"), sep_limit=sep_limit)
    assert (tmp_path / "keyed.kv.vectors.npy").exists() == (sep_limit == 4)
    vectors = import_vectors(tmp_path / "keyed.kv")
    assert not marker.exists()
    np.testing.assert_allclose(vectors.rows(range(4)), rows, atol=1e-6)
    if sep_limit == 4:
        np.save(tmp_path / "keyed.kv.vectors.npy", np.array([Evil(marker)] * 4, dtype=object), allow_pickle=True)
        with pytest.raises(VectorsError, match="no KeyedVectors file"):
            import_vectors(tmp_path / "keyed.kv", "again")
        assert not marker.exists()


def forged(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """A checkpoint with a right fingerprint over wrong content."""
    checkpoints.save(tiny(), path)
    about, arrays = read(path)
    change(about, arrays)
    about["fingerprint"] = fingerprint(about, arrays)
    save_file(arrays, path, metadata={"devise": json.dumps(about)})
    return path


FORGED: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "nan": lambda about, arrays: arrays["backbone.features.0.weight"].fill(np.nan),
    "wide": lambda about, arrays: about["backbone"].update(layers=[60_000] * 3),
    "deep": lambda about, arrays: about["backbone"].update(layers=[8] * 100_000),
    "size": lambda about, arrays: about["backbone"]["preprocessing"].update(size=1 << 30),
    "halved away": lambda about, arrays: about["backbone"].update(layers=[4, *["M"] * 30]),
    "classes": lambda about, arrays: about["heads"]["classes"].update(labels=["cat"]),
    "labels": lambda about, arrays: about["heads"]["words"].update(labels=[1, 2]),
    "training": lambda about, arrays: about.update(training=[]),
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("opened", [Encoder.open, Compiled.open])
def test_forged_checkpoints_are_refused(name: str, opened: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as told:
        opened(forged(tmp_path / "x.safetensors", FORGED[name]))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "change",
    [
        {"slots": lambda a: a + 9}, {"ends": lambda a: a + 9}, {"ends": lambda a: a[::-1].copy()},
        {"keys": lambda a: a[:1]},
        {"rows": lambda a: a[:1]}, {"rows": lambda a: a[:, :1].copy()}, {"checks": lambda a: a[:0]},
    ],
)  # fmt: skip
def test_forged_word_vectors_are_refused(change: dict[str, Callable[[Any], Any]], tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_vectors(path, ["cat", "horse"], np.eye(2), source="drawn")
    tables = WordVectors(path)._tables
    arrays = {name: np.array(getattr(tables, name)) for name in ("keys", "slots", "ends", "checks", "rows", "spelling")}
    arrays |= {name: make(arrays[name]) for name, make in change.items()}
    names = {"uint64": "U64", "uint32": "U32", "float32": "F32", "uint8": "U8"}
    layout = _layout({name: (names[str(array.dtype)], array.shape) for name, array in arrays.items()})
    metadata = {key: value for key, value in tables.metadata.items() if key != "crc"}
    metadata["crc"] = str(_crc(metadata, layout, arrays))
    header = json.dumps({"__metadata__": metadata, **layout}).encode().ljust(4_088)
    data = b"".join(arrays[name].tobytes() for name in layout)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    with pytest.raises(VectorsError, match="is damaged"):
        WordVectors(path)


@pytest.mark.parametrize("header", [b"[" * 200_000, b'{"a":' * 100_000, b'{"__metadata__":{"format":"devise.words/1"},'
                                    b'"keys":{"dtype":"U64","shape":[1e999],"data_offsets":[0,8]}}'])  # fmt: skip
def test_headers_that_are_no_use(header: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(VectorsError):
        WordVectors(tmp_path / "x.safetensors")


def test_lines_and_counts_that_would_fill_the_memory(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "line.txt").write_bytes(b"cat 1 0\ndog 0 1\n" + b"x" * 3_000_000)
    (tmp_path / "many.bin.gz").write_bytes(gzip.compress(b"2000000000 300\ncat " + bytes(1_200)))
    for name, says in (("line.txt", "a line of more than"), ("many.bin.gz", "promises 2,000,000,000 words")):
        with pytest.raises(VectorsError, match=says):
            import_vectors(tmp_path / name)


def test_features_on_the_disk_that_were_damaged_are_computed_anew(tmp_path: Path, album: Path) -> None:
    paths = sorted(str(path) for path in album.glob("*.png"))
    first, _, _ = features_of(paths, tiny(), cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").rglob("*.features")
    data = bytearray(file.read_bytes())
    for damage in (lambda: data.__setitem__(40, data[40] ^ 1), lambda: data.__delitem__(slice(99, None)), data.clear):
        damage()
        file.write_bytes(bytes(data))
        again, _, _ = features_of(paths, tiny(), cache=tmp_path / "cache")
        np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE photos SET content_id = 'x' WHERE content_id = 3",
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "DELETE FROM sqlite_sequence", "UPDATE contents SET hash = 'x' WHERE id = 2",
        "UPDATE marks SET path = 7",
        "UPDATE vectors SET key = 1 << 40 | 999 WHERE key = 1 << 40 | 2",
        "UPDATE vectors SET key = 9 << 40 | 2 WHERE key = 1 << 40 | 2",
        "UPDATE spaces SET name = 'wards' WHERE number = 1", "DELETE FROM spaces", "UPDATE spaces SET number = -number",
        "UPDATE meta SET value = 'x' WHERE key = 'revision'",
        "UPDATE roots SET path = 3", "INSERT INTO gone VALUES (-5)",
    ],
)  # fmt: skip
def test_values_that_devise_never_wrote_are_mended(harm: str, tmp_path: Path, album: Path) -> None:
    with Library(tmp_path / "library", settings=SMALL) as library:
        library.index([album], model=FakeEncoder())
    with closing(sqlite3.connect(tmp_path / "library" / "library.db")) as connection, connection:
        connection.execute("INSERT INTO marks VALUES (1, 'red', x'00', 'a', 1, '', 1)")
        changed = connection.execute(harm).rowcount
    if changed:
        assert any(finding.is_damage for finding in check(tmp_path / "library"))
    check(tmp_path / "library", repair=True, settings=SMALL)
    with Library(tmp_path / "library", settings=SMALL) as library:
        library.index([album], model=FakeEncoder())
        assert len(library) == 6
        assert len(library.nearest(np.full(4, 0.5, np.float32), 9)) == 6
    assert check(tmp_path / "library") == []


def test_a_merge_leaves_no_content_without_a_photo(tmp_path: Path, album: Path, draw) -> None:
    for name in ("one", "two"):
        draw("album/red.png", (9, 9, 9) if name == "one" else (200, 9, 9))
        with Library(tmp_path / name) as library:
            library.index([album], model=FakeEncoder())
    portable.merge(tmp_path / "one", tmp_path / "two")
    assert not any(finding.is_damage for finding in check(tmp_path / "one"))
