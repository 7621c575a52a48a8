"""Where a training step gets its features: from the cache, or through a backbone whose last blocks learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.encoder import Encoder
from devise.errors import PhotoError, TrainingError
from devise.training.features import decoded
from devise.training.options import TrainOptions

PARTS_A_STEP = 8  # of 64


class Source(Protocol):
    """Gives features (n, views, num_features) of rows (numbers of photos), in batches, and the rows it could read."""

    device: torch.device
    skipped: dict[str, PhotoError]  # photos that could not be read, by path

    def batches(self, rows: Tensor, batch: int, *, train: bool) -> Iterator[tuple[Tensor, Tensor]]: ...

    def parameters(self) -> list[nn.Parameter]: ...


@dataclass
class Cached:
    """Features that were computed once: (n, views, num_features) float16."""

    features: Tensor
    device: torch.device
    skipped: dict[str, PhotoError]  # photos that could not be read, by path

    def batches(self, rows: Tensor, batch: int, *, train: bool) -> Iterator[tuple[Tensor, Tensor]]:
        for part in torch.split(rows, batch):
            if len(part) > 1 or not train:  # batch norm cannot learn from one row
                features = self.features[part]
                yield (some_parts(features) if train else features).to(self.device).float(), part

    def parameters(self) -> list[nn.Parameter]:
        return []


class Photos:
    """Photos decoded anew each epoch, mirrored at random, through a backbone whose last blocks learn."""

    def __init__(self, paths: Sequence[str], checkpoint: Checkpoint, options: TrainOptions) -> None:
        self.paths, self.threads, self.limits = paths, options.threads, options.photos
        self.skipped: dict[str, PhotoError] = {}
        self.backbone = checkpoint.backbone
        self.encoder = Encoder(checkpoint)
        self.learning = last_blocks(self.backbone, options.unfreeze)
        self.device = next(self.backbone.parameters()).device
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(False)
        for parameter in self.parameters():
            parameter.requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        return [p for module in self.learning for p in module.parameters()]

    def batches(self, rows: Tensor, batch: int, *, train: bool) -> Iterator[tuple[Tensor, Tensor]]:
        self.backbone.eval()  # batch norm of frozen blocks keeps what it knows
        for module in self.learning:
            module.train(train)
        pixels: list[np.ndarray] = []
        kept: list[int] = []
        numbers = rows.tolist()
        for i, (row, picture) in enumerate(zip(numbers, self._pictures(numbers), strict=True)):
            if isinstance(picture, PhotoError):
                self.skipped[picture.path] = picture
            else:
                mirror = train and bool(torch.rand(()) < 0.5)
                pixels.append(picture[:, ::-1] if mirror else picture)
                kept.append(row)
            if (len(kept) == batch or i == len(numbers) - 1) and len(kept) > int(train):
                inputs = self.encoder.normalized(np.stack(pixels))
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                    features = self.backbone.views(inputs)
                yield (some_parts(features) if train else features).float(), torch.tensor(kept)
                pixels, kept = [], []

    def _pictures(self, rows: Sequence[int]) -> Iterator[np.ndarray | PhotoError]:
        paths, encoder = [self.paths[row] for row in rows], self.encoder
        return decoded(paths, encoder.size, encoder.resize, self.threads, self.limits)


def some_parts(views: Tensor) -> Tensor:
    """The whole photos and the same few parts of each: other parts in each step teach as much in less time."""
    parts = torch.randperm(views.shape[1] - 1)[:PARTS_A_STEP] + 1
    return views[:, torch.cat([torch.zeros(1, dtype=torch.long), parts]).to(views.device)]


def last_blocks(backbone: Backbone, count: int) -> list[nn.Module]:
    """The modules of the last `count` blocks of convolutions, with the layers on top of them.

    A block begins after pooling or with a convolution of stride 2. Raises TrainingError when there are fewer.
    """
    if backbone.config.top == "pixels":
        raise TrainingError("pixels have no blocks that could learn; leave --unfreeze out")
    modules = list(backbone.features)
    pools = [i + 1 for i, module in enumerate(modules[:-1]) if isinstance(module, nn.MaxPool2d)]
    strides = [i for i, module in enumerate(modules) if isinstance(module, nn.Conv2d) and module.stride[0] > 1]
    starts = sorted({0, *pools, *strides})
    if count > len(starts):
        raise TrainingError(
            f"unfreeze {count}: {backbone.config.name} has {len(starts)} blocks; give at most {len(starts)}"
        )
    top = backbone.classifier if backbone.config.top == "fc" else backbone.top
    return [*modules[starts[-count] :], top]
