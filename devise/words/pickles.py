"""The words and rows of gensim's own files, which are pickles, without running anything that a pickle asks for.

A pickle is a program: "call this function with that" (https://docs.python.org/3/library/pickle.html). Here every name
that it asks for is a stand-in which only remembers what it was given, and arrays are read as plain numbers.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

WORDS = ("index_to_key", "index2word", "index2entity")  # of gensim 4, 3 and 2
ROWS = ("vectors", "syn0")


class Thing:
    """Stands for an object of any class: its attributes are what the pickle says, and nothing is called."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.said: dict[str, Any] = {}

    def __new__(cls, *given: Any, **named: Any) -> Thing:
        made = super().__new__(cls)
        made.said = {}
        return made

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):  # with slots: two of them
            if isinstance(part, dict):
                self.said.update(part)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Of a class that is a dict."""

    def append(self, item: Any) -> None:
        """Of a class that is a list."""

    def extend(self, items: Any) -> None:
        """Of a class that is a list."""


class Kind(Thing):
    """Stands for numpy.dtype."""

    def __init__(self, code: Any = "", *given: Any) -> None:
        self.code, self.order = str(code), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def of_floats(self) -> str | None:
        """None for other numbers, and for what are none."""
        return self.order + self.code if self.code in ("f2", "f4", "f8") else None


class Array(Thing):
    """Stands for numpy.ndarray; `rows` is None where it holds no floating point."""

    rows: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_fortran, data = state
        self.fill(data, kind, shape, "F" if is_fortran else "C")

    def fill(self, data: Any, kind: Any, shape: Any, order: Any) -> Array:
        if isinstance(data, str):  # of Python 2
            data = data.encode("latin1")
        code = kind.of_floats() if isinstance(kind, Kind) else None
        if code and isinstance(data, bytes | bytearray | pickle.PickleBuffer):
            sides = tuple(int(side) for side in shape)
            self.rows = np.frombuffer(memoryview(data), code).reshape(sides, order="F" if order == "F" else "C")
        return self


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")  # how Python 2 wrote bytes


STAND_INS: Mapping[str, Any] = {
    "dtype": Kind,
    "ndarray": Array,
    "_reconstruct": lambda *given: Array(),
    "_frombuffer": lambda data, kind, shape, order: Array().fill(data, kind, shape, order),
    "_reconstructor": lambda kind, *given: kind() if isinstance(kind, type) and issubclass(kind, Thing) else Thing(),
    "encode": _encoded,
    "object": Thing,
    "OrderedDict": dict,
    "dict": dict,
    "defaultdict": lambda *given: {},
}


class Reader(pickle.Unpickler):
    """Imports nothing: each name is that of a stand-in."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = STAND_INS.get(name, Thing)
        return found


def read(path: Path) -> tuple[list[str], NDArray[Any]]:
    """Words and rows of a file that gensim's KeyedVectors, or a model that carries one, was saved to.

    Raises whatever a damaged pickle makes Python raise, ValueError where it holds neither.
    """
    with path.open("rb") as file:
        _check_memo(file)
        file.seek(0)
        loaded = Reader(file, encoding="latin1").load()
    about = loaded.said if isinstance(loaded, Thing) else {}
    place, inner = str(path), about.get("wv")
    if isinstance(inner, Thing):  # a whole model carries its vectors
        about, place = inner.said, f"{place}.wv"
    words = next((about[name] for name in WORDS if name in about), None)
    rows = next((_array(about, place, name) for name in ROWS if name in about or name in _apart(about)), None)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or rows is None:
        raise ValueError("it has no words with vectors")
    return words, rows


def _check_memo(file: IO[bytes]) -> None:
    """Raises ValueError for a pickle that keeps a thing under a number larger than all that stands before it.

    Python's reader makes a table of that length: 87 bytes would take 13 GB.
    """
    for code, number, place in pickletools.genops(file):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number or 0) > (place or 0):
            raise ValueError("it numbers things that it does not hold")


def _array(about: Mapping[str, Any], place: str, name: str) -> NDArray[Any] | None:
    """Large arrays stand in files of their own."""
    if name in about:
        return getattr(about[name], "rows", None)
    rows: NDArray[Any] = np.load(f"{place}.{name}.npy", mmap_mode="r", allow_pickle=False)
    return rows if rows.dtype.kind == "f" else None


def _apart(about: Mapping[str, Any]) -> list[Any]:
    found = about.get("__numpys")
    return found if isinstance(found, list) else []
