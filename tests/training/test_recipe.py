"""The article's recipe from end to end: a VGG, GloVe's text, two heads, frozen then unfrozen, tags, searches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_model import tiny
from test_training import COLOURS, classes  # noqa: F401 (fixtures)
from typer.testing import CliRunner

import devise
from devise import TrainOptions, WordVectors
from devise.cli.main import app
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.config import BACKBONES
from devise.descriptors.network.engine import open_encoder
from devise.errors import TrainingError
from devise.library import Library
from devise.words import import_vectors


@pytest.fixture
def glove(tmp_path: Path) -> WordVectors:
    """A text file as GloVe's are: no header, a word and its numbers a line."""
    random = np.random.default_rng(4)
    words = ["red", "green", "blue", "light", "sky", "cat", "dog"]
    lines = [" ".join([word, *(f"{x:.4f}" for x in random.normal(size=300))]) for word in words]
    (tmp_path / "glove.txt").write_text("\n".join(lines) + "\n")
    return import_vectors(str(tmp_path / "glove.txt"), "glove")


@pytest.mark.parametrize("loss", ["cosine", "hinge"])
def test_the_recipe(classes: Path, tmp_path: Path, glove: WordVectors, loss: str) -> None:  # noqa: F811
    vgg = tmp_path / "vgg.safetensors"
    checkpoints.save(tiny(), vgg)
    asked = TrainOptions(data=classes, out=str(tmp_path / "frozen.safetensors"), backbone=str(vgg), vectors="glove",
                         loss=loss, epochs=30, batch=8, validation=0.25, learning_rate=0.01,
                         quantize=False)  # fmt: skip
    frozen = devise.train(asked)
    head = checkpoints.load(frozen.path).heads["words"]
    assert (head.layers[0].out_features, head.layers[4].out_features) == (2000, 300)
    out = str(tmp_path / "whole.safetensors")
    whole = devise.train(replace(asked, out=out, start=str(frozen.path), unfreeze=1, epochs=2, learning_rate=1e-4))
    before, after = (checkpoints.load(path).backbone.features for path in (frozen.path, whole.path))
    assert torch.equal(before[0].weight, after[0].weight)
    assert not torch.equal(before[4].weight, after[4].weight)
    first, second = (run.history[0].validation_loss for run in (frozen, whole))
    assert first is not None
    assert second is not None
    assert second < first / 2  # it begins with what the heads have learnt; losses of moved photos say less
    with Library(tmp_path / "library") as library:
        library.index([classes], model=open_encoder(whole.path, "glove"))
        best = [match.path for match in library.search("red", k=4)]
        assert sum(Path(path).parent.name == "red" for path in best) >= 2
        assert library.tag(classes / "red" / "0.png", sure=0.0)[0].word in {"red", "green", "blue", "light", "sky"}


def test_heads_go_on_only_where_they_fit(classes: Path, tmp_path: Path, glove: WordVectors) -> None:  # noqa: F811
    vgg = tmp_path / "vgg.safetensors"
    checkpoints.save(tiny(), vgg)
    asked = TrainOptions(data=classes, out=str(tmp_path / "a.safetensors"), backbone=str(vgg), vectors="glove",
                         epochs=1, batch=8, quantize=False)  # fmt: skip
    with pytest.raises(TrainingError, match="has learnt the word vectors toy, this run learns glove"):
        devise.train(replace(asked, start=str(vgg)))


def test_backbones_are_listed_and_nothing_is_asked_without_a_terminal(classes: Path, tmp_path: Path) -> None:  # noqa: F811
    listed = CliRunner().invoke(app, ["train", "--backbone", "list"])
    assert listed.exit_code == 0
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()][:-1] == ["slim", "pixels", *(
        f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))]  # fmt: skip
    assert set(BACKBONES) >= {"vgg19_bn", "vgg13"}
    assert len(COLOURS) == 4
