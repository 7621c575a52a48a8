"""A model compiled for this machine's processor by OpenVINO: from pixels to the vectors of all spaces, without torch.

Where a checkpoint knows between which numbers the inputs of its layers lie (`ranges`), they and their weights are
computed in bytes: quantization as in Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", 2018, with a step for each row of weights. The first convolution is left as it is:
in bytes it alone would cost more than all others together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.config import IngestConfig, num_cores
from devise.descriptors.network.base import Array, Network, Outputs
from devise.descriptors.network.codes import codes_of
from devise.descriptors.network.config import EPSILON, BackboneConfig, HeadConfig, Layer, model_info, trunk
from devise.descriptors.network.format import AGAIN, RANGES, Arrays, find, first_line, read, widened
from devise.descriptors.network.runtime import Node, openvino, opset13
from devise.errors import CheckpointError, lacks_memory
from devise.spaces import speaking

LEVELS = 256
TOGETHER = 8  # photos a stream computes at once: four or more of them keep four streams busy with one batch

Pads = tuple[Sequence[int], Sequence[int]]


class Compiled(Network):
    """What `encoder.Encoder` is on a graphics card, for a processor: pixels in, unit vectors out.

    >>> Compiled.open("slim").encode(np.zeros((1, 256, 256, 3), np.uint8))["words"].shape
    (1, 300)
    """

    def __init__(self, path: Path, about: dict[str, Any], arrays: Arrays, head: str) -> None:
        """head: the words head that answers, where the model has one."""
        backbone = BackboneConfig.from_json(about["backbone"])
        heads = {name: HeadConfig.from_json(config) for name, config in about["heads"].items()}
        words = heads.get(head)
        fingerprint = about["fingerprint"] if head == "words" else speaking(about["fingerprint"], head)
        info = model_info(path.stem, fingerprint, backbone, words, heads)
        super().__init__(info, backbone, words, path, arrays.get(f"{head}.anchors"))
        self.codes = codes_of(heads, arrays)
        graph = Graph(backbone, arrays)
        outputs = graph.outputs(words, head)
        graph.check()
        self._streams = Streams(outputs, graph.pixels)

    @classmethod
    def open(cls, name: str | Path, vectors: str | None = None) -> Compiled:
        """A checkpoint by name or path. Raises CheckpointError.

        vectors: name of the word vectors to speak in, where the checkpoint has a head for them; else its first.
        """
        path = find(name)
        about, stored = read(path)
        try:
            heads = {key: HeadConfig.from_json(head) for key, head in about["heads"].items()}
            fitting = [key for key, head in heads.items() if head.kind == "words" and head.vectors == vectors]
            return cls(path, about, widened(stored), fitting[0] if vectors and fitting else "words")
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if lacks_memory(error):
                raise
            raise CheckpointError(
                f"{path}: weights and config do not fit each other ({first_line(error)}); {AGAIN}"
            ) from error

    def outputs(self, pixels: NDArray[np.uint8]) -> Outputs:
        """(n, size, size, 3) RGB -> features and words of the whole photos and of their parts."""
        found = self._streams(pixels)
        return Outputs(found["features"], found.get("words"))


class Views:
    """Features of whole photos and then of their parts, which heads learn from; in bytes where arrays have ranges."""

    def __init__(self, backbone: BackboneConfig, arrays: Arrays) -> None:
        graph = Graph(backbone, arrays)
        graph.check()
        self._streams = Streams({"views": graph.views()}, graph.pixels)

    def __call__(self, pixels: NDArray[np.uint8]) -> Array:
        """(n, size, size, 3) RGB -> (n, 1 + parts, num_features), none below 0."""
        return self._streams(pixels)["views"]


class Streams:
    """A few photos at a time on as many streams as there are: the rows of each output, by its name."""

    def __init__(self, outputs: Mapping[str, Node], pixels: Node) -> None:
        self._names = list(outputs)
        self._queue = _compiled(openvino.Model(list(outputs.values()), [pixels]))

    def __call__(self, pixels: NDArray[np.uint8]) -> dict[str, Array]:
        told: dict[int, list[Array]] = {}

        def keep(request: Any, start: int) -> None:
            told[start] = [np.array(request.get_output_tensor(i).data) for i in range(len(self._names))]

        self._queue.set_callback(keep)
        for start in range(0, max(1, len(pixels)), TOGETHER):
            self._queue.start_async([pixels[start : start + TOGETHER]], start)
        self._queue.wait_all()
        parts = [told[start] for start in sorted(told)]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(self._names)}


def _compiled(model: Any) -> Any:
    """Photos side by side take a tenth less time than all cores on one, which wait for each other at every layer."""
    cores = num_cores()
    streams = min(cores, IngestConfig.batch // TOGETHER)
    # f32: some processors would else compute in half precision, and give other vectors than others
    settings = {"NUM_STREAMS": f"{streams}", "INFERENCE_NUM_THREADS": f"{cores}", "INFERENCE_PRECISION_HINT": "f32"}
    return openvino.AsyncInferQueue(openvino.Core().compile_model(model, "CPU", settings), streams)


class Graph:
    """Builds the operations, node by node, from weights as torch names them."""

    def __init__(self, config: BackboneConfig, arrays: Arrays) -> None:
        self.config, self.arrays = config, arrays
        self.inputs: dict[str, list[Node]] = {}  # of the convolutions and matrices of each part, in order
        side = config.preprocessing.size
        self.pixels = opset13.parameter([-1, side, side, 3], np.uint8, name="pixels")
        self.maps = self._trunk()
        self.features = self._features()

    def outputs(self, words: HeadConfig | None, head: str) -> dict[str, Node]:
        """Features (n, num_features), and of a words head words (n, 1 + parts, dim), not of length 1 yet."""
        found = {"features": self.features}
        if words is not None:
            found["words"] = _rows(self._head(self._views(), words, head))
        return found

    def views(self) -> Node:
        """Features of the whole and of its parts: (n, 1 + parts, num_features)."""
        return _rows(self._views())

    def _views(self) -> Node:
        """(n, num_features, 1 + parts, 1)"""
        views = opset13.reshape(self.features, _numbers([0, 0, 1, 1]), special_zero=True)
        return opset13.concat([views, self._parts()], 2) if self.config.parts else views

    def _features(self) -> Node:
        """(n, num_features)"""
        if self.config.top == "pixels":
            features = opset13.reshape(self.maps, _numbers([0, -1]), special_zero=True)
        elif self.config.top == "fc":
            pooled = opset13.adaptive_avg_pool(self.maps, _numbers([7, 7]))
            features = opset13.reshape(pooled, _numbers([0, -1]), special_zero=True)
            for number in (0, 3):
                weight, bias = (self.arrays[f"backbone.classifier.{number}.{kind}"] for kind in ("weight", "bias"))
                node, rows = self._in_bytes("backbone", features, weight)
                features = opset13.relu(opset13.add(opset13.matmul(node, rows, False, True), np.float32(bias)))
        else:
            features = opset13.reduce_mean(self.maps, _numbers([2, 3]), keep_dims=False)
        return features

    def check(self) -> None:
        """Raises ValueError for ranges of other layers than there are, or that are none."""
        for part, nodes in self.inputs.items():
            rows = self.arrays.get(RANGES + part)
            if rows is None:
                continue
            is_range = (rows[:, 0] <= 0) & (rows[:, 1] > 0) & np.isfinite(rows).all(1) | ~rows.any(1)
            if rows.shape != (len(nodes), 2) or not is_range.all():
                raise ValueError(f"ranges of {part}: {rows.shape}")

    def _parts(self) -> Node:
        """(n, num_features, parts * parts, 1)"""
        side, width = self.config.parts, self.config.num_features
        shape, cells = self.maps.get_output_partial_shape(0), self.maps
        if (shape[2].get_length(), shape[3].get_length()) != (side, side):
            cells = opset13.adaptive_avg_pool(self.maps, _numbers([side, side]))
        return opset13.reshape(cells, _numbers([0, width, side * side, 1]), special_zero=True)

    def _trunk(self) -> Node:
        about, layers = self.config.preprocessing, list(trunk(self.config))
        mean, std = (np.array(row, np.float32).reshape(1, 3, 1, 1) for row in (about.mean, about.std))
        node = opset13.transpose(opset13.convert(self.pixels, np.float32), _numbers([0, 3, 1, 2]))
        node = opset13.divide(opset13.subtract(opset13.divide(node, np.float32(255)), mean), std)
        for number, layer in enumerate(layers):
            name = f"backbone.features.{number}"
            if layer.kind == "convolution":
                is_normed = number + 1 < len(layers) and layers[number + 1].kind == "norm"
                norm = f"backbone.features.{number + 1}" if is_normed else None
                node = self._convolution(node, layer, name, norm)
            elif layer.kind == "relu":
                node = opset13.relu(node)
            elif layer.kind == "pool":
                node = opset13.max_pool(node, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
        if self.config.top == "conv":
            width = [layer.width for layer in layers if layer.kind == "convolution"][-1]
            last = Layer(kind="convolution", width_in=width, width=self.config.num_features, kernel=1)
            node = opset13.relu(self._convolution(node, last, "backbone.top.0", "backbone.top.1"))
        return node

    def _convolution(self, node: Node, layer: Layer, name: str, norm: str | None) -> Node:
        weight, bias = self.arrays[f"{name}.weight"], self.arrays.get(f"{name}.bias", np.zeros(layer.width, np.float32))
        if weight.shape != (layer.width, layer.width_in, layer.kernel, layer.kernel):
            raise ValueError(f"{name} has weights of {weight.shape}")
        if norm:
            weight, bias = self._folded(weight, bias, norm)
        begin, end = ([0, 0], [1, 1]) if layer.stride == 2 else ([layer.kernel // 2] * 2,) * 2
        return self._convolved(node, (weight, bias), "backbone", layer.stride, (begin, end))

    def _convolved(
        self, node: Node, weights: tuple[Array, Array], part: str, stride: int = 1, pads: Pads = ([0, 0], [0, 0])
    ) -> Node:
        weight, bias = weights
        node, kernels = self._in_bytes(part, node, weight.reshape(*weight.shape[:2], *(weight.shape[2:] or (1, 1))))
        made = opset13.convolution(node, kernels, [stride] * 2, *pads, [1, 1])
        return opset13.add(made, np.float32(bias).reshape(1, -1, 1, 1))

    def _folded(self, weight: Array, bias: Array, norm: str) -> tuple[Array, Array]:
        """A convolution's weights with the batch norm behind it."""
        factor, shift = self._line(norm)
        return weight * factor.reshape(-1, 1, 1, 1), bias * factor + shift

    def _line(self, norm: str) -> tuple[Array, Array]:
        """A batch norm as a factor and a shift."""
        var, mean = self.arrays[f"{norm}.running_var"], self.arrays[f"{norm}.running_mean"]
        factor: Array = (self.arrays.get(f"{norm}.weight", 1.0) / np.sqrt(var + EPSILON)).astype(np.float32)
        shift: Array = (self.arrays.get(f"{norm}.bias", 0.0) - mean * factor).astype(np.float32)
        return factor, shift

    def _head(self, views: Node, words: HeadConfig, head: str) -> Node:
        """(n, num_features, views, 1) -> (n, dim, views, 1): its layers are convolutions over views."""
        first, second = (self._matrix(f"{head}.layers.{i}", f"{head}.layers.{i + 1}") for i in (0, 4))
        if words.input == "power":
            views = opset13.normalize_l2(opset13.sqrt(views), _numbers([1]), 1e-24, "max")  # none below 0
            factor, shift = self._line(f"{head}.spread")
            first = first[0] * factor, first[1] + first[0] @ shift
        hidden = opset13.relu(self._convolved(views, first, head))
        return self._convolved(hidden, second, head)

    def _matrix(self, name: str, norm: str) -> tuple[Array, Array]:
        """A layer's weights with the batch norm behind it."""
        factor, shift = self._line(norm)
        weight, bias = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]
        return weight * factor[:, None], bias * factor + shift

    def _in_bytes(self, part: str, node: Node, weight: Array) -> tuple[Node, Node]:
        """What comes into the next layer of a part, and its weights: rounded to bytes where the range is known."""
        inputs, ranges = self.inputs.setdefault(part, []), self.arrays.get(RANGES + part)
        inputs.append(node)
        if ranges is None or not np.any(ranges[len(inputs) - 1]):
            return node, opset13.constant(np.ascontiguousarray(weight, np.float32))
        low, high = ranges[len(inputs) - 1].reshape(2, 1)
        axes = tuple(range(1, weight.ndim))
        steps = (np.maximum(np.abs(weight).max(axes, keepdims=True), 1e-12) / 127).astype(np.float32)
        # Bytes and steps, not floats that OpenVINO would round: vgg16 is compiled in a thirtieth of the time
        whole = opset13.convert(opset13.constant(np.rint(weight / steps).astype(np.int8)), np.float32)
        weights = opset13.multiply(whole, opset13.constant(steps))
        return opset13.fake_quantize(node, low, high, low, high, LEVELS), weights


def _rows(views: Node) -> Node:
    """(n, dim, views, 1) -> (n, views, dim)"""
    return opset13.transpose(opset13.squeeze(views, _numbers([3])), _numbers([0, 2, 1]))


def _numbers(values: Sequence[int]) -> Node:
    return opset13.constant(np.array(values, np.int64))
