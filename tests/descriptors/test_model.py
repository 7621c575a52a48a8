"""Backbones, heads, checkpoints and the encoder, on a tiny VGG; weights files as torchvision writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import save_file

from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.classes import read_classes
from devise.descriptors.network.config import BACKBONES, BackboneConfig, HeadConfig
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.format import find, fingerprint, read
from devise.descriptors.network.preprocess import Preprocessing
from devise.descriptors.network.weights import load_backbone, to_download
from devise.errors import CheckpointError, LibraryError, WriteError
from devise.library.models import open_encoder
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.catalog import use_vectors
from devise.words.format import write_vectors

TINY = BackboneConfig(
    name="tiny", layers=(4, "M", 8, "M"), batch_norm=True, first_stride=2, top="conv",
    num_features=16, preprocessing=Preprocessing(size=32, resize="squash"),
)  # fmt: skip


def tiny() -> Checkpoint:
    torch.manual_seed(0)
    made = Checkpoint(name="tiny", backbone=Backbone(TINY))
    words = HeadConfig(
        kind="words", num_features=16, num_out=5, labels=("cat", "dog"), vectors="toy", fingerprint="f" * 64
    )
    made.add_head(words)
    made.add_head(HeadConfig(kind="classes", num_features=16, num_out=2, labels=("cat", "dog")))
    for module in made.modules().values():
        for name, buffer in module.named_buffers():  # batch norms that have seen something
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5) if name.endswith("var") else buffer.uniform_(-0.1, 0.1)
        module.eval()
    return made


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    checkpoints.save(tiny(), path)
    return path


@pytest.mark.parametrize("name", sorted(name for name in BACKBONES if name.startswith("vgg")))
def test_torchvision_backbones_have_torchvision_parameters(name: str) -> None:
    with torch.device("meta"):
        ours = Backbone(BACKBONES[name]).state_dict()
        theirs = torchvision.models.get_model(name).state_dict()
    theirs = {key: value for key, value in theirs.items() if not key.startswith("classifier.6")}
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_features_are_fc2_of_torchvision(tmp_path: Path) -> None:
    torch.manual_seed(1)
    reference = torchvision.models.vgg11_bn(weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / "vgg11_bn.pth")
    backbone = load_backbone("vgg11_bn", tmp_path / "vgg11_bn.pth")
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        pooled = torch.flatten(reference.avgpool(reference.features(pixels)), 1)
        torch.testing.assert_close(backbone(pixels), reference.classifier[:5](pooled))


def test_slim_fits_its_budget() -> None:
    backbone = Backbone(BACKBONES["slim"])
    assert backbone(torch.zeros(2, 3, 224, 224)).shape == (2, 1280)
    assert backbone.maps(torch.zeros(2, 3, 224, 224)).shape == (2, 1280, 7, 7)
    assert sum(p.numel() for p in backbone.parameters()) < 8e6  # 15 MB as float16


def test_weights_that_do_not_fit_are_one_clear_error(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "short.pth")
    with pytest.raises(CheckpointError, match="weights of vgg16 are missing"):
        load_backbone("vgg16", tmp_path / "short.pth")
    (tmp_path / "text.pth").write_text("no weights at all")
    with pytest.raises(CheckpointError):
        load_backbone("vgg16", tmp_path / "text.pth")
    with pytest.raises(CheckpointError, match="no weights file"):
        load_backbone("vgg16", tmp_path / "none.pth")


def test_hostile_pickles_are_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("this must never run",))

    torch.save({"features.0.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError):
        load_backbone("vgg16", tmp_path / "evil.pth")


def test_downloads_that_fail_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.models.VGG16_Weights, "get_state_dict", refuse)
    with pytest.raises(CheckpointError, match="--weights FILE"):
        load_backbone("vgg16", download=True)


def test_nothing_is_downloaded_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(CheckpointError, match="download 528 MB with --download, or give a file"):
        load_backbone("vgg16")
    assert to_download("slim") == 0
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vgg16-397923af.pth").touch()
    assert to_download("vgg16") == 0


def test_a_checkpoint_rebuilds_its_model(saved: Path) -> None:
    before, after = tiny(), checkpoints.load(saved)
    assert after.configs == before.configs
    assert after.backbone.config == TINY
    assert len(after.fingerprint) == 64
    pixels = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        a, b = before.backbone(pixels), after.backbone(pixels)
        torch.testing.assert_close(a, b, rtol=2e-2, atol=2e-3)  # float16 weights
        torch.testing.assert_close(before.heads["words"](a), after.heads["words"](b), rtol=5e-2, atol=1e-2)


def test_saving_again_changes_nothing(saved: Path, tmp_path: Path) -> None:
    checkpoints.save(checkpoints.load(saved), tmp_path / "again.safetensors")
    assert checkpoints.load(tmp_path / "again.safetensors").fingerprint == checkpoints.load(saved).fingerprint


def test_damage_is_found(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-50] ^= 4  # a weight
    saved.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load(saved)


@pytest.mark.parametrize("length", [0, 4, 100, 2000])
def test_a_cut_off_file_is_one_clear_error(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(CheckpointError, match="no checkpoint or is cut off"):
        checkpoints.load(saved)


def test_foreign_and_newer_files(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="without devise's config"):
        checkpoints.load(tmp_path / "foreign.safetensors")
    about = json.dumps({"format": 1, "backbone": "slim"})
    save_file({"x": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"devise": about})
    with pytest.raises(CheckpointError, match="its backbone is str"):
        checkpoints.load(tmp_path / "odd.safetensors")
    about = json.dumps({"format": 99, "backbone": {}})
    save_file({"x": torch.zeros(2)}, tmp_path / "newer.safetensors", metadata={"devise": about})
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoints.load(tmp_path / "newer.safetensors")


def test_weights_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    made = tiny()
    checkpoints.save(made, path, in_bytes=True)
    found = checkpoints.load(path)
    for part, module in made.modules().items():
        for name, tensor in module.state_dict().items():
            row = tensor.abs().flatten(1).amax(1) if tensor.dim() > 1 else torch.ones(())
            error = (found.modules()[part].state_dict()[name] - tensor).abs()
            assert (error.flatten(1).amax(1) if tensor.dim() > 1 else error).le(row / 200 + 1e-6).all(), name
    checkpoints.save(found, path, in_bytes=True)
    assert checkpoints.backbone_fingerprint(checkpoints.load(path)) == checkpoints.backbone_fingerprint(found)
    np.testing.assert_allclose(read_classes(path).weights, found.heads["classes"].weights.detach().numpy())


@pytest.mark.parametrize("broken", ["lost", "short"])
def test_bytes_without_their_steps(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "small.safetensors"
    checkpoints.save(tiny(), path, in_bytes=True)
    about, arrays = read(path)
    name = "classes.layer.weight:steps"
    steps = arrays.pop(name)
    if broken == "short":
        arrays[name] = steps[:1]
    about["fingerprint"] = fingerprint(about, arrays)
    save_file({key: torch.tensor(value) for key, value in arrays.items()}, path, metadata={"devise": json.dumps(about)})
    with pytest.raises(CheckpointError, match="fit"):
        checkpoints.load(path)
    with pytest.raises(CheckpointError, match="fit"):
        read_classes(path)


@pytest.mark.parametrize("stride", [1, 2])
def test_format_1_is_read_where_it_means_the_same(saved: Path, stride: int) -> None:
    """It padded convolutions of stride 2 on both sides."""
    with safe_open(saved, "pt") as file:
        about = json.loads(file.metadata()["devise"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no iterator)
    about["format"], about["backbone"]["first_stride"] = 1, stride
    about["fingerprint"] = fingerprint(about, {name: tensor.numpy() for name, tensor in tensors.items()})
    save_file(tensors, saved, metadata={"devise": json.dumps(about)})
    if stride == 1:
        assert checkpoints.load(saved).fingerprint == about["fingerprint"]
    else:
        with pytest.raises(CheckpointError, match="train it anew"):
            checkpoints.load(saved)


def test_a_missing_checkpoint_names_those_there_are(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVISE_CHECKPOINTS", str(saved.parent))
    with pytest.raises(CheckpointError, match=r"there are:.*tiny"):
        checkpoints.load("nothing")
    assert checkpoints.load("tiny").name == "tiny"


def test_a_file_where_the_folder_should_be_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        checkpoints.save(tiny(), tmp_path / "file" / "x.safetensors")


def test_the_encoder_gives_unit_rows_in_every_space(saved: Path) -> None:
    encoder = Encoder.open(saved)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    spaces = encoder.encode(pixels)
    assert {space.name: space.dim for space in encoder.info.spaces} == {"words": 5, "features": 16}
    for space in encoder.info.spaces:
        rows = spaces[space.name]
        assert rows.shape == (4, space.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "power"])
def test_folding_batch_norm_changes_no_number(saved: Path, kind: str) -> None:
    made = tiny()
    head = made.add_head(replace(made.configs["words"], input=kind))
    for name, buffer in head.named_buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5) if name.endswith("var") else buffer.uniform_(-0.1, 0.1)
    checkpoints.save(made, saved)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    plain = Encoder(checkpoints.load(saved)).encode(pixels)
    fused = Encoder.open(saved).encode(pixels)
    for space in ("features", "words"):
        np.testing.assert_allclose(fused[space], plain[space], atol=1e-5)


def test_a_picture_that_excites_nothing_has_a_vector(saved: Path) -> None:
    encoder = Encoder.open(saved)
    encoder.checkpoint.backbone.top[0].bias.data.fill_(-1e3)  # no feature is ever active
    rows = encoder.encode(np.zeros((2, 32, 32, 3), np.uint8))["features"]
    np.testing.assert_allclose(rows, 0.25, rtol=1e-5)


def test_pixels_of_another_size_are_refused(saved: Path) -> None:
    with pytest.raises(ValueError, match="this model takes"):
        Encoder.open(saved).encode(np.zeros((1, 16, 16, 3), np.uint8))


def test_another_preprocessing_is_another_model(tmp_path: Path) -> None:
    a, b = tiny(), tiny()
    b.backbone.config = replace(TINY, preprocessing=Preprocessing(size=32, resize="crop"))
    checkpoints.save(a, tmp_path / "a.safetensors")
    checkpoints.save(b, tmp_path / "b.safetensors")
    assert a.fingerprint != b.fingerprint


def test_a_name_is_ours_before_it_is_a_file_here(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVISE_CHECKPOINTS", str(saved.parent))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("tiny").write_text("something else of that name")
    assert find("tiny") == saved
    assert find("./../tiny.safetensors").samefile(saved)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        find("x" * 300)


@pytest.mark.parametrize("part", ["heads", "training", "fingerprint"])
def test_a_config_without_a_part_is_one_clear_error(saved: Path, part: str) -> None:
    with safe_open(saved, framework="pt") as file:
        about = json.loads(file.metadata()["devise"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    del about[part]
    save_file(tensors, saved, metadata={"devise": json.dumps(about)})
    with pytest.raises(CheckpointError, match=f"damaged.*{part}"):
        checkpoints.load(saved)


def two_tongues(path: Path, anchors: np.ndarray) -> None:
    """A checkpoint with a second words head, for the vectors "tiny", of which it knows only the labels'."""
    made = tiny()
    labels = ("red", "blue")
    head = HeadConfig(kind="words", num_features=made.backbone.config.num_features, num_out=anchors.shape[1],
                      labels=labels, vectors="tiny", anchored=True, input="power")  # fmt: skip
    made.add_head(head, "words:tiny").anchors.copy_(torch.from_numpy(anchors))
    checkpoints.save(made, path)


def test_the_head_for_the_vectors_in_use_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVISE_EMBEDDINGS", str(tmp_path))
    words = ["red", "green", "blue"]
    rows = np.random.default_rng(0).normal(size=(3, 5))
    write_vectors(tmp_path / "tiny.safetensors", words, rows, source="drawn at random")
    vectors = WordVectors.open("tiny")
    two_tongues(tmp_path / "both.safetensors", np.stack([vectors.vector("red"), vectors.vector("blue")]))
    plain = Encoder.open(tmp_path / "both.safetensors")
    assert plain.info.space("words").vectors != "tiny"
    use_vectors("tiny")
    chosen = open_encoder(tmp_path / "both.safetensors", None)
    assert chosen.info.space("words").vectors == "tiny"
    assert chosen.info.space("words").vectors_fingerprint == vectors.fingerprint
    assert chosen.labels == ("red", "blue")
    assert chosen.info.fingerprint != plain.info.fingerprint
    assert chosen.encode(np.zeros((1, chosen.size, chosen.size, 3), np.uint8))["words"].shape == (1, 5)
    use_vectors("minilm")  # a library remembers, whatever is in use now
    monkeypatch.setenv("DEVISE_CHECKPOINTS", str(tmp_path))
    assert open_encoder(None, chosen.info).info == chosen.info


def test_vectors_of_that_name_with_other_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVISE_EMBEDDINGS", str(tmp_path))
    random = np.random.default_rng(0)
    write_vectors(tmp_path / "tiny.safetensors", ["red", "blue"], random.normal(size=(2, 5)), source="drawn")
    two_tongues(tmp_path / "both.safetensors", unit(random.normal(size=(2, 5))))
    use_vectors("tiny")
    with pytest.raises(LibraryError, match="learnt other vectors"):
        open_encoder(tmp_path / "both.safetensors", None)
