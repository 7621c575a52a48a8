"""A checkpoint is one safetensors file that rebuilds its own model: config, weights, labels; never a pickle of code."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from devise import config
from devise.errors import CheckpointError
from devise.files import replacing
from devise.model.backbones import Backbone, BackboneConfig
from devise.model.heads import ClassesHead, HeadConfig, WordsHead, build
from devise.vectors import ModelInfo, Space

FORMAT = 2  # 1 padded convolutions of stride 2 on both sides; without such, the two are the same
SUFFIX = ".safetensors"
HALF_MAX = 6e4  # float16 ends at 65,504


@dataclass
class Checkpoint:
    """A backbone with its heads and how they were trained.

    fingerprint: sha256 of all weights and of what decides how photos become vectors; empty until saved.
    """

    name: str
    backbone: Backbone
    heads: dict[str, WordsHead | ClassesHead] = field(default_factory=dict)
    configs: dict[str, HeadConfig] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    path: Path | None = None  # the file it was loaded from

    def add_head(self, head: HeadConfig, name: str | None = None) -> WordsHead | ClassesHead:
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
            self.fingerprint = hashlib.sha256(f"{self.fingerprint} {name}".encode()).hexdigest()

    @property
    def info(self) -> ModelInfo:
        spaces = [Space(name="features", dim=self.backbone.config.num_features)]
        words = self.configs.get("words")
        if words is not None:
            spaces.insert(
                0,
                Space(
                    name="words",
                    dim=words.num_out,
                    vectors=words.vectors,
                    fingerprint=words.fingerprint,
                    num_parts=self.backbone.config.kept_parts,
                    scale=words.scale,
                    bias=words.bias,
                    photo_scale=words.photo_scale,
                    photo_bias=words.photo_bias,
                ),
            )
        return ModelInfo(name=self.name, fingerprint=self.fingerprint, spaces=tuple(spaces))

    def modules(self) -> dict[str, nn.Module]:
        return {"backbone": self.backbone, **self.heads}


def find(name: str | Path) -> Path:
    """The file of a checkpoint given by name or path. Raises CheckpointError naming those that exist."""
    path, folders = Path(name), [config.own_folder("checkpoints"), config.shipped("checkpoints")]
    named = [folder / f"{name}{SUFFIX}" for folder in folders]
    direct = [path, path.with_name(path.name + SUFFIX)] if path.name else []
    # a bare name is a checkpoint of ours, even where the working folder has a file of that name
    candidates = [*direct, *named] if path.suffix == SUFFIX or len(path.parts) > 1 else [*named, *direct]
    for candidate in candidates:
        if os.path.isfile(candidate):  # False, not an OSError, for a name that is too long or forbidden
            return candidate
    known = sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob(f"*{SUFFIX}")})
    there = f"there are: {', '.join(known)}" if known else "train one with: devise train FOLDER --out NAME"
    raise CheckpointError(f"no checkpoint {name}; {there}")


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the file whole or not at all, and set the checkpoint's fingerprint.

    Matrices and kernels are stored as float16, which halves the file.
    Raises WriteError.
    """
    tensors = {
        f"{part}.{name}": _compact(tensor)
        for part, module in checkpoint.modules().items()
        for name, tensor in module.state_dict().items()
    }
    about: dict[str, Any] = {
        "format": FORMAT,
        "name": checkpoint.name,
        "backbone": checkpoint.backbone.config.to_json(),
        "heads": {name: head.to_json() for name, head in checkpoint.configs.items()},
        "training": checkpoint.training,
    }
    checkpoint.fingerprint = about["fingerprint"] = _fingerprint(about, tensors)
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
    about, tensors = _read(path)
    try:
        checkpoint = Checkpoint(name=path.stem, backbone=Backbone(BackboneConfig.from_json(about["backbone"])))
        for key, head in about["heads"].items():
            checkpoint.add_head(HeadConfig.from_json(head), key)
        for part, module in checkpoint.modules().items():
            state = {k.removeprefix(f"{part}."): v.float() if v.is_floating_point() else v
                     for k, v in tensors.items() if k.startswith(f"{part}.")}  # fmt: skip
            module.load_state_dict(state)
            module.eval()
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: weights and config do not fit each other ({_first_line(error)}); {AGAIN}"
        ) from error
    checkpoint.training = about["training"]
    checkpoint.fingerprint, checkpoint.path = about["fingerprint"], path
    return checkpoint


def backbone_fingerprint(checkpoint: Checkpoint) -> str:
    """sha256 of what decides the features of a photo: backbone config and weights, whatever the heads."""
    tensors = {name: _compact(tensor) for name, tensor in checkpoint.backbone.state_dict().items()}
    return _fingerprint({"backbone": checkpoint.backbone.config.to_json(), "heads": {}}, tensors)


AGAIN = "copy the file again or train anew"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no iterator)
        about = json.loads(metadata.get("devise", "null"))
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is no checkpoint or is cut off ({_first_line(error)}); {AGAIN}") from error
    if not isinstance(about, dict) or "backbone" not in about:
        raise CheckpointError(
            f"{path} is a safetensors file without devise's config; give a checkpoint of devise train"
        )
    _check_format(path, about)
    missing = [part for part in ("heads", "training", "fingerprint") if part not in about]
    if missing:
        raise CheckpointError(f"{path} is damaged: its config lacks {', '.join(missing)}; {AGAIN}")
    if _fingerprint(about, tensors) != about.get("fingerprint"):
        raise CheckpointError(f"{path} is damaged: its weights do not match its fingerprint; {AGAIN}")
    return about, tensors


def _check_format(path: Path, about: Mapping[str, Any]) -> None:
    made, backbone = about.get("format"), about["backbone"]
    if made == 1:
        if not isinstance(backbone, dict) or backbone.get("first_stride") != 1:
            raise CheckpointError(
                f"{path} has checkpoint format 1, which this devise reads for VGG only; train it anew"
            )
    elif made != FORMAT:
        raise CheckpointError(f"{path} has checkpoint format {made}, this devise reads up to {FORMAT}; update devise")


def _fingerprint(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps([about["backbone"], about["heads"]], sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _compact(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    half = tensor.dim() > 1 and tensor.is_floating_point() and bool(tensor.abs().max() < HALF_MAX)
    return tensor.half() if half else tensor.clone()


def _first_line(error: Exception) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)[:120]
