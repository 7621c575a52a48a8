"""The objective of several attributes at once: a photo's type, its colour, ..., each with numbers of its own.

Layers are shared, then each attribute has a block of the row, of length 1, which a softmax over cosines tells the
attribute's labels apart by. The cosine of two rows is the mean of the cosines of their blocks, and a query may weigh
blocks (devise.search.attributes).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.descriptors.network.config import HeadConfig
from devise.errors import TrainingError
from devise.training.labels import attribute_of
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.hashing import JUDGED
from devise.training.objectives.losses import masked_cross_entropy
from devise.training.options import TrainOptions
from devise.training.samplers import drawn

DIM = 32  # numbers of an attribute
HIDDEN = 512  # units that the attributes share
SCALE = 10.0  # first scale of the cosines: a batch of labels told right costs little, and none is told too well


class Proxies(nn.Module):
    """A direction for each label; the cosines to those of an attribute are told apart by a softmax."""

    def __init__(self, num_labels: int, dim: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(num_labels, dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))

    def forward(self, blocks: Tensor, attribute: Tensor) -> Tensor:
        """Blocks (n, attributes, dim) of length 1, the attribute of each label -> logits (n, labels)."""
        return (blocks[:, attribute] * F.normalize(self.rows, dim=1)).sum(2) * self.log_scale.exp()


class Attributes:
    """The head "attributes": shared units, then a block of numbers for each attribute."""

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons, self.dim = lessons, options.dim or DIM
        self.names, self.attribute = attributes_of(lessons.labels)
        self._proxies = Proxies(len(lessons.labels), self.dim).to(lessons.targets.device)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"proxies": self._proxies}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        head = HeadConfig(kind="attributes", num_features=num_features, num_out=self.dim * len(self.names),
                          labels=self.lessons.labels, hidden=HIDDEN, attributes=self.names)  # fmt: skip
        return {"attributes": head}

    def sampler(self, rows: Tensor) -> Tensor:
        return drawn(rows, self.lessons.weights[rows])

    def blocks(self, heads: Heads, features: Tensor) -> Tensor:
        """Of whole photos: (n, attributes, dim), of length 1."""
        found: Tensor = heads["attributes"](features[:, 0])
        return F.normalize(found.view(len(found), len(self.names), self.dim), dim=2)

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        """The sum over attributes; of a photo that has none of an attribute's labels nothing is learnt there."""
        truth, known = (part[rows].to(features.device) for part in (self.lessons.truth, self.lessons.known))
        logits = self._proxies(self.blocks(heads, features), self.attribute.to(features.device))
        total = torch.zeros((), device=features.device)
        for number in range(len(self.names)):
            mine = self.attribute == number
            total = total + masked_cross_entropy(logits[:, mine], truth[:, mine], known[:, mine])
        return total

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """How often the nearest other validation photo is of the same labels: in all attributes, and in each."""
        found, seen = [], []
        for features, rows in batches:
            found.append(self.blocks(heads, features).flatten(1).cpu())
            seen.append(rows)
        if sum(map(len, seen)) < 2:
            return {}
        x, truth = torch.cat(found)[:JUDGED], self.lessons.truth[torch.cat(seen)[:JUDGED]]
        nearest = (x @ x.T).fill_diagonal_(-torch.inf).argmax(1)
        masks = [self.attribute == number for number in range(len(self.names))]
        same = torch.stack([(truth[:, mine] * truth[nearest][:, mine]).any(1) for mine in masks])
        has = torch.stack([truth[:, mine].any(1) for mine in masks])  # (attributes, photos)
        each = [_share(some, having) for some, having in zip(same, has, strict=True)]
        figures = {f"same {name}": share for name, share in zip(self.names, each, strict=True)}
        return {"same in all": _share(same.all(0), has.all(0)), **figures}


def _share(some: Tensor, having: Tensor) -> float:
    """The share of those that have something."""
    return float(some[having].float().mean()) if having.any() else 0.0


def attributes_of(labels: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """The attributes of labels such as "colour: red", sorted, and the number of each label's: (labels,).

    Raises TrainingError for labels of none, and for an attribute that has one label only.
    """
    of_each = [attribute_of(label) for label in labels]
    if bare := [label for label, name in zip(labels, of_each, strict=True) if not name]:
        raise TrainingError(f'"{bare[0]}" is a label of no attribute; give a CSV with a column for each attribute')
    names = tuple(sorted(set(of_each)))
    for name in names:
        if of_each.count(name) == 1:
            only = labels[of_each.index(name)]
            raise TrainingError(f'"{only}" is the only label of {name}, so that nothing tells photos apart by it; '
                                "name other columns with --label-column")  # fmt: skip
    return names, torch.tensor([names.index(name) for name in of_each])
