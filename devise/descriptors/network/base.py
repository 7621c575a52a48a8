"""What both engines share: the spaces of a checkpoint, and how its outputs become their rows."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.codes import Code
from devise.descriptors.network.config import SILENT, BackboneConfig, HeadConfig
from devise.spaces import ModelInfo, Space
from devise.vectors import unit

Array = NDArray[np.float32]


class Outputs(NamedTuple):
    """What an engine computes of n photos, of any length.

    features: (n, num_features), none below 0; words: (n, 1 + parts, dim) of the whole photo and then of its parts,
    None for a model without a words head.
    """

    features: Array
    words: Array | None = None


class Network(ABC):
    """Pixels in, unit vectors of every space out; an engine computes the numbers in between.

    anchors: (labels, dim) rows of the word vectors that the words head has learnt, where the checkpoint carries them.
    codes: the heads that make rows of the features of whole photos.
    """

    codes: tuple[Code, ...] = ()

    def __init__(
        self,
        info: ModelInfo,
        backbone: BackboneConfig,
        words: HeadConfig | None,
        path: Path | None,
        anchors: Array | None,
    ) -> None:
        self.info, self.path, self.anchors = info, path, anchors
        self.size, self.resize = backbone.preprocessing.size, backbone.preprocessing.resize
        self.labels = words.labels if words else ()
        self._turn = threading.Lock()  # an engine has one queue, and uses all cores for one caller

    @property
    def name(self) -> str:
        """What a library calls it: the file's name without its suffix."""
        return self.info.name

    @property
    def fingerprint(self) -> str:
        """sha256 of its weights and how it is built: networks of one fingerprint make the same rows."""
        return self.info.fingerprint

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Where its rows live: words where it has such a head, and features."""
        return self.info.spaces

    def bind(self, vectors_fingerprint: str) -> None:
        """Name the word vectors that the words space lives in, where the checkpoint knew only those of its labels."""
        spaces = (
            replace(s, vectors_fingerprint=vectors_fingerprint) if s.name == "words" else s for s in self.info.spaces
        )
        self.info = replace(self.info, spaces=tuple(spaces))

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Any]:
        """(n, size, size, 3) RGB -> {"words": (n, 300), "features": (n, num_features)}, rows of length 1, and codes.

        A model that looks at parts also gives "parts": (n, parts, 300), in the words space.
        Several threads may call it: they take turns. Raises ValueError when pixels have another shape.
        """
        if pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"pixels of {pixels.shape[1:]}, this model takes {(self.size, self.size, 3)}")
        with self._turn:
            features, words = self.outputs(pixels)
        found = {}
        if words is not None:
            found["words"] = words[:, 0]
            if words.shape[1] > 1:
                found["parts"] = words[:, 1:]
        found["features"] = features + np.float32(SILENT)  # none below 0
        made: dict[str, Any] = {name: unit(rows) for name, rows in found.items()}
        return made | {code.name: code.rows(features) for code in self.codes}

    @abstractmethod
    def outputs(self, pixels: NDArray[np.uint8]) -> Outputs:
        """What the network computes of pixels of the right shape."""
