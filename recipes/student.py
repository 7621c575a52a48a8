"""The student: a slim VGG whose blocks answer to the teacher's, so that they can learn side by side.

A deep layer cannot learn much while the layers before it know nothing. So at first every block gets what the teacher's
blocks before it made, and regresses what the teacher's block makes of it; then two blocks in a row, then four, then the
whole network learns as one ("block-wise" distillation; Li et al., "Block-wisely supervised neural architecture search
with knowledge distillation", 2020). What stands between two blocks is a linear projection to the teacher's channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.model.backbones import BACKBONES, Backbone
from recipes.teacher import Teacher

CONFIG = BACKBONES["slim"]
MEAN = torch.tensor(CONFIG.preprocessing.mean).view(1, 3, 1, 1)
STD = torch.tensor(CONFIG.preprocessing.std).view(1, 3, 1, 1)
NUM_BLOCKS = 15  # the first of ours answers to the first three of the teacher


class Taught:
    """What the teacher says of a batch, the maps of its blocks scaled to mean 0 and variance 1 in each channel.

    spread, pooled_spread: variance of the last map over positions and of its averages over photos, per channel.
    """

    def __init__(self, teacher: Teacher, sample: Tensor) -> None:
        self.teacher = teacher
        blocks, last, _ = teacher(sample)
        maps = blocks[2:]
        self.spread, self.pooled_spread = _floored(last.var((0, 2, 3))), _floored(last.mean((2, 3)).var(0))
        self.means = [m.mean((0, 2, 3), keepdim=True) for m in maps]
        self.stds = [m.std((0, 2, 3), keepdim=True) for m in maps]

    def __call__(self, pixels: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        maps, last, logits = self.teacher(pixels)
        return [(x - m) / s for x, m, s in zip(maps[2:], self.means, self.stds, strict=True)], last, logits


class Student(nn.Module):
    """The backbone with the classifier; the last convolution and the classifier start as the teacher's own."""

    def __init__(self, taught: Taught) -> None:
        super().__init__()
        self.backbone = Backbone(CONFIG)
        self.classes = nn.Linear(CONFIG.num_features, 1000)
        self.classes.load_state_dict(taught.teacher.fc)
        weight, bias = taught.teacher.convs["Conv_1"]
        weight, std = weight[:, :, 0, 0], taught.stds[-1].flatten()
        conv, norm = self.backbone.top[0], self.backbone.top[1]
        with torch.no_grad():
            conv.weight.copy_((weight * std)[:, :, None, None])
            spread = (weight * std).square().sum(1).sqrt()  # as if channels were independent; batch norm learns better
            norm.running_var.copy_(spread**2)
            norm.weight.copy_(spread)
            norm.bias.copy_(bias + weight @ taught.means[-1].flatten())

    def blocks(self) -> list[nn.Sequential]:
        """The backbone cut after each projection."""
        modules = list(self.backbone.features)
        ends = [i + 1 for i, m in enumerate(modules) if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
        return [nn.Sequential(*modules[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    def forward(self, pixels: Tensor, theirs: Sequence[Tensor] = (), run: int = NUM_BLOCKS) -> list[Tensor]:
        """The map after each block; every `run` blocks we go on from the teacher's map instead of our own."""
        x, maps = pixels, []
        for i, block in enumerate(self.blocks()):
            if i and i % run == 0:
                x = theirs[i - 1]
            x = block(x)
            maps.append(x)
        return maps


def normalized(pixels: Tensor) -> Tensor:
    """(n, 3, h, w) in 0..1 -> what the backbone takes, channels last."""
    return ((pixels - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def unexplained(ours: Tensor, theirs: Tensor, spread: Tensor | None = None) -> Tensor:
    """Share of each channel's variance (its `spread`, else 1) that ours leaves unexplained, its mean over channels."""
    missed = (ours - theirs).square().transpose(0, 1).flatten(1).mean(1)
    return (missed if spread is None else missed / spread).mean()


def _floored(variances: Tensor) -> Tensor:
    """Channels that hardly ever speak count as if they spoke a tenth as much as the others."""
    return variances.clamp(min=0.1 * variances.mean())


def divergence(logits: Tensor, theirs: Tensor) -> Tensor:
    return F.kl_div(logits.log_softmax(1), theirs.softmax(1), reduction="batchmean")
