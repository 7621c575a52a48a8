"""Between which numbers the inputs of a model's layers lie, seen on photos: what computing in bytes needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.compiled import Compiled, Graph
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.format import RANGES, Arrays, read, widened
from devise.descriptors.network.runtime import openvino
from devise.vectors import Vector

CLIPPED = 1e-4  # share of the numbers that may lie outside on each side: fewer, and one outlier makes all steps coarse
AGREEING = 0.98  # mean cosine of vectors in bytes and in floats; the parts of the model that ships have 0.988
PHOTOS = 64  # enough for VOC's: with 128 the features are the same to three digits
BATCH = 8
SAMPLE = 1_000_000  # numbers of a layer that are sorted: a hundred lie outside, and VGG's layers have 25 times as many


def calibrate(path: Path, pixels: NDArray[np.uint8], agreeing: float = AGREEING) -> float:
    """Let a checkpoint be computed in bytes, if that hardly changes its vectors: the least mean cosine of a space.

    pixels: (n, size, size, 3), photos such as the model will see. The file is rewritten if the vectors of these photos,
    in bytes, have a mean cosine of `agreeing` or more with those in floats, in each space. Raises CheckpointError,
    WriteError.
    """
    about, stored = read(path)
    arrays = {name: array for name, array in widened(stored).items() if not name.startswith(RANGES)}
    heads = {name: HeadConfig.from_json(head) for name, head in about["heads"].items()}
    found = ranges(BackboneConfig.from_json(about["backbone"]), heads, arrays, pixels)
    agreement = 1.0
    for name in [name for name, head in heads.items() if head.kind == "words"] or ["words"]:
        plain, rounded = (_encoded(Compiled(path, about, arrays | more, name), pixels) for more in ({}, found))
        agreement = min(agreement, *(float((plain[space] * rounded[space]).sum(-1).mean()) for space in plain))
    if agreement >= agreeing:
        checkpoint = checkpoints.load(path)
        checkpoint.ranges = {name: torch.from_numpy(rows) for name, rows in found.items()}
        checkpoints.save(checkpoint, path, in_bytes=any(array.dtype == np.int8 for array in stored.values()))
    return agreement


def _encoded(model: Compiled, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
    batches = [model.encode(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    made = {code.name for code in model.codes}  # of features: where those agree, codes do
    return {space: np.concatenate([batch[space] for batch in batches]) for space in batches[0] if space not in made}


def ranges(
    backbone: BackboneConfig, heads: Mapping[str, HeadConfig], arrays: Arrays, pixels: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """Of each part of a model by name, (layers, 2): low and high ends, the means over batches of photos.

    Zeros for the first convolution, which is not to be computed in bytes. arrays: the weights, as floats; pixels:
    (n, size, size, 3), photos such as the model will see.
    """
    arrays = {name: array for name, array in arrays.items() if not name.startswith(RANGES)}
    graph = Graph(backbone, arrays)
    for name, head in heads.items():
        if head.kind == "words":
            graph.outputs(head, name)
    inputs = [node for nodes in graph.inputs.values() for node in nodes]
    layers = [node.output(0) if isinstance(node, openvino.Node) else node for node in inputs]  # pools are outputs
    run = openvino.Core().compile_model(openvino.Model(layers, [graph.pixels]), "CPU")
    seen = [_ends(run([pixels[start : start + BATCH]])) for start in range(0, len(pixels), BATCH)]
    ends = np.mean(seen, axis=0).astype(np.float32)
    ends[0] = 0
    found, start = {}, 0
    for part, nodes in graph.inputs.items():
        found[RANGES + part] = ends[start : start + len(nodes)]
        start += len(nodes)
    return found


def _ends(inputs: Any) -> NDArray[np.float64]:
    """(convolutions, 2); what is never below 0 begins there."""
    ends = []
    for i in range(len(inputs)):
        numbers = inputs[i].ravel()
        low, high = np.quantile(numbers[:: 1 + numbers.size // SAMPLE], [CLIPPED, 1 - CLIPPED])
        ends.append((0.0 if inputs[i].min() >= 0 else min(low, 0.0), max(high, 1e-6)))
    return np.array(ends)
