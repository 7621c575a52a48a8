"""The worked examples of docs/architecture.md do what they say."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import test_index_contract as contract
from fakes import FakeEncoder
from test_training import classes, options, tiny_vectors  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from devise import Library
from devise.cli.commands import COMMANDS
from devise.cli.main import app
from devise.descriptors.network import checkpoint as checkpoints
from devise.training import TrainOptions, train
from devise.training.objectives.table import OBJECTIVES

ARCHITECTURE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")


def example(heading: str) -> str:
    """The Python below a heading."""
    section = ARCHITECTURE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert blocks, f"no example below {heading}"
    return "\n".join(blocks)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch):
    """Make a module of an example: modules("devise.cli.count", code)."""

    def make(name: str, code: str) -> ModuleType:
        made = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, made)
        exec(compile(code, "docs/architecture.md", "exec"), made.__dict__)
        return made

    return make


def test_a_descriptor_is_added(album: Path, draw, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """By its file alone: a library indexes and compares by it, and knows it again."""
    draw("album/brick.png", (210, 40, 35))
    monkeypatch.chdir(album.parent)
    made: dict[str, object] = {}
    exec(compile(example("How to add a descriptor"), "docs/architecture.md", "exec"), made)
    assert re.findall(r"Match\('(.*?)'", capsys.readouterr().out)[0] == str(album / "brick.png")
    with Library("by-colour", model=made["ColourHistogram"]()) as library:  # type: ignore[operator]
        assert library.index().unchanged == 7
        assert library.vectors("colour")[1].sum(1) == pytest.approx(1, abs=1e-2)


def test_a_command_is_added(modules, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library(tmp_path / "library", model=FakeEncoder()) as library:
        library.index([album])
    line = re.search(r'`"count": \("(\w+)", "(.*?)"\)`', ARCHITECTURE.replace("\n", " "))
    assert line
    modules(f"devise.cli.{line[1]}", example("How to add a command"))
    monkeypatch.setitem(COMMANDS, "count", (line[1], line[2]))
    told = CliRunner().invoke(app, ["count", "--library", str(tmp_path / "library"), "--json"])
    assert json.loads(told.stdout) == {"photos": 6}, told.output
    assert "Count the photos" in CliRunner().invoke(app, ["--help"]).stdout


PROMISES = [
    check
    for name, check in vars(contract).items()
    if name.startswith("test_") and {*inspect.signature(check).parameters} == {"kind", "ids", "tmp_path"}
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda check: check.__name__)
def test_an_index_is_added(modules, promise: Callable[..., None], tmp_path: Path) -> None:
    """It keeps what every index promises."""
    signs = modules("devise.index.signs", example("How to add an index"))

    def make(place: Path, ids: contract.Ids, rows: contract.Rows):
        index = signs.SignIndex(contract.DIM)
        index.add(ids, rows)
        return index

    promise(contract.Kind("signs", make, "cosine", recall=0.9), np.arange(contract.NUM) * 3 + 5, tmp_path)


def test_an_objective_is_added(modules, options: TrainOptions, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    margin = modules("devise.training.objectives.margin", example("How to add an objective")).Margin
    monkeypatch.setitem(OBJECTIVES, "margin", margin)
    report = train(replace(options, objectives=("margin", "words"), epochs=20))
    assert report.best.figures["right"] >= 0.5  # a quarter by chance
    assert checkpoints.load(report.path).configs["classes"].labels == ("blue", "green", "light sky", "red")
