"""A checkpoint is one safetensors file that rebuilds its own model: config, weights, labels; never a pickle of code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from devise.descriptors.network import format
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.codes import Code, codes_of
from devise.descriptors.network.config import CODES, BackboneConfig, HeadConfig, model_info
from devise.descriptors.network.format import (
    AGAIN,
    FORMAT,
    RANGES,
    Arrays,
    find,
    fingerprint,
    first_line,
    read,
    widened,
)
from devise.descriptors.network.heads import Head, build
from devise.errors import CheckpointError
from devise.files import replacing
from devise.spaces import ModelInfo, speaking

HALF_MAX = 6e4  # float16 ends at 65,504


@dataclass
class Checkpoint:
    """A backbone with its heads and how they were trained.

    fingerprint: sha256 of all weights and of what decides how photos become vectors; empty until saved.
    """

    name: str
    backbone: Backbone
    heads: dict[str, Head] = field(default_factory=dict)
    configs: dict[str, HeadConfig] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Tensor] = field(
        default_factory=dict
    )  # what computing in bytes needs (devise.descriptors.network.calibrate)
    fingerprint: str = ""
    path: Path | None = None  # the file it was loaded from

    def add_head(self, head: HeadConfig, name: str | None = None) -> Head:
        """A new untrained head under `name` (else that of its kind), in place of one that was there."""
        name = name or head.kind
        self.configs[name] = head
        self.heads[name] = build(head)
        return self.heads[name]

    def head_for(self, vectors: str) -> str | None:
        """The name of the words head that regresses those word vectors."""
        fitting = (name for name, head in self.configs.items() if head.kind == "words" and head.vectors == vectors)
        return next(fitting, None)

    def speak(self, vectors: str) -> None:
        """Make the head for those word vectors the `words` head: another model, with a fingerprint of its own."""
        name = self.head_for(vectors)
        if name is None:
            raise KeyError(vectors)
        if name != "words":
            self.configs["words"], self.heads["words"] = self.configs[name], self.heads[name]
            self.fingerprint = speaking(self.fingerprint, name)

    @property
    def info(self) -> ModelInfo:
        return model_info(self.name, self.fingerprint, self.backbone.config, self.configs.get("words"), self.configs)

    def codes(self) -> tuple[Code, ...]:
        """The heads that make rows of features, as they are now."""
        arrays = {f"{name}.{key}": tensor.detach().cpu().numpy() for name, head in self.heads.items()
                  for key, tensor in head.state_dict().items() if self.configs[name].kind in CODES}  # fmt: skip
        return codes_of(self.configs, arrays)

    def modules(self) -> dict[str, nn.Module]:
        return {"backbone": self.backbone, **self.heads}


def save(checkpoint: Checkpoint, path: Path, *, in_bytes: bool = False) -> None:
    """Write the file whole or not at all, and set the checkpoint's fingerprint.

    Matrices and kernels are stored as float16, which halves the file; in_bytes: as bytes, with a step for each row.
    Raises WriteError.
    """
    tensors = {
        f"{part}.{name}": _compact(tensor)
        for part, module in checkpoint.modules().items()
        for name, tensor in module.state_dict().items()
    }
    if in_bytes:
        tensors |= {name: part for whole, tensor in tensors.items() if tensor.dtype == torch.float16
                    for name, part in _bytes(whole, tensor).items()}  # fmt: skip
    tensors |= checkpoint.ranges
    about: dict[str, Any] = {
        "format": FORMAT,
        "name": checkpoint.name,
        "backbone": checkpoint.backbone.config.to_json(),
        "heads": {name: head.to_json() for name, head in checkpoint.configs.items()},
        "training": checkpoint.training,
    }
    checkpoint.fingerprint = about["fingerprint"] = fingerprint(about, _arrays(tensors))
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"devise": json.dumps(about)})
        except SafetensorError as error:  # it wraps a full disk
            raise OSError(str(error)) from error


def load(name: str | Path) -> Checkpoint:
    """Rebuild a model from its file, in evaluation mode, as float32.

    Raises CheckpointError when the file is missing, foreign, from a newer devise, or damaged.
    """
    path = find(name)
    about, stored = read(path)
    try:
        arrays = widened(stored)
        with torch.device("meta"):  # shapes alone: a config may ask for more memory than its weights take
            checkpoint = Checkpoint(name=path.stem, backbone=Backbone(BackboneConfig.from_json(about["backbone"])))
            for key, head in about["heads"].items():
                checkpoint.add_head(HeadConfig.from_json(head), key)
        for part, module in checkpoint.modules().items():
            state = {k.removeprefix(f"{part}."): _tensor(v) for k, v in arrays.items() if k.startswith(f"{part}.")}
            module.load_state_dict(state, assign=True)
            module.eval()
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: weights and config do not fit each other ({first_line(error)}); {AGAIN}"
        ) from error
    checkpoint.training = about["training"]
    checkpoint.ranges = {name: torch.tensor(rows) for name, rows in arrays.items() if name.startswith(RANGES)}
    checkpoint.fingerprint, checkpoint.path = about["fingerprint"], path
    return checkpoint


def _tensor(array: NDArray[Any]) -> Tensor:
    tensor = torch.tensor(array)
    return tensor.float() if tensor.is_floating_point() else tensor


def backbone_fingerprint(checkpoint: Checkpoint) -> str:
    """sha256 of what decides the features of a photo: backbone config and weights, whatever the heads."""
    tensors = {name: _compact(tensor) for name, tensor in checkpoint.backbone.state_dict().items()}
    return fingerprint({"backbone": checkpoint.backbone.config.to_json(), "heads": {}}, _arrays(tensors))


def _compact(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    half = tensor.dim() > 1 and tensor.is_floating_point() and bool(tensor.abs().max() < HALF_MAX)
    return tensor.half() if half else tensor.clone()


def _bytes(name: str, tensor: Tensor) -> dict[str, Tensor]:
    numbers, steps = format.in_bytes(tensor.float().numpy())
    return {name: torch.from_numpy(numbers), name + format.STEPS: torch.from_numpy(steps)}


def _arrays(tensors: Mapping[str, Tensor]) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
