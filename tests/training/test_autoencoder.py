"""Codes that photos are rebuilt from: their loss against numpy, learnt without labels, kept, found by posting lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_training import Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)

from devise import Library
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.heads import build
from devise.descriptors.network.onnx_export import export_onnx
from devise.errors import CheckpointError, FolderError, TrainingError
from devise.training import TrainOptions, train
from devise.training.objectives.autoencoder import Autoencoder, shared_neighbours
from devise.training.objectives.base import Lessons

N, FEATURES, DIM = 6, 5, 7


@pytest.fixture
def codes(options: TrainOptions) -> TrainOptions:  # noqa: F811
    return replace(options, objectives=("autoencoder",), vectors=None, dim=8, epochs=40)


def made(l1: float) -> tuple[Autoencoder, dict[str, torch.nn.Module]]:
    torch.manual_seed(1)
    lessons = Lessons([], (), *[torch.empty(N, 0)] * 2, torch.ones(N), torch.empty(0, 0), "", "")
    one = Autoencoder(lessons, TrainOptions(data=Path(), out="", l1=l1, dim=DIM))
    heads = {name: build(config).double() for name, config in one.heads(FEATURES).items()}
    heads[one.name].spread.running_mean.uniform_(0, 0.3)
    return one, {name: head.eval() for name, head in heads.items()}


@pytest.mark.parametrize("l1", [0.0, 0.3])
def test_loss_is_its_formula_and_its_gradient_the_slope(l1: float) -> None:
    one, heads = made(l1)
    x = torch.tensor(np.random.default_rng(0).random((N, 1, FEATURES)), requires_grad=True)
    state = {f"{name}.{key}": value.numpy() for name, head in heads.items() for key, value in head.state_dict().items()}
    wanted = np.sqrt(x[:, 0].detach().numpy())
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    seen = (wanted - state[f"{one.name}.spread.running_mean"]) / np.sqrt(1 + 1e-5)
    z = seen @ state[f"{one.name}.layers.0.weight"].T + state[f"{one.name}.layers.0.bias"]
    z = np.maximum(z, 0) if l1 else z
    directions = state["decoder.layer.weight"] / np.linalg.norm(state["decoder.layer.weight"], axis=0)
    rebuilt = z @ directions.T + state["decoder.layer.bias"]
    expected = ((rebuilt - wanted) ** 2).sum(1).mean() + l1 * np.abs(z).sum(1).mean()
    assert one.loss(heads, x, torch.arange(N)).item() == pytest.approx(expected, rel=1e-6)
    assert torch.autograd.gradcheck(lambda rows: one.loss(heads, rows, torch.arange(N)), x, atol=1e-4)


def test_a_code_begins_as_the_principal_components() -> None:
    torch.manual_seed(1)
    lessons = Lessons([], (), *[torch.empty(40, 0)] * 2, torch.ones(40), torch.empty(0, 0), "", "")
    one = Autoencoder(lessons, TrainOptions(data=Path(), out="", dim=3))
    heads = {name: build(config).eval() for name, config in one.heads(FEATURES).items()}
    x = torch.rand(40, FEATURES)
    one.begin(heads, x)
    rows = np.sqrt(x.numpy())
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
    assert one.loss(heads, x[:, None], torch.arange(40)).item() == pytest.approx(values[:-3].sum(), rel=1e-2)


def test_neighbours_that_two_spaces_share() -> None:
    angles = torch.tensor([0.0, 0.1, 1.0, 1.15])
    rows = torch.stack([angles.cos(), angles.sin()], 1)
    assert shared_neighbours(rows, 3 * rows, 1) == 1.0
    assert shared_neighbours(rows, rows[[0, 2, 1, 3]], 1) == 0.0


def test_any_folder_is_learnt_from_and_searched_by_codes(codes: TrainOptions, tmp_path: Path) -> None:
    (tmp_path / "classes" / "red" / "0.png").rename(tmp_path / "classes" / "loose.png")
    report = train(replace(codes, noise=0.2))
    assert report.labels == ()
    assert report.best.figures["rebuilt"] > 0.4
    with Library(tmp_path / "library", model=str(report.path)) as library:
        library.index([codes.data])
        photo = library.paths()[0]
        near = library.similar(photo, 7, space="code")
        assert sum(Path(match.path).parent == Path(photo).parent for match in near) >= 6


def test_sparse_codes_are_found_by_posting_lists(codes: TrainOptions, tmp_path: Path) -> None:
    report = train(replace(codes, dim=24, l1=0.05))
    assert report.best.figures["zeros"] > 0.3
    with Library(tmp_path / "library", model=str(report.path)) as library:
        library.index([codes.data])
        paths, rows = library.vectors("sparse")
        assert (rows >= 0).all()
        held = library._reader()
        assert (held.model().space("sparse").metric, held.model().space("sparse").dtype) == ("inner", "sparse")
        near = library.similar(paths[0], 100, space="sparse")
        weights = rows * np.log((len(rows) + 1) / np.maximum((rows > 0).sum(0), 1))  # copies are one content
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
        expected = dict(zip(paths, weights @ weights[0], strict=True))
        assert len(near) == len(paths) - 1
        for match in near:
            assert match.score == pytest.approx(expected[match.path], abs=2e-3)
        (tmp_path / "classes" / "new.png").write_bytes(Path(paths[0]).read_bytes() + b"\0")
        library.index()
        assert library.similar(paths[0], 1, space="sparse")[0].path.endswith("new.png")


def test_pixels_are_features_of_small_pictures(codes: TrainOptions) -> None:
    path = train(replace(codes, backbone="pixels", size=16, epochs=4)).path
    with Image.open(path.with_suffix(".run") / "rebuilt.png") as picture:
        assert picture.size == (2 * 8 * 18, 2 * 2 * 18)  # eight validation photos, and them rebuilt
    one, other = Encoder.open(path), Compiled.open(path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_allclose(one.outputs(pixels).features.reshape(5, 3, 16, 16),
                               pixels.transpose(0, 3, 1, 2) / 255, atol=1e-6)  # fmt: skip
    for space, rows in one.encode(pixels).items():
        np.testing.assert_allclose(rows, other.encode(pixels)[space], atol=1e-4)
    pytest.importorskip("onnx")
    with pytest.raises(CheckpointError, match="has no network"):
        export_onnx(path, path.with_suffix(".onnx"))


def test_pixels_have_bounds(codes: TrainOptions) -> None:
    for wrong, error in (({"size": 200}, "--size 200 does not suit pixels"), ({"unfreeze": 1}, "no blocks that")):
        with pytest.raises(TrainingError, match=error):
            train(replace(codes, backbone="pixels", force=True, **wrong))  # type: ignore[arg-type]


def test_it_goes_on_after_a_kill(codes: TrainOptions, tmp_path: Path) -> None:
    some = replace(codes, epochs=4, l1=0.1, noise=0.3)
    whole = checkpoints.load(train(some).path).fingerprint
    stopped = replace(some, out=str(tmp_path / "other" / "codes.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        train(stopped, Stop(after=2))
    with pytest.raises(TrainingError, match="other options"):
        train(replace(stopped, resume=True, l1=0.2))
    assert checkpoints.load(train(replace(stopped, resume=True)).path).fingerprint == whole


def test_what_makes_no_sense_is_one_line(codes: TrainOptions, tmp_path: Path) -> None:
    cases: dict[str, dict[str, float]] = {
        "dim must be from 2 to": {"dim": 1},
        "weight of L1 must be from 0": {"l1": -1.0},
        "noise must be a share": {"noise": 1.0},
        "any more at epoch 1, step 2": {"learning_rate": 1e30},
    }
    for error, change in cases.items():
        with pytest.raises(TrainingError, match=error):
            train(replace(codes, **change))  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match="has no photos"):
        train(replace(codes, data=tmp_path / "empty"))
