"""The objective of codes that a photo can be rebuilt from: it needs no labels.

A code of few numbers compresses; one of more numbers than there are features, most of them 0, is found again by posting
lists. Both are one layer, and one layer rebuilds the square roots of the features from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from devise.descriptors.network.config import EPSILON, HeadConfig
from devise.descriptors.network.heads import Centred, CodeHead, DecoderHead, roots
from devise.training.objectives.base import Batch, Heads, Lessons
from devise.training.objectives.hashing import JUDGED
from devise.training.options import TrainOptions
from devise.training.samplers import drawn

DIM, SPARSE_DIM = 64, 2_048  # numbers of a compressed code, and of a sparse one: more than there are features
NEAREST = 10


def error(rebuilt: Tensor, wanted: Tensor) -> Tensor:
    """The mean over photos of the squared distance; wanted: (n, dim) rows of length 1."""
    return (rebuilt - wanted).pow(2).sum(1).mean()


def penalty(codes: Tensor) -> Tensor:
    """L1: the mean over photos of the sum of sizes. Directions of the decoder have length 1: none escapes it."""
    return codes.abs().sum(1).mean()


class Autoencoder:
    """The head "code", or with an L1 weight "sparse", which has no number below 0; "decoder" makes features of it.

    noise: the share of the numbers that the encoder does not see while it learns; all are to be rebuilt (Vincent et
    al., "Extracting and composing robust features with denoising autoencoders", 2008).
    """

    def __init__(self, lessons: Lessons, options: TrainOptions) -> None:
        self.lessons, self.l1, self.noise = lessons, options.l1, options.noise
        self.name = "sparse" if options.l1 else "code"
        self.dim = options.dim or (SPARSE_DIM if options.l1 else DIM)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {}

    def heads(self, num_features: int) -> dict[str, HeadConfig]:
        code = HeadConfig(kind=self.name, num_features=num_features, num_out=self.dim, labels=())
        decoder = HeadConfig(kind="decoder", num_features=self.dim, num_out=num_features, labels=())
        return {self.name: code, "decoder": decoder}

    @torch.no_grad()
    def begin(self, heads: Heads, features: Tensor) -> None:
        """A compressed code begins as the principal components of some photos (n, num_features), which rebuild best of
        all that is linear; where there are fewer photos than numbers, as it was drawn.
        """
        head, decoder, rows = heads[self.name], heads["decoder"], roots(features)
        assert isinstance(head, CodeHead)
        assert isinstance(decoder, DecoderHead)
        spread, layer = head.spread, head.layers[0]
        assert isinstance(spread, Centred)
        assert isinstance(layer, nn.Linear)
        if self.l1 or self.dim >= min(rows.shape):
            return
        mean = rows.mean(0)
        *_, axes = torch.svd_lowrank(rows - mean, min(self.dim + 16, *rows.shape), niter=4)
        axes = axes[:, : self.dim]
        spread.running_mean.copy_(mean)
        layer.weight.copy_(axes.T * (spread.running_var + EPSILON).sqrt())
        decoder.layer.weight.copy_(axes)
        decoder.layer.bias.copy_(mean)

    def sampler(self, rows: Tensor) -> Tensor:
        return drawn(rows, self.lessons.weights[rows])

    def codes(self, head: nn.Module, features: Tensor, *, is_noisy: bool = False) -> Tensor:
        """(n, num_features) -> (n, dim)"""
        assert isinstance(head, CodeHead)
        seen = head.spread(roots(features))
        if is_noisy:
            seen = seen * (torch.rand_like(seen) >= self.noise)
        found: Tensor = head.layers(seen)
        return F.relu(found) if self.l1 else found

    def loss(self, heads: Heads, features: Tensor, rows: Tensor) -> Tensor:
        whole, head = features[:, 0], heads[self.name]
        codes = self.codes(head, whole, is_noisy=self.noise > 0 and head.training)
        return error(heads["decoder"](codes), roots(whole)) + self.l1 * penalty(codes)

    def validate(self, heads: Heads, batches: Iterable[Batch]) -> dict[str, float]:
        """The share of the variance that is rebuilt; of the ten nearest by features the share that codes find."""
        features = torch.cat([part[:, 0] for part, _ in batches] or [torch.empty(0)])[:JUDGED]
        if len(features) < 2:
            return {}
        wanted, codes = roots(features), self.codes(heads[self.name], features)
        missing = error(heads["decoder"](codes), wanted) / error(wanted.mean(0), wanted).clamp(min=1e-12)
        figures = {"rebuilt": 1 - float(missing), "recall@10": shared_neighbours(features, codes, NEAREST)}
        return figures | ({"zeros": float((codes == 0).float().mean())} if self.l1 else {})


def shared_neighbours(features: Tensor, codes: Tensor, count: int) -> float:
    """Of the `count` photos nearest to each by the cosine of features the share that is nearest by that of codes."""
    count, found = min(count, len(features) - 1), []
    for rows in (features, codes):
        unit = F.normalize(rows.float(), dim=1)
        scores = (unit @ unit.T).fill_diagonal_(-torch.inf)
        found.append(scores.topk(count, dim=1).indices.cpu().numpy())
    pairs = zip(*found, strict=True)
    return float(np.mean([len(np.intersect1d(one, other)) / count for one, other in pairs]))
