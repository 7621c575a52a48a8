"""The student: a slim VGG whose blocks answer to the teacher's.

A deep layer cannot learn much while the layers before it know nothing. So every block has a target of its own, what the
teacher's block makes of the photo ("block-wise" distillation; Li et al., "Block-wisely supervised neural architecture
search with knowledge distillation", 2020), and does not start from noise (recipes.solve). What stands between two
blocks is a linear projection to the teacher's channels.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BACKBONES, BackboneConfig
from recipes.teacher import Teacher

CONFIG = BACKBONES["slim"]
MEAN = torch.tensor(CONFIG.preprocessing.mean).view(1, 3, 1, 1)
STD = torch.tensor(CONFIG.preprocessing.std).view(1, 3, 1, 1)
STEM = 2  # projections in the first block, which answers to the teacher's first three blocks
NUM_BLOCKS = 15


class Taught:
    """What the teacher says of a batch, the maps of its blocks scaled to mean 0 and variance 1 in each channel.

    spread, pooled_spread: variance of the last map over positions and of its averages over photos, per channel.
    """

    def __init__(self, teacher: Teacher, sample: Tensor) -> None:
        self.teacher = teacher
        blocks, last, _ = teacher(sample)
        maps = blocks[STEM:]
        self.spread, self.pooled_spread = _floored(last.var((0, 2, 3))), _floored(last.mean((2, 3)).var(0))
        self.means = [m.mean((0, 2, 3), keepdim=True) for m in maps]
        self.stds = [m.std((0, 2, 3), keepdim=True) for m in maps]

    def __call__(self, pixels: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        maps, last, logits = self.teacher(pixels)
        return [(x - m) / s for x, m, s in zip(maps[STEM:], self.means, self.stds, strict=True)], last, logits

    def hidden(self, theirs: Tensor, block: int) -> Tensor:
        """What the teacher's block makes of the (scaled) map before it, up to its last ReLU6."""
        return self.teacher.hidden(theirs * self.stds[block - 1] + self.means[block - 1], block + STEM)


class Student(nn.Module):
    """The backbone with the classifier; the last convolution and the classifier start as the teacher's own."""

    def __init__(self, taught: Taught, config: BackboneConfig = CONFIG) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.classes = nn.Linear(config.num_features, 1000)
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

    def take_first_layer(self, vgg16: Path) -> None:
        """Start from the strongest filters of VGG16's first convolution."""
        first = self.backbone.features[0].weight
        with safe_open(vgg16, "pt") as weights, torch.no_grad():
            filters = weights.get_tensor("features.0.weight").float()
            strongest = filters.flatten(1).norm(dim=1).argsort(descending=True)[: len(first)]
            first.copy_(filters[strongest])

    def blocks(self) -> list[nn.Sequential]:
        """The backbone cut after the projections, except after those within the first block."""
        modules = list(self.backbone.features)
        ends = [i + 1 for i, m in enumerate(modules) if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
        return [nn.Sequential(*modules[a:b]) for a, b in pairwise([0, *ends[STEM - 1 :]])]

    def forward(self, pixels: Tensor, count: int) -> list[Tensor]:
        """The map after each of the first `count` blocks."""
        x, maps = pixels, []
        for block in self.blocks()[:count]:
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


def divergence(logits: Tensor, theirs: Tensor) -> Tensor:
    return F.kl_div(logits.log_softmax(1), theirs.softmax(1), reduction="batchmean")


def _floored(variances: Tensor) -> Tensor:
    """Channels that hardly ever speak count as if they spoke a tenth as much as the others."""
    return variances.clamp(min=0.1 * variances.mean())
