"""Heads: small networks from features to one space.

`words` regresses word vectors, `classes` is a softmax layer, and those of CODES make bits and other rows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from devise.descriptors.network.config import CODES, EPSILON, HIDDEN, REBUILT, TINY, HeadConfig

DROPOUT = 0.7  # of the hidden units while training; the reference's 0.5 learns a thousand photos by heart
DROPOUT_IN = 0.5  # of the features


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


class Centred(nn.Module):
    """Rows less their mean.

    Not of variance 1 each, as batch norm makes them: numbers that hardly vary would be rebuilt at the cost of others.
    It has the names of a batch norm's numbers, and the same formula.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, rows: Tensor) -> Tensor:
        if self.training:
            self.running_mean.lerp_(rows.detach().mean(0), 0.1)  # as batch norm remembers
        return (rows - self.running_mean) / (self.running_var + EPSILON).sqrt()


class CodeHead(nn.Module):
    """One layer, or two with ReLU, on square roots of the features, of length 1 and then each of variance 1.

    Where features are rebuilt from the code, the roots are centred instead.

    devise.descriptors.network.codes computes the same for searching.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        norm = nn.BatchNorm1d(config.num_features, affine=False)
        self.spread: nn.Module = Centred(config.num_features) if config.kind in REBUILT else norm
        first = nn.Linear(config.num_features, config.hidden or config.num_out)
        between = [nn.BatchNorm1d(config.hidden), nn.ReLU(), nn.Dropout(DROPOUT_IN),
                   nn.Linear(config.hidden, config.num_out)] if config.hidden else []  # fmt: skip
        if config.kind in REBUILT:
            _begin(first, directions(config.num_features, config.num_out))
        self.layers = nn.Sequential(first, *between)

    def forward(self, features: Tensor) -> Tensor:
        """(..., num_features) -> (..., num_out)"""
        out: Tensor = self.layers(self.spread(roots(features.flatten(0, -2))))
        return out.view(*features.shape[:-1], -1)


class DecoderHead(nn.Module):
    """From codes back to the square roots of features: what a number of the code adds is a direction of length 1."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(config.num_features, config.num_out)
        _begin(self.layer, directions(config.num_out, config.num_features).T)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, num_features) -> (n, num_out)"""
        return F.linear(codes, F.normalize(self.layer.weight, dim=0), self.layer.bias)


def directions(num_features: int, num: int) -> Tensor:
    """Drawn, always the same, at right angles where there are so many: (num, num_features), of length 1.

    Encoder and decoder begin with them, as each other turned round: photos then are rebuilt at once, if badly.
    """
    drawn = torch.randn(num, num_features, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    return torch.linalg.qr(drawn.T).Q.T if num <= num_features else F.normalize(drawn, dim=1)


def _begin(layer: nn.Linear, weight: Tensor) -> None:
    if layer.weight.device.type != "meta":  # of a checkpoint that is read
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.zero_()


def roots(features: Tensor) -> Tensor:
    """Square roots as rows of length 1: (n, num_features)."""
    return F.normalize(features.clamp(min=0).add(TINY).sqrt(), dim=1)


Head = WordsHead | ClassesHead | CodeHead | DecoderHead
HEADS: dict[str, type[Head]] = {"words": WordsHead, "classes": ClassesHead, "decoder": DecoderHead,
                                **dict.fromkeys(CODES, CodeHead)}  # fmt: skip


def build(config: HeadConfig) -> Head:
    """The head of that kind, untrained. Raises KeyError for a kind that does not exist."""
    return HEADS[config.kind](config)


def _folded(layer: nn.Module, norm: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    return fuse_linear_bn_eval(layer, norm)
