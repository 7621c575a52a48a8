"""The objective of telling labels apart: a softmax layer, whose weights compare photos like a class when searching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from devise.descriptors.network.config import HeadConfig
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.losses import masked_cross_entropy
from devise.training.options import TrainOptions
from devise.training.samplers import drawn


class Classes:
    """The head "classes", one layer from the whole photo's features, which it leaves as they are."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons = lessons

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        labels = self.lessons.labels
        return {"classes": HeadConfig(kind="classes", num_features=num_features, num_out=len(labels), labels=labels)}

    def sampler(self, rows: Tensor) -> Tensor:
        return drawn(rows, self.lessons.weights[rows])

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        truth, known = (part[rows].to(features.device) for part in (self.lessons.truth, self.lessons.known))
        return masked_cross_entropy(heads["classes"](features[:, 0].detach()), truth, known)

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        return {}  # words decide which epoch is best
