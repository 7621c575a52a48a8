"""What codes of pixels keep of a photo, as a picture: some photos, what the encoder sees of them, and them rebuilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from devise.descriptors.network.checkpoint import load
from devise.files import replacing
from devise.photos import save_png, sheet_of
from devise.training.assembly import Assembly
from devise.training.objectives.autoencoder import Autoencoder
from devise.training.objectives.base import Heads
from devise.training.sources import Cached

PICTURE = "rebuilt.png"
SHOWN = 16  # photos


@torch.no_grad()
def draw_rebuilt(path: Path, assembly: Assembly, folder: Path) -> Path | None:
    """Of the checkpoint at `path`, in the folder of its run; None where nothing was learnt of pixels."""
    learnt = [one for one in assembly.objectives if isinstance(one, Autoencoder)]
    config = assembly.checkpoint.backbone.config
    if not learnt or config.top != "pixels" or not isinstance(assembly.source, Cached):
        return None
    rows = (assembly.validation if len(assembly.validation) else assembly.training)[:SHOWN]
    features, heads = assembly.source.features[rows, 0].float(), load(path).heads
    torch.manual_seed(assembly.options.seed)
    hidden = features * (torch.rand_like(features) >= learnt[0].noise)
    lines = [features, *([hidden] if learnt[0].noise else []), rebuilt(features, heads, learnt[0])]
    size = config.preprocessing.size
    with replacing(folder / PICTURE) as temporary:
        save_png(sheet_of([_pixels(line, size) for line in lines]), temporary)
    return folder / PICTURE


def rebuilt(features: Tensor, heads: Heads, objective: Autoencoder) -> Tensor:
    """As bright as they were: codes are of roots of length 1."""
    found: Tensor = heads["decoder"](objective.codes(heads[objective.name], features))
    return found.clamp(min=0) ** 2 * features.sum(1, keepdim=True)


def _pixels(features: Tensor, size: int) -> NDArray[np.uint8]:
    """(n, 3 * size * size) from 0 to 1 -> (n, size, size, 3)"""
    pictures = features.view(-1, 3, size, size).permute(0, 2, 3, 1).clamp(0, 1) * 255
    return pictures.round().to(torch.uint8).numpy()
