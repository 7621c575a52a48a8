"""What an objective is: something that heads learn of photos, with its loss, its sampler and how it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from devise.descriptors.network.config import HeadConfig

Heads = Mapping[str, nn.Module]  # of the checkpoint, by their names
Batch = tuple[Tensor, Tensor]  # features (n, views, num_features) of photos, the whole one first; their rows (n,)


@dataclass(frozen=True)
class Lessons:
    """What is known of the photos to learn from and to be judged by. A row is the number of a photo in all of it.

    paths: (photos,); labels: the names of the columns; truth, known: (photos, labels), whether a label is true of a
    photo, and whether anybody said so; weights: (photos,), how often each is looked at.
    targets: (labels, dim) unit rows of the word vectors `vectors`, which `vectors_fingerprint` tells from others; all
    empty where no objective learns words. pairs: (pairs, 3) in place of labels: two rows, and 1 where they are similar.
    """

    paths: Sequence[str]
    labels: tuple[str, ...]
    truth: Tensor
    known: Tensor
    weights: Tensor
    targets: Tensor
    vectors: str
    vectors_fingerprint: str
    pairs: Tensor = field(default_factory=lambda: torch.empty(0, 3, dtype=torch.long))


class Objective(Protocol):
    """Think of it as a question that the features of a photo have to answer, and the marks for the answer.

    Several are learnt together: their losses are added. The first one's sampler draws the photos, its loss is shown.
    A new one is a file beside this and a row in `devise.training.objectives.table`.

    modules: what learns beside the heads and is not kept in the checkpoint, by its name in a run's state.
    """

    @property
    def modules(self) -> Mapping[str, nn.Module]: ...

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        """Its heads by their names in the checkpoint, with what the last validation fitted; "words" is searched by."""

    def sampler(self, rows: Tensor) -> Tensor:
        """The rows that an epoch looks at, of those that may be trained on, in order: (n,) -> (m,)."""

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        """Features (n, views, num_features) of photos rows (n,) -> a scalar, the mean over photos."""

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """How good the heads are on photos they did not see: figures, higher is better, the first decides.

        batches: read only by those that need them, for they may cost a pass of the backbone.
        """
