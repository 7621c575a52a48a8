"""Heads: small networks from features to one space. `words` regresses word vectors, `classes` is a softmax layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

HIDDEN = 2000  # units between features and word vector, as in the reference (Ameisen, 2018)
DROPOUT = 0.7  # of the hidden units while training; the reference's 0.5 learns a thousand photos by heart
DROPOUT_IN = 0.5  # of the features


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What a head is and what it has learnt; stored in every checkpoint.

    kind: "words" (num_features -> HIDDEN -> num_out) or "classes" (num_features -> num_out).
    labels: words: the labels it was trained on; classes: the name of each output.
    vectors, fingerprint: words: name and fingerprint of the word vectors that it regresses.
    anchored: words: the head carries the vectors of its labels (labels, num_out) as `anchors`, to tell by them whether
        vectors of that name are the ones it learnt from, where nobody knew the whole table (no fingerprint).
    input: words: "power" for square roots of the features (Perronnin et al., "Improving the Fisher kernel", 2010),
        scaled to length 1 and then each to variance 1; "plain" for the features as they are.
    scale, bias: words: sigmoid(scale * score + bias) is the probability that a label is true, fitted on validation
        photos (Platt, 1999); a scale of 0 says that nobody fitted it.
    photo_scale, photo_bias: words: the same of the score of a photo for another photo, that they share a label.
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

    def with_probabilities(self, fitted: Mapping[str, float]) -> HeadConfig:
        """The same with other scales and biases, by their names; those that are not named are unknown."""
        names = ("scale", "bias", "photo_scale", "photo_bias")
        return replace(self, **{name: fitted.get(name, 0.0) for name in names})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeadConfig:
        made = replace(cls(**data), labels=tuple(data["labels"]))
        lines = made.scale, made.bias, made.photo_scale, made.photo_bias
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in lines) or min(lines[0], lines[2]) < 0:
            raise ValueError(f"scales and biases {lines}")
        return made


class WordsHead(nn.Module):
    """2000 -> 300 with batch norm, ReLU and dropout, batch norm on the output: the reference's two layers."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.power = config.input == "power"
        if self.power:
            self.spread: nn.Module = nn.BatchNorm1d(config.num_features, affine=False)
        self.layers = nn.Sequential(
            nn.Linear(config.num_features, HIDDEN),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, config.num_out),
            nn.BatchNorm1d(config.num_out),
        )
        if config.anchored:
            self.register_buffer("anchors", torch.zeros(len(config.labels), config.num_out))

    @torch.no_grad()
    def fold(self) -> None:
        """Fold the batch norms into the two layers, for good: the same numbers with less work, and no more learning."""
        first, second = _folded(self.layers[0], self.layers[1]), _folded(self.layers[4], self.layers[5])
        if self.power:
            spread = self.spread
            assert isinstance(spread, nn.BatchNorm1d)
            assert spread.running_mean is not None
            assert spread.running_var is not None
            first.weight.div_((spread.running_var + spread.eps).sqrt())
            first.bias.sub_(first.weight @ spread.running_mean)
            self.spread = nn.Identity()
        self.layers = nn.Sequential(first, nn.ReLU(inplace=True), second)

    def forward(self, features: Tensor) -> Tensor:
        """(..., num_features) -> (..., num_out), rows of length 1."""
        rows = features.flatten(0, -2)
        if self.power:
            rows = self.spread(F.normalize(rows.clamp(min=0).sqrt(), dim=1))
            rows = F.dropout(rows, DROPOUT_IN, self.training)
        out: Tensor = F.normalize(self.layers(rows), dim=1)
        return out.view(*features.shape[:-1], -1)


class ClassesHead(nn.Module):
    """A softmax layer; `weights` are the class weights of reranking."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(config.num_features, config.num_out)

    @property
    def weights(self) -> Tensor:
        return self.layer.weight  # (classes, features)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layer(features)  # (n, features) -> (n, classes)
        return logits


HEADS: dict[str, type[WordsHead] | type[ClassesHead]] = {"words": WordsHead, "classes": ClassesHead}


def build(config: HeadConfig) -> WordsHead | ClassesHead:
    """The head of that kind, untrained. Raises KeyError for a kind that does not exist."""
    return HEADS[config.kind](config)


def _folded(layer: nn.Module, norm: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    return fuse_linear_bn_eval(layer, norm)
