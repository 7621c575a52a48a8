"""A model run by torch, on a graphics card where there is one: from pixels to the vectors of all spaces."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from devise import config
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.base import Network, Outputs
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.heads import WordsHead


class Encoder(Network):
    """Think of it as a function from photos to {space: vector}, with the model's own preprocessing attached.

    >>> encoder = Encoder.open()                                   # the model that ships
    >>> pixels = load("chelsea.png", size=encoder.size, resize=encoder.resize)
    >>> encoder.encode(pixels[None])["words"].shape
    (1, 300)
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        config, words = checkpoint.backbone.config, checkpoint.configs.get("words")
        self.checkpoint = checkpoint
        self._words = checkpoint.heads["words"] if words else None
        anchors: Tensor | None = getattr(self._words, "anchors", None)
        rows = anchors.cpu().numpy() if anchors is not None else None
        super().__init__(checkpoint.info, config, words, checkpoint.path, rows)
        self.codes = checkpoint.codes()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._mean = torch.tensor(config.preprocessing.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(config.preprocessing.std, device=self._device).view(1, 3, 1, 1)
        for module in checkpoint.modules().values():
            module.eval().to(self._device).to(memory_format=torch.channels_last)

    @classmethod
    def open(cls, name: str | Path | None = None, vectors: str | None = None) -> Encoder:
        """A checkpoint by name or path; None is DEVISE_MODEL or the one that ships. Raises CheckpointError.

        vectors: name of the word vectors to speak in, where the checkpoint has a head for them; else its first.
        """
        checkpoint = checkpoints.load(name or os.environ.get("DEVISE_MODEL") or config.SHIPPED_MODEL)
        if vectors and checkpoint.head_for(vectors):
            checkpoint.speak(vectors)
        encoder = cls(checkpoint)
        backbone = encoder.checkpoint.backbone
        for layers in (backbone.features, backbone.top) if backbone.config.top == "conv" else (backbone.features,):
            _fuse(layers)
        if isinstance(encoder._words, WordsHead):
            encoder._words.fold()
        return encoder

    @torch.inference_mode()
    def outputs(self, pixels: NDArray[np.uint8]) -> Outputs:
        """(n, size, size, 3) RGB -> features and words of the whole photos and of their parts."""
        views = self.checkpoint.backbone.views(self.normalized(pixels))  # (n, 1 + parts, num_features)
        words = None if self._words is None else self._words(views).float().cpu().numpy()
        return Outputs(views[:, 0].float().cpu().numpy(), words)

    def normalized(self, pixels: NDArray[np.uint8]) -> Tensor:
        """(n, size, size, 3) uint8 -> (n, 3, size, size) float32, as the backbone was trained to see."""
        tensor = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)  # stays channels-last in memory
        return (tensor.float() / 255 - self._mean) / self._std


def _fuse(layers: nn.Sequential) -> None:
    """Fold each batch norm into the convolution before it: the same numbers with a pass less over memory."""
    modules = list(layers)
    for i, (convolution, norm) in enumerate(pairwise(modules)):
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layers[i] = fuse_conv_bn_eval(convolution, norm)
            layers[i + 1] = nn.Identity()
