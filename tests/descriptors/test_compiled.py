"""A model compiled for the processor gives what torch gives, in floats the same and in bytes nearly so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_model import tiny

from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.calibrate import calibrate
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.engine import open_encoder
from devise.descriptors.network.format import RANGES
from devise.descriptors.network.preprocess import Preprocessing
from devise.errors import CheckpointError

Config = dict[str, object]
VGG: Config = {
    "layers": (8, "M", 512, "M"), "batch_norm": True, "first_stride": 1, "top": "fc", "num_features": 40,
    "num_hidden": 24,
}  # fmt: skip
SLIM: Config = {
    "layers": (8, "S", 16, "P8", 16, "S", 24, "P8"), "batch_norm": True, "first_stride": 2, "top": "conv",
    "num_features": 40, "parts": 2,
}  # fmt: skip


def made(config: Config, path: Path, words: str = "power", size: int = 32) -> Path:
    """A model of random weights with statistics as if it had been trained."""
    torch.manual_seed(0)
    preprocessing = Preprocessing(size=size, resize="squash")
    backbone = Backbone(BackboneConfig(name="own", preprocessing=preprocessing, **config))  # type: ignore[arg-type]
    made = Checkpoint(name=path.stem, backbone=backbone)
    for vectors, name in (("a", "words"), ("b", "words:b")):
        head = HeadConfig(kind="words", num_features=40, num_out=12, labels=("x", "y"), vectors=vectors, input=words,
                          scale=3.0, bias=-1.0)  # fmt: skip
        made.add_head(head, name)
    for module in made.modules().values():
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 2)
                if part.affine:
                    part.weight.data.uniform_(0.5, 1.5)
                    part.bias.data.normal_(0, 0.3)
    checkpoints.save(made, path)
    return path


def pixels(number: int = 5, size: int = 32) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 255, (number, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(size // 4, 1).repeat(size // 4, 2)


@pytest.mark.parametrize(
    ("config", "words", "vectors"),
    [
        *((config, "power", "a") for config in (VGG, SLIM, {**SLIM, "parts": 0})),
        ({**SLIM, "parts": 3}, "plain", "b"),
    ],
)
def test_it_gives_what_torch_gives(tmp_path: Path, config: Config, words: str, vectors: str) -> None:
    path = made(config, tmp_path / "own.safetensors", words)
    ours, theirs = Compiled.open(path, vectors), Encoder.open(path, vectors)
    assert (ours.info, ours.size, ours.resize, ours.labels) == (theirs.info, theirs.size, theirs.resize, theirs.labels)
    found, wanted = ours.encode(pixels()), theirs.encode(pixels())
    assert {name: rows.shape for name, rows in found.items()} == {name: rows.shape for name, rows in wanted.items()}
    for name, rows in wanted.items():
        assert (found[name] * rows).sum(-1).min() > 1 - 1e-5
        assert found[name].dtype == np.float32


def test_a_photo_alone_and_among_others(tmp_path: Path) -> None:
    model = Compiled.open(made(SLIM, tmp_path / "own.safetensors"))
    together = model.encode(pixels())["words"]
    alone = np.concatenate([model.encode(picture[None])["words"] for picture in pixels()])
    assert np.allclose(together, alone, atol=1e-5)


def test_in_bytes_the_vectors_stay_nearly_the_same(tmp_path: Path) -> None:
    path = made(SLIM, tmp_path / "own.safetensors")
    before = checkpoints.load(path)
    plain = Compiled.open(path).encode(pixels())
    agreement = calibrate(path, pixels(16))
    after = checkpoints.load(path)
    assert agreement > 0.98
    assert {name.removeprefix(RANGES) for name in after.ranges} == {"backbone", "words", "words:b"}
    assert not after.ranges[f"{RANGES}backbone"][0].any()
    assert (after.ranges[f"{RANGES}backbone"][1:, 1] > 0).all()
    for name, weights in before.backbone.state_dict().items():
        assert torch.equal(weights, after.backbone.state_dict()[name])
    rounded = Compiled.open(path).encode(pixels())
    for name, rows in plain.items():
        assert 0.97 < (rows * rounded[name]).sum(-1).mean() < 1 - 1e-7  # nearly, not quite
    assert after.fingerprint != before.fingerprint  # other vectors, another model


def test_a_model_that_bytes_would_change_stays_as_it_is(tmp_path: Path) -> None:
    path = made(SLIM, tmp_path / "own.safetensors")
    data = path.read_bytes()
    calibrate(path, pixels(8), agreeing=1.1)
    assert path.read_bytes() == data


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    checkpoint = checkpoints.load(made(SLIM, tmp_path / "own.safetensors"))
    checkpoint.backbone.config = replace(checkpoint.backbone.config, layers=(8, "S", 16, "P12", 16, "S", 24, "P8"))
    checkpoints.save(checkpoint, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match="do not fit each other"):
        Compiled.open(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("rows", [np.zeros((2, 2)), np.full((5, 2), np.nan), np.ones((5, 2)), np.ones(3)])
def test_ranges_that_are_none(tmp_path: Path, rows: np.ndarray) -> None:
    checkpoint = checkpoints.load(made(SLIM, tmp_path / "own.safetensors"))
    checkpoint.ranges = {f"{RANGES}backbone": torch.from_numpy(rows.astype(np.float32))}
    checkpoints.save(checkpoint, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"do not fit each other|no numbers"):
        Compiled.open(tmp_path / "odd.safetensors")


def test_pixels_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this model takes"):
        Compiled.open(made(SLIM, tmp_path / "own.safetensors")).encode(np.zeros((1, 16, 16, 3), np.uint8))


def test_which_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.safetensors"
    checkpoints.save(tiny(), path)
    for wish, kind in (("torch", Encoder), ("openvino", Compiled)):
        monkeypatch.setenv("DEVISE_ENGINE", wish)
        assert isinstance(open_encoder(path), kind)
    monkeypatch.setenv("DEVISE_ENGINE", "abacus")
    with pytest.raises(CheckpointError, match="DEVISE_ENGINE is abacus; it can be openvino or torch"):
        open_encoder(path)


def test_indexing_needs_no_torch(tmp_path: Path) -> None:
    path = made(SLIM, tmp_path / "own.safetensors")
    code = (
        f"import sys; sys.modules['torch'] = None\n"
        f"from devise.descriptors.network.compiled import Compiled\nimport numpy as np\n"
        f"Compiled.open({str(path)!r}).encode(np.zeros((1, 32, 32, 3), np.uint8))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
