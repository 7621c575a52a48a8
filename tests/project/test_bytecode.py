"""What `make setup` compiles: all that a search and an indexing run import, and nothing of training."""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from recipes import bytecode


def test_what_is_needed_without_extras() -> None:
    found = set(bytecode.needed("devise"))
    assert {"devise", "numpy", "openvino", "typer", "rich", "hnswlib"} <= found
    assert found & {"torch", "gensim", "mypy", "pytest", "scikit-learn"} == set()


def test_what_is_not_installed_is_left_out() -> None:
    assert bytecode.needed("no-such-package") == {}


def test_the_package_is_compiled_also_where_python_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("one.py", "inner/two.py"):
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(bytecode, "PACKAGE", tmp_path)
    monkeypatch.setattr(bytecode, "needed", lambda name: {})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert bytecode.compiled() == 2
    assert Path(cache_from_source(str(tmp_path / "inner/two.py"))).exists()
