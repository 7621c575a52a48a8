"""A model given to others: its card, one file that brings it back, ONNX that computes the same, files that are none."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_compiled import SLIM, VGG, Config, made, pixels
from test_training import classes, options, tiny_vectors  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from devise import config
from devise.cli.main import app
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.format import find, read
from devise.descriptors.network.runtime import openvino
from devise.errors import CheckpointError, TrainingError, VectorsError
from devise.evaluation import EvaluateOptions, evaluate
from devise.sharing.bundle import bring, export
from devise.sharing.card import write_card
from devise.sharing.catalog import models
from devise.training import TrainOptions, train
from devise.training.assembly import checkpoint_path
from devise.words import WordVectors
from devise.words.format import write_vectors


def test_a_card_tells_data_figures_licence_and_limits(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained = train(replace(options, hold_out=("red",)))
    plain = write_card(trained.path)
    assert plain == trained.folder / "card.md"
    text = plain.read_text()
    assert "not said: ask whoever made it" in text
    assert "![loss and figures by epoch](curves.svg)" in text
    assert "left out on purpose: red" in text
    report = evaluate(EvaluateOptions(data=options.data, model=str(trained.path), vectors="tiny", bootstrap=10))
    text = write_card(trained.path, tmp_path / "mine.md", licence="CC BY 4.0 | mine", report=report).read_text()
    assert f"| hit@1 | {report.figures['hit@1']:.3f} |" in text
    assert "| licence | CC BY 4.0 \\| mine |" in text
    assert "(mine.svg)" in text
    assert (tmp_path / "mine.svg").read_text().startswith("<svg")
    assert str(tmp_path) not in text


def test_one_file_brings_a_model_and_its_words(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained, file = train(options), tmp_path / "colours.zip"
    assert export(trained.path, file, licence="CC0").has_vectors
    vectors = config.own_folder("embeddings") / "tiny.safetensors"
    words = WordVectors.open("tiny").words()
    vectors.unlink()
    there = bring(file, name="hues")
    assert there.has_vectors
    assert read(find("hues"))[0]["fingerprint"] == read(trained.path)[0]["fingerprint"]
    assert WordVectors.open("tiny").words() == words
    assert "CC0" in (there.path.with_suffix(".run") / "card.md").read_text()
    assert {"hues", "slim"} <= {each.name for each in models()}
    assert not bring(file, name="hues").has_vectors  # once more changes nothing
    other = train(replace(options, seed=3, force=True))
    export(other.path, tmp_path / "other.zip")
    with pytest.raises(CheckpointError, match="there is another model hues"):
        bring(tmp_path / "other.zip", name="hues")
    assert bring(tmp_path / "other.zip", name="hues", force=True).name == "hues"
    write_vectors(vectors, ["red"], np.eye(6)[:1], source="others")
    with pytest.raises(VectorsError, match="other word vectors of the name tiny"):
        bring(file, name="more")
    assert not (config.own_folder("checkpoints") / "more.safetensors").exists()


def test_words_that_ship_stay_at_home(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained, file = train(replace(options, vectors=config.FORMER_VECTORS)), tmp_path / "former.zip"
    assert not export(trained.path, file).has_vectors
    with zipfile.ZipFile(file, "a") as packed:  # as devise wrote it for a while
        packed.write(WordVectors.open(config.FORMER_VECTORS).path, "vectors.safetensors")
    assert not bring(file, name="former").has_vectors
    assert read(find("former"))[0]["fingerprint"] == read(trained.path)[0]["fingerprint"]


def test_files_that_are_no_models(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained, file = train(options), tmp_path / "colours.zip"
    export(trained.path, file)
    with zipfile.ZipFile(file) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}

    def changed(**parts: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as written:
            for name, data in {**members, **{key.replace("__", "."): data for key, data in parts.items()}}.items():
                written.writestr(name, data)
        return tmp_path / "bad.zip"

    about = json.loads(members["bundle.json"])
    cases = {
        "no exported model": changed(bundle__json=b"[]"),
        "no file": tmp_path / "none.zip",
    }
    for text, bad in cases.items():
        with pytest.raises(CheckpointError, match=text):
            bring(bad)
    for parts, text in [
        ({"bundle__json": json.dumps({**about, "format": 9}).encode()}, "update devise"),
        ({"bundle__json": json.dumps({**about, "name": "../up"}).encode()}, "cannot be the name"),
        ({"bundle__json": json.dumps({**about, "fingerprint": "0"}).encode()}, "names another model"),
        ({"model__safetensors": members["model.safetensors"][:-9]}, "cut off"),
        ({"evil__py": b"x"}, "which no exported model has"),
    ]:
        with pytest.raises(CheckpointError, match=text):
            bring(changed(**parts))
    whole = file.read_bytes()
    for cut in (whole[: len(whole) // 2], b"", b"PK\x03\x04"):
        (tmp_path / "cut.zip").write_bytes(cut)
        with pytest.raises(CheckpointError, match="no exported model"):
            bring(tmp_path / "cut.zip")
    assert not config.own_folder("checkpoints").exists()


@pytest.mark.parametrize("shape", [SLIM, {**SLIM, "parts": 3}, VGG])
def test_onnx_gives_our_rows(tmp_path: Path, shape: Config) -> None:
    pytest.importorskip("onnx")
    from devise.descriptors.network.onnx_export import export_onnx

    path = made(shape, tmp_path / "own.safetensors")
    assert export_onnx(path, tmp_path / "own.onnx") > 0.9999
    model = openvino.Core().compile_model(tmp_path / "own.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = {name: rows for output, rows in model([pixels(5)]).items() for name in output.names}
    wanted = Compiled.open(path).encode(pixels(5))  # another number of photos than it was traced with
    np.testing.assert_allclose(found["words"][:, 0], wanted["words"], atol=2e-3)
    np.testing.assert_allclose(found["features"], wanted["features"], atol=2e-3)


def test_models_go_to_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEVISE_CHECKPOINTS", raising=False)
    assert checkpoint_path("birds") == config.user_data() / "checkpoints" / "birds.safetensors"
    with pytest.raises(TrainingError, match="the model that ships"):
        checkpoint_path("slim")


def test_the_commands(options: TrainOptions, tmp_path: Path) -> None:  # noqa: F811
    trained, run = train(options), CliRunner()
    file = tmp_path / "colours.zip"
    (tmp_path / "notes.zip").write_text("mine")
    assert run.invoke(app, ["model", "export", str(trained.path), str(file), "--licence", "CC0"]).exit_code == 0
    assert run.invoke(app, ["model", "export", str(trained.path), str(file)]).exit_code == 0  # replaces its own
    assert run.invoke(app, ["model", "import", str(file)]).exit_code == 0
    carded = run.invoke(app, ["model", "card", str(trained.path)])
    assert f"devise model export {trained.path} FILE takes it along" in carded.output
    listed = run.invoke(app, ["model", "list", "--json"])
    assert {each["name"]: each["labels"] for each in json.loads(listed.stdout)}["colours"] == 4
    refused = run.invoke(app, ["model", "export", str(trained.path), str(tmp_path / "notes.zip")])
    assert "is no exported model" in refused.output
    assert (tmp_path / "notes.zip").read_text() == "mine"
