"""Checkpoints, word vectors and word files whose checksums are right and whose content is not."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from devise.descriptors.network.format import FORMAT, fingerprint
from devise.words.format import NAMES, _crc, _layout, read_vectors, write_vectors
from devise.words.format import TABLES as SMALL

About = dict[str, Any]
Arrays = dict[str, Any]

# Checkpoints


def whole() -> tuple[About, Arrays]:
    """A tiny model in which nothing is wrong."""
    chance = np.random.default_rng(0)

    def rows(*shape: int) -> Any:
        return chance.standard_normal(shape).astype(np.float32) / 4

    arrays: Arrays = {"backbone.features.0.weight": rows(8, 3, 3, 3), "backbone.top.0.weight": rows(24, 8, 1, 1)}
    for name, width in (
        ("backbone.features.1", 8),
        ("backbone.top.1", 24),
        ("words.layers.1", 2000),
        ("words.layers.5", 3),
    ):
        arrays |= {f"{name}.{part}": np.full(width, value, np.float32) for part, value in
                   (("weight", 1.0), ("bias", 0.1), ("running_mean", 0.0), ("running_var", 1.0))}  # fmt: skip
        arrays[f"{name}.num_batches_tracked"] = np.array(3)
    arrays |= {"words.layers.0.weight": rows(2000, 24), "words.layers.0.bias": rows(2000),
               "words.layers.4.weight": rows(3, 2000), "words.layers.4.bias": rows(3),
               "classes.layer.weight": rows(2, 24), "classes.layer.bias": rows(2)}  # fmt: skip
    backbone = {"name": "own", "layers": [8], "batch_norm": True, "first_stride": 2, "top": "conv", "num_features": 24,
                "parts": 0, "preprocessing": {"size": 32, "resize": "squash"}}  # fmt: skip
    words = {"kind": "words", "num_features": 24, "num_out": 3, "labels": ["cat", "dog"], "vectors": "good"}
    classes = {"kind": "classes", "num_features": 24, "num_out": 2, "labels": ["cat", "dog"]}
    about = {"format": FORMAT, "backbone": backbone, "heads": {"words": words, "classes": classes}, "training": {}}
    return about, arrays


def forged_checkpoint(path: Path, about: About, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        about.setdefault("fingerprint", fingerprint(about, arrays))
    except (TypeError, KeyError):
        about["fingerprint"] = "x"
    save_file(arrays, path, metadata={"devise": about.pop("text", None) or json.dumps(about)})


def _backbone(**changes: Any) -> Callable[[About, Arrays], None]:
    return lambda about, arrays: about["backbone"].update(changes)


def _photo(**changes: Any) -> Callable[[About, Arrays], None]:
    return lambda about, arrays: about["backbone"]["preprocessing"].update(changes)


def _head(name: str = "words", **changes: Any) -> Callable[[About, Arrays], None]:
    return lambda about, arrays: about["heads"][name].update(changes)


def _about(**changes: Any) -> Callable[[About, Arrays], None]:
    return lambda about, arrays: about.update(changes)


def _array(name: str, change: Callable[[Any], Any]) -> Callable[[About, Arrays], None]:
    return lambda about, arrays: arrays.update({name: change(arrays[name])})


def _filled(value: float) -> Callable[[Any], Any]:
    return lambda array: np.full_like(array, value)


W0, TOP, HEAD = "backbone.features.0.weight", "backbone.top.0.weight", "words.layers.4.weight"
CHECKPOINTS: dict[str, Callable[[About, Arrays], None]] = {
    "whole": _about(),
    "nan": _array(W0, _filled(np.nan)),
    "inf": _array(HEAD, _filled(np.inf)),
    "large numbers": _array(W0, _filled(3e38)),
    "zeros": _array(TOP, _filled(0)),
    "negative variance": _array("backbone.features.1.running_var", _filled(-1)),
    "one nan": _array(TOP, lambda a: np.where(np.arange(a.size).reshape(a.shape) == 5, np.nan, a).astype(np.float32)),
    "float64": _array(W0, lambda a: a.astype(np.float64)),
    "integers": _array(W0, lambda a: a.astype(np.int64)),
    "bytes without steps": _array(W0, lambda a: a.astype(np.int8)),
    "turned": _array(HEAD, lambda a: a.T),
    "flat": _array(W0, lambda a: a.ravel()),
    "empty": _array(HEAD, lambda a: a[:0]),
    "halves": _array(W0, np.float16),
    "no weights": lambda about, arrays: arrays.clear() or arrays.update({"x": np.zeros(1)}),
    "missing": lambda about, arrays: arrays.pop(HEAD),
    "more": lambda about, arrays: arrays.update({"../../x": np.zeros(9)}),
    "ranges of nan": lambda about, arrays: arrays.update({"ranges.backbone": np.full((2, 2), np.inf, np.float32)}),
    "ranges of text": lambda about, arrays: arrays.update({"ranges.backbone": np.zeros((7,), np.float32)}),
    "wide": _backbone(layers=[60_000, 60_000, 60_000]),
    "wider": _backbone(layers=[10**9]),
    "widest": _backbone(layers=[10**18]),
    "deep": _backbone(layers=[8] * 100_000),
    "no layers": _backbone(layers=[]),
    "pools only": _backbone(layers=["M"] * 50),
    "halved away": _backbone(layers=[8, *["M"] * 40]),
    "negative": _backbone(layers=[-8]),
    "projection": _backbone(layers=[8, "P-5"]),
    "letters": _backbone(layers=["PP", "?"]),
    "fractions": _backbone(layers=[8.5]),
    "a text": _backbone(layers="8"),
    "stride": _backbone(first_stride=10**6),
    "stride 0": _backbone(first_stride=0),
    "top": _backbone(top="x"),
    "fc": _backbone(top="fc", num_features=60_000),
    "features": _backbone(num_features=10**12),
    "no features": _backbone(num_features=0),
    "parts": _backbone(parts=32),
    "parts 10**9": _backbone(parts=10**9),
    "unknown": _backbone(colour="red"),
    "parts of text": _backbone(parts="8"),
    "size": _photo(size=10**9),
    "size 2**20": _photo(size=1 << 20),
    "size 0": _photo(size=0),
    "size -1": _photo(size=-1),
    "size of text": _photo(size="32"),
    "size inf": _photo(size=float("inf")),
    "resize": _photo(resize="../x"),
    "mean": _photo(mean=[0, 0]),
    "std 0": _photo(std=[0, 0, 0]),
    "std nan": _photo(std=[float("nan")] * 3),
    "labels of numbers": _head(labels=[1, 2]),
    "labels of lists": _head(labels=[["a"], ["b"]]),
    "no labels": _head(labels=[]),
    "labels of classes": _head("classes", labels=["cat"]),
    "labels twice": _head("classes", labels=["cat", "cat"]),
    "labels of paths": _head(labels=["../../etc", "/etc/passwd\n"]),
    "a million labels": _head(labels=["x"] * 1_000_000),
    "kind": _head(kind="os.system"),
    "out": _head(num_out=10**12),
    "out 0": _head(num_out=0),
    "out text": _head(num_out="3"),
    "head's features": _head(num_features=60_000),
    "vectors a path": _head(vectors="../../../etc/passwd"),
    "vectors a list": _head(vectors=["x"]),
    "scale nan": _head(scale=float("nan")),
    "anchored": _head(anchored=True),
    "input": _head(input="power"),
    "head of a list": lambda about, arrays: about["heads"].update(words=[]),
    "heads a list": _about(heads=[]),
    "heads a text": _about(heads="words"),
    "training a list": _about(training=[]),
    "a head's name": lambda about, arrays: about["heads"].update({"../../x": about["heads"].pop("words")}),
    "format": _about(format=10**9),
    "format text": _about(format="3"),
    "backbone a list": _about(backbone=[]),
    "fingerprint": _about(fingerprint="0" * 64),
    "fingerprint a list": _about(fingerprint=[]),
    "deep json": _about(text="[" * 100_000),
    "no json": _about(text="\0\1"),
    "json null": _about(text="null"),
    "long number": _about(text='{"backbone": ' + "9" * 5_000 + "}"),
}


def _header(text: str | bytes, body: bytes = bytes(64), length: int | None = None) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data) if length is None else length) + data + body


class Evil:
    """Runs code where a pickle is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ('touch "$DEVISE_MARKER"',)


def _entry(shape: str = "[4]", offsets: str = "[0,16]", kind: str = "F32") -> str:
    return f'{{"dtype":"{kind}","shape":{shape},"data_offsets":{offsets}}}'


HEADERS: dict[str, Callable[[], bytes]] = {
    "length 2**63": lambda: _header("{}", length=(1 << 63) - 1),
    "length 2**40": lambda: _header("{}", length=1 << 40),
    "length 0": lambda: _header("", length=0),
    "90 MB of header": lambda: _header(b"{" + b" " * 90_000_000 + b"}"),
    "overlapping": lambda: _header(f'{{"a":{_entry()},"b":{_entry()}}}'),
    "beyond": lambda: _header(f'{{"a":{_entry("[999]", "[0,3996]")}}}'),
    "backwards": lambda: _header(f'{{"a":{_entry("[4]", "[16,0]")}}}'),
    "negative": lambda: _header(f'{{"a":{_entry("[-4]", "[-16,0]")}}}'),
    "product": lambda: _header(f'{{"a":{_entry("[4294967296,4294967296,4]")}}}'),
    "infinite": lambda: _header(f'{{"__metadata__":{{"format":"devise.words/1"}},"keys":{_entry("[1e999]")}}}'),
    "unknown type": lambda: _header(f'{{"a":{_entry(kind="F3")}}}'),
    "twice": lambda: _header(f'{{"a":{_entry()},"a":{_entry("[2]", "[0,8]")}}}'),
    "deep": lambda: _header("[" * 500_000),
    "deep objects": lambda: _header('{"a":' * 100_000),
    "a number": lambda: _header("3"),
    "metadata a list": lambda: _header('{"__metadata__":[1]}'),
    "no utf-8": lambda: _header(b'{"\xff":1}'),
    "pickle": lambda: pickle.dumps(Evil()),
    "zip": lambda: b"PK\x03\x04" + bytes(99),
    "npy": lambda: _npy(np.zeros(3)),
    "nothing": lambda: b"",
    "text": lambda: b"hello\n" * 99,
}

# Word vectors of devise's own form


def forged_words(path: Path, change: Callable[[Arrays, dict[str, Any]], None]) -> None:
    write_vectors(path, ["cat", "dog", "sofa"], np.eye(3), source="drawn")
    tables = read_vectors(path)
    metadata: dict[str, Any] = {key: value for key, value in tables.metadata.items() if key != "crc"}
    arrays = {name: np.array(getattr(tables, name)) for name in (*SMALL, "rows")}
    change(arrays, metadata)
    layout = _layout({name: (NAMES[array.dtype], array.shape) for name, array in arrays.items()})
    metadata["crc"] = str(_crc(metadata, layout, arrays))
    header = json.dumps({"__metadata__": metadata, **layout}).encode().ljust(4_088)
    body = b"".join(arrays[name].tobytes() for name in layout)
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)


def _table(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays, dict[str, Any]], None]:
    return lambda arrays, metadata: arrays.update({name: change(arrays[name])})


def _said(**changes: Any) -> Callable[[Arrays, dict[str, Any]], None]:
    return lambda arrays, metadata: metadata.update(changes)


def _numbers(value: float) -> Callable[[Arrays, dict[str, Any]], None]:
    def change(arrays: Arrays, metadata: dict[str, Any]) -> None:
        import zlib

        arrays["rows"] = np.full_like(arrays["rows"], value)
        arrays["checks"] = np.array([zlib.crc32(arrays["rows"].data)], "<u4")

    return change


TABLES: dict[str, Callable[[Arrays, dict[str, Any]], None]] = {
    "whole": _said(),
    "slots beyond": _table("slots", lambda a: a + 1_000_000),
    "ends beyond": _table("ends", lambda a: a + 999),
    "ends backwards": _table("ends", lambda a: a[::-1].copy()),
    "fewer keys": _table("keys", lambda a: a[:1]),
    "fewer slots": _table("slots", lambda a: a[:1]),
    "no checks": _table("checks", lambda a: a[:0]),
    "no words": _table("ends", lambda a: a[:0]),
    "fewer rows": _table("rows", lambda a: a[:1]),
    "narrow rows": _table("rows", lambda a: a[:, :1].copy()),
    "flat rows": _table("rows", lambda a: a.ravel()),
    "rows of bytes": _table("rows", lambda a: a.astype("u1")),
    "other slots": _table("slots", lambda a: a.astype("<u8")),
    "no utf-8": _table("spelling", lambda a: np.full_like(a, 255)),
    "nan": _numbers(np.nan),
    "inf": _numbers(np.inf),
    "zeros": _numbers(0),
    "large": _numbers(1e30),
    "unsorted": _table("keys", lambda a: a[::-1].copy()),
    "dim": _said(dim="300"),
    "dim text": _said(dim="x"),
    "dim list": _said(dim=[3]),
    "no dim": lambda arrays, metadata: metadata.pop("dim"),
    "name": _said(name=["x"]),
    "source": _said(source=3),
    "fingerprint": _said(fingerprint=None),
    "format 9": _said(format="devise.words/9"),
}

# Word files of others


def _npy(array: Any, **more: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **more)
    return buffer.getvalue()


def _rows(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def _keyed(evil: bool) -> bytes:
    from gensim.models import KeyedVectors

    made = KeyedVectors(3)
    made.add_vectors(["cat", "dog"], np.eye(3, dtype=np.float32)[:2])
    if evil:
        made.more = Evil()
    return pickle.dumps(made, 4)


GOOD = ("cat 1 0 0", "dog 0 1 0", "sofa 0 0 1")
WORD_FILES: dict[str, Callable[[], bytes]] = {
    "good.txt": lambda: _rows(*GOOD),
    "header.txt": lambda: _rows("3 3", *GOOD),
    "columns.txt": lambda: b"cat" + b" 1" * 1_000_000 + b"\n",
    "columns-later.txt": lambda: _rows(*GOOD) + b"cat" + b" 1" * 1_000_000,
    "one-line.txt": lambda: _rows(*GOOD) + b"x" * 60_000_000,
    "promises.bin": lambda: b"2000000000 3\ncat \0\0\0",
    "promises-more.bin": lambda: b"99999999999 10000\ncat \0",
    "promises.bin.gz": lambda: gzip.compress(b"2000000000 3\ncat \0\0\0"),
    "promises-columns.txt": lambda: b"3 99999999999\ncat 1 2\n",
    "promises-none.txt": lambda: b"0 0\n",
    "missing.txt": lambda: _rows("cat 1 0 0", "dog 0 1", "sofa 0 0 1"),
    "letters.txt": lambda: _rows("cat 1 0 0", "dog 0 x 0"),
    "no-utf-8.txt": lambda: b"cat 1 0\n\xff\xfe 0 1\n",
    "double.txt": lambda: _rows(*GOOD, *GOOD),
    "zeros.txt": lambda: _rows("cat 0 0", "dog 0 0"),
    "nan.txt": lambda: _rows("cat nan 1", "dog 1 inf", "sofa 1 1"),
    "huge.txt": lambda: _rows("cat 1e308 1e308", "dog 1 1"),
    "nul.txt": lambda: b"c\0t 1 0\ndog 0 1\n",
    "crlf.txt": lambda: b"cat 1 0\r\ndog 0 1\r\n",
    "spaces.txt": lambda: b" \n" * 999,
    "only-newlines.txt": lambda: b"\n" * 99_999,
    "tabs.txt": lambda: b"cat\t1\t0\ndog\t0\t1\n",
    "bomb.txt.gz": lambda: gzip.compress(b"a" * 300_000_000),
    "bomb-rows.txt.gz": lambda: gzip.compress(b"cat 1 0\n" + bytes(50_000_000)),
    "bomb-lines.txt.gz": lambda: gzip.compress(b"\n" * 100_000_000),
    "cut.gz": lambda: gzip.compress(_rows(*GOOD))[:-9],
    "binary.bin": lambda: b"2 2\ncat " + struct.pack("<2f", 1, 0) + b"\ndog " + struct.pack("<2f", 0, 1),
    "array.npy": lambda: _npy(np.eye(3)),
    "objects.npy": lambda: _npy(np.array([Evil()], dtype=object), allow_pickle=True),
    "evil.kv": lambda: pickle.dumps(Evil()),
    "evil.model": lambda: pickle.dumps({"wv": Evil()}),
    "evil.txt": lambda: pickle.dumps(Evil()),
    "evil-0.kv": lambda: pickle.dumps(Evil(), 0),
    "evil.kv.gz": lambda: gzip.compress(pickle.dumps(Evil())),
    "keyed.kv": lambda: _keyed(False),
    "keyed-evil.kv": lambda: _keyed(True),
    "memo.kv": lambda: b"\x80\x04" + b"r\xff\xff\xff\x0f" * 3 + b"N.",
    "stack.kv": lambda: b"\x80\x04" + b"(" * 500_000 + b".",
    "long.kv": lambda: b"\x80\x04\x8e" + b"\xff" * 7 + b"\x00",
    "own.safetensors": lambda: _header("{}"),
    "empty.txt": lambda: b"",
}
