"""Rows that a small network makes of the features of a photo: bits, learnt metrics, codes; for every engine, by numpy.

A head of such a kind sees the features of the whole photo only, which is a matrix product or two: little beside the
backbone, so no engine has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.config import CODES, EPSILON, TINY, HeadConfig
from devise.vectors import unit

Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


class Layer(NamedTuple):
    """x @ weight.T + bias."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        return x @ self.weight.T + self.bias


@dataclass(frozen=True)
class Code:
    """Think of it as a function from features to rows of one space. layers: with ReLU between them."""

    name: str
    layers: tuple[Layer, ...]
    finish: Callable[[Floats, int], NDArray[Any]]
    blocks: int = 1  # of a row, one for each attribute

    @classmethod
    def of(cls, name: str, config: HeadConfig, arrays: Arrays) -> Code:
        """From the weights of its head, as torch names them. Raises KeyError, ValueError where they do not fit."""
        first = _layer(arrays, f"{name}.layers.0", config.num_features)
        mean, var = arrays[f"{name}.spread.running_mean"], arrays[f"{name}.spread.running_var"]
        scaled = first.weight / np.sqrt(var + np.float32(EPSILON))
        layers: tuple[Layer, ...] = (_floats(scaled, first.bias - scaled @ mean),)
        if config.hidden:
            layers = (_normed(layers[0], arrays, f"{name}.layers.1"), _layer(arrays, f"{name}.layers.4", config.hidden))
        if layers[-1].weight.shape != (config.num_out, config.hidden or config.num_features):
            raise ValueError(f"{name} has weights of {layers[-1].weight.shape}")
        return cls(name, layers, FINISHES[CODES[config.kind].finish], max(1, len(config.attributes)))

    def rows(self, features: Floats) -> NDArray[Any]:
        """(n, num_features), none below 0, of any length -> (n, width) of its space."""
        return self.finish(self.numbers(features), self.blocks)

    def numbers(self, features: Floats) -> Floats:
        """What the head gives before it becomes a row: (n, num_features) -> (n, num_out)."""
        roots = np.sqrt(np.maximum(features, 0) + np.float32(TINY))
        x = roots / np.sqrt(np.einsum("ij,ij->i", roots, roots))[:, None]
        for number, layer in enumerate(self.layers):
            x = layer(np.maximum(x, 0) if number else x)
        found: Floats = x.astype(np.float32, copy=False)
        return found


def codes_of(heads: Mapping[str, HeadConfig], arrays: Arrays) -> tuple[Code, ...]:
    """Those of a checkpoint, by the names of their spaces."""
    return tuple(Code.of(name, head, arrays) for name, head in heads.items() if head.kind in CODES)


def bits(numbers: Floats, blocks: int = 1) -> NDArray[np.uint8]:
    """Which numbers are above 0: (n, bits) -> (n, bytes)."""
    return np.packbits(numbers > 0, axis=1)


def in_blocks(numbers: Floats, blocks: int = 1) -> Floats:
    """Rows of length 1 whose blocks are of one length, so that the cosine is the mean of theirs: (n, blocks * dim)."""
    return unit(unit(numbers.reshape(len(numbers), blocks, -1)).reshape(numbers.shape))


def positive(numbers: Floats, blocks: int = 1) -> Floats:
    """Those above 0, as rows of length 1; a row of none stays so: (n, dim)."""
    rows = np.maximum(numbers, 0)
    scaled: Floats = rows / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), np.float32(TINY))[:, None]
    return scaled


FINISHES: Mapping[str, Callable[[Floats, int], NDArray[Any]]] = {
    "bits": bits, "unit": in_blocks, "positive": positive, "blocks": in_blocks,
}  # fmt: skip


def _layer(arrays: Arrays, name: str, width: int) -> Layer:
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
        raise ValueError(f"{name} has weights of {weight.shape}")
    return _floats(weight, bias)


def _normed(layer: Layer, arrays: Arrays, name: str) -> Layer:
    """With the batch norm behind it."""
    mean, var, weight, bias = (arrays[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    factor = weight / np.sqrt(var + np.float32(EPSILON))
    return _floats(layer.weight * factor[:, None], (layer.bias - mean) * factor + bias)


def _floats(weight: NDArray[Any], bias: NDArray[Any]) -> Layer:
    return Layer(weight.astype(np.float32), bias.astype(np.float32))
