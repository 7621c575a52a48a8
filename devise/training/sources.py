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
SHIFT = 16  # of a side: a photo is moved by such a part at most, as CIFAR's of 32 pixels are by 2 (Jordan, 2024)


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
    """Photos decoded anew each epoch, moved and mirrored at random, through a backbone whose last blocks learn."""

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
                pixels.append(moved(picture) if train else picture)
                kept.append(row)
            if (len(kept) == batch or i == len(numbers) - 1) and len(kept) > int(train):
                inputs = self.encoder.normalized(np.stack(pixels))
                with torch.autocast(self.device.type, torch.bfloat16, enabled=is_fast_in_bfloat16(self.device)):
                    features = self.backbone.views(inputs)
                yield (some_parts(features) if train else features).float(), torch.tensor(kept)
                pixels, kept = [], []

    def _pictures(self, rows: Sequence[int]) -> Iterator[np.ndarray | PhotoError]:
        paths, encoder = [self.paths[row] for row in rows], self.encoder
        return decoded(paths, encoder.size, encoder.resize, self.threads, self.limits)


def moved(picture: np.ndarray) -> np.ndarray:
    """Some pixels to a side and up or down, its edges mirrored, and half of them the other way round: (h, w, 3)."""
    most = max(1, len(picture) // SHIFT)
    y, x = torch.randint(0, 2 * most + 1, (2,)).tolist()
    padded = np.pad(picture, ((most, most), (most, most), (0, 0)), mode="reflect")
    part = padded[y : y + picture.shape[0], x : x + picture.shape[1]]
    return part[:, ::-1] if torch.rand(()) < 0.5 else part


def is_fast_in_bfloat16(device: torch.device) -> bool:
    """Where a processor has no instruction for it, it is slower than float32."""
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())


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
