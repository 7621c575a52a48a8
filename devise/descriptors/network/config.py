"""What a model is, as data: backbones, heads, and the spaces that they answer in. Nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from devise.descriptors.network.preprocess import IMAGENET, Preprocessing
from devise.spaces import Calibration, Dtype, Metric, ModelInfo, Space

Layers = tuple[int | str, ...]

# Simonyan and Zisserman, "Very Deep Convolutional Networks", 2015, table 1: configurations A, B, D and E.
VGG11: Layers = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
VGG13: Layers = (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
VGG16: Layers = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")  # fmt: skip
VGG19: Layers = (
    64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M",
)  # fmt: skip
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

HIDDEN = 2000  # units between features and word vector, as in the reference (Ameisen, 2018)
SILENT = 1e-6  # added to features: a picture that excites none gets the neutral direction, others do not notice
TINY = 1e-12  # below a root: where a feature is 0 and the backbone learns, its slope would be infinite
EPSILON = 1e-5  # torch's batch norms
MAX_PARTS = 32  # a side: a photo of 1,024 parts
MAX_LAYERS, MAX_WIDTH = 1_000, 65_536  # many times those of the largest models


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Everything needed to build a backbone; stored in every checkpoint.

    layers: in order, output channels of 3x3 convolutions, "M" for 2x2 max pooling, "S" for stride 2 in the next
        convolution, "P24" for a linear 1x1 convolution to 24 channels.
    top: "fc" for VGG's two layers on a 7x7 map, of num_hidden and num_features units (features = the second, after
         ReLU; 4096 of each in torchvision's);
         "conv" for one 1x1 convolution of the last map (features = its average over positions);
         "pixels" for no layers at all: features are the pixels themselves, row by row, RGB from 0 to 1.
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
    num_hidden: int = 4096

    def to_json(self) -> dict[str, object]:
        fields = asdict(self)
        if self.num_hidden == BackboneConfig.num_hidden:  # versions before knew no other
            del fields["num_hidden"]
        return fields

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> BackboneConfig:
        fields = {name: value for name, value in data.items() if name != "kept_parts"}  # of formats 1 and 2
        parts = fields.get("parts", 0)
        if not isinstance(parts, int) or not 0 <= parts <= MAX_PARTS or (parts and fields.get("top") != "conv"):
            raise ValueError(f"parts {parts!r} of a top {fields.get('top')!r}")
        fields["layers"] = tuple(fields["layers"])  # type: ignore[arg-type]
        fields["preprocessing"] = Preprocessing.from_json(fields["preprocessing"])  # type: ignore[arg-type]
        return cls(**fields).checked()  # type: ignore[arg-type]

    def checked(self) -> BackboneConfig:
        """Itself. Raises ValueError for what no machine could build, TypeError for what is no config."""
        if self.top == "pixels":
            return self._checked_pixels()
        layers = [layer[1:] if isinstance(layer, str) and layer[:1] == "P" else layer for layer in self.layers]
        widths = [int(width) for width in layers if width not in ("M", "S")]
        smaller = sum(layer in ("M", "S") for layer in layers) + (self.first_stride == 2)
        if not widths or len(layers) > MAX_LAYERS or not 0 < min(widths) <= max(widths) <= MAX_WIDTH:
            raise ValueError(f"{len(layers)} layers of widths up to {max(widths, default=0)}")
        if self.first_stride not in (1, 2) or self.top not in ("fc", "conv"):
            raise ValueError(f"first stride {self.first_stride}, top {self.top!r:.20}")
        if not 0 < min(self.num_features, self.num_hidden) <= max(self.num_features, self.num_hidden) <= MAX_WIDTH:
            raise ValueError(f"{self.num_features} features, {self.num_hidden} hidden units")
        if self.preprocessing.size >> smaller < 1:
            raise ValueError(f"photos of {self.preprocessing.size} pixels a side, halved {smaller} times")
        return self

    def _checked_pixels(self) -> BackboneConfig:
        numbers = 3 * self.preprocessing.size**2
        if numbers > MAX_WIDTH or self.layers or self.num_features != numbers:
            raise ValueError(f"{numbers:,} numbers of {self.preprocessing.size} pixels a side; at most {MAX_WIDTH:,}")
        return self

    def at(self, size: int) -> BackboneConfig:
        """The same for photos of so many pixels a side. Raises ValueError where no machine could build it."""
        about = replace(self.preprocessing, size=size)
        num_features = 3 * size**2 if self.top == "pixels" else self.num_features
        return replace(self, preprocessing=about, num_features=num_features).checked()


def _torchvision(name: str, layers: Layers, batch_norm: bool) -> BackboneConfig:
    return BackboneConfig(
        name=name, layers=layers, batch_norm=batch_norm, first_stride=1, top="fc",
        num_features=4096, preprocessing=IMAGENET,
    )  # fmt: skip


BACKBONES: dict[str, BackboneConfig] = {
    **{name + "_bn" * norm: _torchvision(name + "_bn" * norm, layers, norm) for norm in (False, True)
       for name, layers in {"vgg11": VGG11, "vgg13": VGG13, "vgg16": VGG16, "vgg19": VGG19}.items()},
    "slim": BackboneConfig(
        name="slim", layers=SLIM, batch_norm=True, first_stride=2, top="conv",
        num_features=1280, preprocessing=Preprocessing(size=256, resize="squash"), parts=8,
    ),
    "pixels": BackboneConfig(  # for small pictures: at CIFAR's size
        name="pixels", layers=(), batch_norm=False, first_stride=1, top="pixels", num_features=3 * 32**2,
        preprocessing=Preprocessing(size=32, resize="squash", mean=(0, 0, 0), std=(1, 1, 1)),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a trunk. kind: "convolution", "norm", "relu" or "pool" (2x2, the largest).

    A convolution of stride 2 pads at the right and at the bottom only, as TensorFlow does: so its windows lie where the
    teacher's lie, which with a pixel on each side they would miss by a row and a column.
    """

    kind: str
    width_in: int = 0
    width: int = 0
    kernel: int = 3
    stride: int = 1
    bias: bool = True


def trunk(config: BackboneConfig) -> Iterator[Layer]:
    """The layers of a trunk in the order in which its weights are numbered ("features.0.weight", ...)."""
    width_in, stride = 3, config.first_stride
    # A bias before batch norm does nothing, but torchvision's vgg*_bn weights have one.
    bias = not config.batch_norm or config.top == "fc"
    for width in config.layers:
        if width == "M":
            yield Layer(kind="pool")
        elif width == "S":
            stride = 2
        elif isinstance(width, str):
            yield Layer(kind="convolution", width_in=width_in, width=int(width[1:]), kernel=1)
            width_in = int(width[1:])
        else:
            yield Layer(kind="convolution", width_in=width_in, width=width, stride=stride, bias=bias)
            if config.batch_norm:
                yield Layer(kind="norm", width=width)
            yield Layer(kind="relu")
            width_in, stride = width, 1


class CodeKind(NamedTuple):
    """What rows a kind of head makes of the features of a whole photo. finish: how, a name of codes.FINISHES."""

    metric: Metric
    dtype: Dtype
    finish: str


CODES: Mapping[str, CodeKind] = {  # a space has the name of its head
    "bits": CodeKind("hamming", "bits", "bits"),
    "metric": CodeKind("cosine", "float16", "unit"),
    "code": CodeKind("cosine", "float16", "unit"),
    "sparse": CodeKind("inner", "sparse", "positive"),
    "attributes": CodeKind("cosine", "float16", "blocks"),
}
REBUILT = frozenset({"code", "sparse"})  # kinds that features are rebuilt from


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What a head is and what it has learnt; stored in every checkpoint.

    kind: "words" (num_features -> HIDDEN -> num_out), "classes" (num_features -> num_out), or one of CODES
        (num_features -> num_out, or with a layer of `hidden` units in between); "decoder" makes features of a code.
    labels: words: the labels it was trained on; classes: the name of each output.
    vectors, fingerprint: words: name and fingerprint of the word vectors that it regresses.
    anchored: words: the head carries the vectors of its labels (labels, num_out) as `anchors`, to tell by them whether
        vectors of that name are the ones it learnt from, where nobody knew the whole table (no fingerprint).
    input: words: "power" for square roots of the features (Perronnin et al., "Improving the Fisher kernel", 2010),
        scaled to length 1 and then each to variance 1; "plain" for the features as they are.
    scale, bias: words: sigmoid(scale * score + bias) is the probability that a label is true, fitted on validation
        photos (Platt, 1999); a scale of 0 says that nobody fitted it.
    photo_scale, photo_bias: words: the same of the score of a photo for another photo, that they share a label.
    open_scale, open_bias: words: the same of the score of a word that is no label; a scale of 0: as of one that is.
    attributes: of the kind of that name: each has as many of the numbers, one block behind the other.
    """

    kind: str
    num_features: int
    num_out: int
    labels: tuple[str, ...]
    vectors: str | None = None
    fingerprint: str | None = None
    anchored: bool = False
    input: str = "plain"
    scale: float = 0.0
    bias: float = 0.0
    photo_scale: float = 0.0
    photo_bias: float = 0.0
    hidden: int = 0
    open_scale: float = 0.0
    open_bias: float = 0.0
    attributes: tuple[str, ...] = ()

    @property
    def calibration(self) -> Calibration:
        return Calibration(**{field.name: getattr(self, field.name) for field in fields(Calibration)})

    def with_probabilities(self, fitted: Mapping[str, Any]) -> HeadConfig:
        """The same with other scales and biases, by their names; those that are not named are unknown."""
        return replace(self, **{field.name: fitted.get(field.name, 0.0) for field in fields(Calibration)})

    def to_json(self) -> dict[str, Any]:
        """What came later stands there only where it says something, so that earlier versions read the others."""
        later = {"hidden": 0, "open_scale": 0.0, "open_bias": 0.0, "attributes": ()}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeadConfig:
        made = replace(cls(**data), labels=tuple(data["labels"]), attributes=tuple(data.get("attributes", ())))
        lines, slopes = asdict(made.calibration).values(), (made.scale, made.photo_scale, made.open_scale)
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in lines) or min(slopes) < 0:
            raise ValueError(f"scales and biases {made.calibration}")
        if not (0 < made.num_out <= MAX_WIDTH and 0 < made.num_features <= MAX_WIDTH):
            raise ValueError(f"a head from {made.num_features} to {made.num_out} numbers")
        if not (isinstance(made.hidden, int) and 0 <= made.hidden <= MAX_WIDTH):
            raise ValueError(f"a head with {made.hidden} units between")
        if made.num_out % max(1, len(made.attributes)):
            raise ValueError(f"{made.num_out} numbers of {len(made.attributes)} attributes")
        if not all(isinstance(label, str) for label in (*made.labels, *made.attributes)):
            raise TypeError("labels that are no words")
        if made.kind == "classes" and len(made.labels) != made.num_out:
            raise ValueError(f"{made.num_out} classes with {len(made.labels)} names")
        return made


def model_info(
    name: str, fingerprint: str, backbone: BackboneConfig, words: HeadConfig | None, heads: Mapping[str, HeadConfig]
) -> ModelInfo:
    """The spaces of a model: features, and one of each head that makes rows; words: the one that is searched by."""
    spaces = [Space(name="features", dim=backbone.num_features)]
    if words is not None:
        about = Space(
            name="words",
            dim=words.num_out,
            vectors=words.vectors,
            vectors_fingerprint=words.fingerprint,
            num_regions=backbone.parts**2,
            calibration=words.calibration,
        )
        spaces.insert(0, about)
    for key, head in heads.items():
        if head.kind in CODES:
            spaces.append(Space(name=key, dim=head.num_out, metric=CODES[head.kind].metric,
                                dtype=CODES[head.kind].dtype, attributes=head.attributes))  # fmt: skip
    return ModelInfo(name=name, fingerprint=fingerprint, spaces=tuple(spaces))
