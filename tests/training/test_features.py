"""Features that heads learn from: what torch would compute, and in bytes what indexing computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_compiled import SLIM, VGG, Config, made, pixels

from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.calibrate import calibrate
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.weights import backbone_ranges
from devise.training.features import Extractor
from devise.vectors import unit


@pytest.mark.parametrize("config", [SLIM, VGG])
def test_in_floats_they_are_those_of_torch(tmp_path: Path, config: Config) -> None:
    model = checkpoints.load(made(config, tmp_path / "own.safetensors"))
    wanted = model.backbone.views(Encoder(model).normalized(pixels())).detach().cpu().numpy()
    np.testing.assert_allclose(Extractor(model)(pixels()), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a graphics card computes in floats")
def test_in_bytes_they_are_those_of_indexing(tmp_path: Path) -> None:
    path = made(SLIM, tmp_path / "own.safetensors")
    calibrate(path, pixels(16), agreeing=0.5)
    model, ranges = checkpoints.load(path), backbone_ranges(str(path))
    whole = Extractor(model, ranges)(pixels())[:, 0]
    np.testing.assert_allclose(unit(whole + 1e-6), Compiled.open(path).encode(pixels())["features"], atol=1e-5)
    assert Extractor(model).key != Extractor(model, ranges).key  # they are cached apart
    assert backbone_ranges("vgg16") == {}
