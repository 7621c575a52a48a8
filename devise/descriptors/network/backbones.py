"""One class builds all VGG backbones, from the lists of numbers and letters in devise.descriptors.network.config."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.descriptors.network.config import BackboneConfig, Layer, trunk


class Backbone(nn.Module):
    """A VGG trunk from pixels to features. Parameter names are torchvision's, so its weights load as they are.

    >>> from devise.descriptors.network.config import BACKBONES
    >>> backbone = Backbone(BACKBONES["slim"]).eval()
    >>> backbone(torch.zeros(2, 3, 224, 224)).shape
    torch.Size([2, 1280])
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.features = nn.Sequential(*map(_module, trunk(config)))
        if config.top == "fc":
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, config.num_hidden), nn.ReLU(inplace=True), nn.Dropout(),
                nn.Linear(config.num_hidden, config.num_features), nn.ReLU(inplace=True),
            )  # fmt: skip
        elif config.top == "conv":
            width = [int(str(entry).removeprefix("P")) for entry in config.layers if entry not in ("M", "S")][-1]
            self.top = nn.Sequential(
                nn.Conv2d(width, config.num_features, 1, bias=False),
                nn.BatchNorm2d(config.num_features),
                nn.ReLU(inplace=True),
            )

    def maps(self, pixels: Tensor) -> Tensor:
        """The last convolutional map: (n, 3, h, w) -> (n, channels, h/32, w/32)."""
        x: Tensor = self.features(pixels)
        return self.top(x) if self.config.top == "conv" else x

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.maps(pixels)
        if self.config.top == "pixels":
            return x.flatten(1)
        if self.config.top == "fc":
            features: Tensor = self.classifier(torch.flatten(self.avgpool(x), 1))
            return features  # (n, num_features)
        return x.mean((2, 3))  # (n, channels, h, w) -> (n, num_features)

    def views(self, pixels: Tensor) -> Tensor:
        """Features of the whole photo, then of its parts: (n, 3, h, w) -> (n, 1 + parts * parts, num_features)."""
        if not self.config.parts:
            whole: Tensor = self(pixels)
            return whole[:, None]
        maps = self.maps(pixels)
        return torch.cat([maps.mean((2, 3))[:, None], cells(maps, self.config.parts)], 1)


def cells(maps: Tensor, side: int) -> Tensor:
    """Averages over side x side cells of a map, at 256 pixels its positions: (n, c, h, w) -> (n, side * side, c)."""
    return F.adaptive_avg_pool2d(maps, side).flatten(2).transpose(1, 2)


class _Strided(nn.Conv2d):
    """A convolution of stride 2; where it pads is told at `devise.descriptors.network.config.Layer`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride)


def _module(layer: Layer) -> nn.Module:
    if layer.kind == "pool":
        return nn.MaxPool2d(2)
    if layer.kind == "norm":
        return nn.BatchNorm2d(layer.width)
    if layer.kind == "relu":
        return nn.ReLU(inplace=True)
    if layer.stride == 2:
        return _Strided(layer.width_in, layer.width, layer.kernel, 2, bias=layer.bias)
    return nn.Conv2d(layer.width_in, layer.width, layer.kernel, padding=layer.kernel // 2, bias=layer.bias)
