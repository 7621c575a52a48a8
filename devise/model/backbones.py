"""VGG backbones as data: a list of numbers and letters says how each trunk is built, one class builds them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.model.preprocess import IMAGENET, Preprocessing

Layers = tuple[int | str, ...]

# Simonyan and Zisserman, "Very Deep Convolutional Networks", 2015, table 1: configurations A and D.
VGG11: Layers = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
VGG16: Layers = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")  # fmt: skip
# Ours: each 3x3 convolution reads through a linear projection ("P24": a 1x1 convolution to 24 channels without ReLU),
# the low-rank factorisation of Jaderberg et al., "Speeding up convolutional neural networks", 2014; strides instead of
# pooling ("S" before a convolution; Springenberg et al., "Striving for simplicity", 2015). Each "P" ends one block, and
# answers to a block of the teacher (recipes.student).
SLIM: Layers = (
    32, "S", 96, "P24", 128, "P24",
    "S", 144, "P32", 128, "P32", 128, "P32",
    "S", 192, "P64", 256, "P64", 256, "P64", 256, "P64", 384, "P96", 384, "P96", 384, "P96",
    "S", 576, "P160", 960, "P160", 960, "P160", 960, "P320",
)  # fmt: skip

MAX_PARTS = 32  # a side: a photo of 1,024 parts


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Everything needed to build a backbone; stored in every checkpoint.

    layers: in order, output channels of 3x3 convolutions, "M" for 2x2 max pooling, "S" for stride 2 in the next
        convolution, "P24" for a linear 1x1 convolution to 24 channels.
    top: "fc" for VGG's two layers of 4096 on a 7x7 map (features = the second, after ReLU);
         "conv" for one 1x1 convolution of the last map (features = its average over positions).
    parts: side of the grid of cells of the last map that are looked at beside the whole photo (0: none).
    """

    name: str
    layers: Layers
    batch_norm: bool
    first_stride: int
    top: str
    num_features: int
    preprocessing: Preprocessing
    parts: int = 0

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> BackboneConfig:
        fields = {name: value for name, value in data.items() if name != "kept_parts"}  # of formats 1 and 2
        parts = fields.get("parts", 0)
        if not isinstance(parts, int) or not 0 <= parts <= MAX_PARTS or (parts and fields.get("top") != "conv"):
            raise ValueError(f"parts {parts!r} of a top {fields.get('top')!r}")
        fields["layers"] = tuple(fields["layers"])  # type: ignore[arg-type]
        fields["preprocessing"] = Preprocessing.from_json(fields["preprocessing"])  # type: ignore[arg-type]
        return cls(**fields)  # type: ignore[arg-type]


def _torchvision(name: str, layers: Layers, batch_norm: bool) -> BackboneConfig:
    return BackboneConfig(
        name=name, layers=layers, batch_norm=batch_norm, first_stride=1, top="fc",
        num_features=4096, preprocessing=IMAGENET,
    )  # fmt: skip


BACKBONES: dict[str, BackboneConfig] = {
    "vgg16": _torchvision("vgg16", VGG16, False),
    "vgg16_bn": _torchvision("vgg16_bn", VGG16, True),
    "vgg11_bn": _torchvision("vgg11_bn", VGG11, True),
    "slim": BackboneConfig(
        name="slim", layers=SLIM, batch_norm=True, first_stride=2, top="conv",
        num_features=1280, preprocessing=Preprocessing(size=256, resize="squash"), parts=8,
    ),
}  # fmt: skip


class Backbone(nn.Module):
    """A VGG trunk from pixels to features. Parameter names are torchvision's, so its weights load as they are.

    >>> backbone = Backbone(BACKBONES["slim"]).eval()
    >>> backbone(torch.zeros(2, 3, 224, 224)).shape
    torch.Size([2, 1280])
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.features = _convolutions(config)
        if config.top == "fc":
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(),
                nn.Linear(4096, config.num_features), nn.ReLU(inplace=True),
            )  # fmt: skip
        else:
            width = [int(str(entry).removeprefix("P")) for entry in config.layers if entry not in ("M", "S")][-1]
            self.top = nn.Sequential(
                nn.Conv2d(width, config.num_features, 1, bias=False),
                nn.BatchNorm2d(config.num_features),
                nn.ReLU(inplace=True),
            )

    def maps(self, pixels: Tensor) -> Tensor:
        """The last convolutional map: (n, 3, h, w) -> (n, channels, h/32, w/32)."""
        x: Tensor = self.features(pixels)
        return x if self.config.top == "fc" else self.top(x)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.maps(pixels)
        if self.config.top == "fc":
            features: Tensor = self.classifier(torch.flatten(self.avgpool(x), 1))
            return features  # (n, 4096)
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
    """A convolution of stride 2 that pads at the right and at the bottom only, as TensorFlow does.

    So its windows lie where the teacher's lie. With a pixel on each side they would miss a row and a column of those.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride)


def _convolutions(config: BackboneConfig) -> nn.Sequential:
    modules: list[nn.Module] = []
    width_in, stride = 3, config.first_stride
    for width in config.layers:
        if width == "M":
            modules.append(nn.MaxPool2d(2))
            continue
        if width == "S":
            stride = 2
            continue
        if isinstance(width, str):
            modules.append(nn.Conv2d(width_in, int(width[1:]), 1))
            width_in = int(width[1:])
            continue
        # A bias before batch norm does nothing, but torchvision's vgg*_bn weights have one.
        bias = not config.batch_norm or config.top == "fc"
        modules.append(
            _Strided(width_in, width, 3, stride, bias=bias)
            if stride == 2
            else nn.Conv2d(width_in, width, 3, padding=1, bias=bias)
        )
        if config.batch_norm:
            modules.append(nn.BatchNorm2d(width))
        modules.append(nn.ReLU(inplace=True))
        width_in, stride = width, 1
    return nn.Sequential(*modules)
