"""The encoder: pixels in, unit vectors of every space out. All that a library knows of a model."""

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
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.config import SILENT
from devise.descriptors.network.heads import WordsHead
from devise.vectors import Vector, unit


class Encoder:
    """Think of it as a function from photos to {space: vector}, with the model's own preprocessing attached.

    >>> encoder = Encoder.open()                                   # the model that ships
    >>> pixels = load("chelsea.png", size=encoder.size, resize=encoder.resize)
    >>> encoder.encode(pixels[None])["words"].shape
    (1, 300)
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.info = checkpoint.info
        self.checkpoint, self.path = checkpoint, checkpoint.path
        preprocessing = checkpoint.backbone.config.preprocessing
        self.size, self.resize = preprocessing.size, preprocessing.resize
        words = checkpoint.configs.get("words")
        self.labels = words.labels if words else ()
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._mean = torch.tensor(preprocessing.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(preprocessing.std, device=self._device).view(1, 3, 1, 1)
        for module in checkpoint.modules().values():
            module.eval().to(self._device).to(memory_format=torch.channels_last)
        self._words = checkpoint.heads["words"] if words else None
        anchors: Tensor | None = getattr(self._words, "anchors", None)
        self.anchors = anchors.cpu().numpy() if anchors is not None else None

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
    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
        """(n, size, size, 3) RGB -> {"words": (n, 300), "features": (n, num_features)}, rows of length 1.

        A model that looks at parts also gives "parts": (n, parts, 300), in the words space.
        Raises ValueError when pixels have another shape.
        """
        if pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"pixels of {pixels.shape[1:]}, this model takes {(self.size, self.size, 3)}")
        views = self.checkpoint.backbone.views(self.normalized(pixels))  # (n, 1 + parts, num_features)
        found = {}
        if self._words is not None:
            rows = self._words(views)
            found["words"] = rows[:, 0]
            if rows.shape[1] > 1:
                found["parts"] = rows[:, 1:]
        found["features"] = views[:, 0] + SILENT  # none below 0
        return {name: unit(rows.float().cpu().numpy()) for name, rows in found.items()}

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
