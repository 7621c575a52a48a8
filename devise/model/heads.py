"""Heads: small networks from features to one space. `words` regresses word vectors, `classes` is a softmax layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 2000  # units between features and word vector, as in the reference (Ameisen, 2018)
DROPOUT = 0.5  # of the hidden units while training, as in the reference


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What a head is and what it has learnt; stored in every checkpoint.

    kind: "words" (num_features -> HIDDEN -> num_out) or "classes" (num_features -> num_out).
    labels: words: the labels it was trained on; classes: the name of each output.
    vectors, fingerprint: words: name and fingerprint of the word vectors that it regresses.
    """

    kind: str
    num_features: int
    num_out: int
    labels: tuple[str, ...]
    vectors: str | None = None
    fingerprint: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeadConfig:
        return replace(cls(**data), labels=tuple(data["labels"]))


class WordsHead(nn.Module):
    """2000 -> 300 with batch norm, ReLU and dropout, batch norm on the output: the reference's two layers."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(config.num_features, HIDDEN),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, config.num_out),
            nn.BatchNorm1d(config.num_out),
        )

    def forward(self, features: Tensor) -> Tensor:
        return F.normalize(self.layers(features), dim=1)  # (n, features) -> (n, 300), rows of length 1


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
