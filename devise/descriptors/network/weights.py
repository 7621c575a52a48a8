"""Where a backbone's weights come from: a checkpoint of ours, a file, or torchvision's download."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from devise import config
from devise.descriptors.network import checkpoint
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BACKBONES
from devise.descriptors.network.format import RANGES, Arrays, find, read
from devise.errors import CheckpointError


def load_backbone(name: str, weights: Path | None = None, download: bool = False) -> Backbone:
    """A backbone with trained weights, in evaluation mode.

    name: "slim" (the one that ships), one of torchvision's VGGs, or a checkpoint, whose backbone is taken.
    download: whether torchvision may download its weights where it has not yet.
    weights: a .pth or .safetensors file with torchvision's parameter names, in place of torchvision's download.
    Raises CheckpointError when the weights cannot be had or do not fit.
    """
    if name == "pixels":
        return Backbone(BACKBONES[name]).eval()
    if name not in BACKBONES or (name == "slim" and weights is None):
        return checkpoint.load(config.SHIPPED_MODEL if name == "slim" else name).backbone
    state = _from_file(weights) if weights else _from_torchvision(name, download)
    backbone = Backbone(BACKBONES[name])
    wanted = backbone.state_dict()
    # the last layer, ImageNet's classes, is a head and not part of the backbone
    state = {
        key: value.float() if value.is_floating_point() else value for key, value in state.items() if key in wanted
    }
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise CheckpointError(
            f"{weights or name}: {len(missing)} of {len(wanted)} weights of {name} are missing, first {missing[0]}; "
            f"give a file with torchvision's names for {name}"
        )
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"{weights or name} does not fit {name}: {str(error).splitlines()[-1].strip()}"
        ) from error
    return backbone.eval()


def backbone_ranges(name: str, weights: Path | None = None) -> Arrays:
    """Between which numbers the inputs of its layers lie, where it is from a checkpoint that tells.

    With them its features are computed in bytes, as they are when photos are indexed. Raises CheckpointError.
    """
    if weights is not None or (name in BACKBONES and name != "slim"):
        return {}
    _, arrays = read(find(config.SHIPPED_MODEL if name == "slim" else name))
    return {key: rows for key, rows in arrays.items() if key == RANGES + "backbone"}


def _from_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"no weights file {path}; check the path")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"cannot read weights {path} ({str(error).splitlines()[0][:120]}); download it again"
        ) from error
    except Exception as error:  # pickle.UnpicklingError and whatever a hostile pickle causes
        raise CheckpointError(
            f"{path} is no file of plain weights ({type(error).__name__}); give a state dict"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is no state dict; save model.state_dict() with torchvision's names")
    return state


def to_download(name: str) -> int:
    """Megabytes of torchvision's weights of a backbone that are not here yet; 0 where nothing is to be downloaded."""
    if name not in BACKBONES or name in ("slim", "pixels"):
        return 0
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    return 0 if os.path.isfile(file) else round(weights.meta["_file_size"])


def _from_torchvision(name: str, download: bool) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights

    if not download and (megabytes := to_download(name)):
        raise CheckpointError(f"torchvision's weights of {name} are not here; download {megabytes} MB with --download, "
                              "or give a file of them with --weights")  # fmt: skip

    try:
        weights = get_model_weights(name).DEFAULT
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a bad hash is a RuntimeError
        raise CheckpointError(
            f"cannot download torchvision's weights of {name} ({error}); with a file at hand use --weights FILE"
        ) from error
    return state
