"""A model as ONNX, for programs that have no devise: pixels in, words, features and classes out; compared with ours.

What is made of features, bits and learnt metrics, is not in it: devise.descriptors.network.codes says how.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.config import SILENT
from devise.descriptors.network.encoder import Encoder
from devise.descriptors.network.runtime import openvino
from devise.errors import CheckpointError, needed
from devise.files import replacing

OPSET = 17  # of 2022: read by all runtimes of today
AGREEING = 0.9999  # least cosine of a row by ONNX and by torch: both compute in floats
PHOTOS = 3  # of noise and colours, on which both are compared


class Exported(nn.Module):
    """(n, size, size, 3) uint8 RGB -> words (n, 1 + parts, dim), features (n, num_features), both of rows of length 1,
    and logits of the classes (n, classes); those that the checkpoint has.
    """

    mean: Tensor
    std: Tensor
    cells: Tensor  # (positions of the last map, cells): averages, which older exporters know for equal cells alone

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.backbone, self.config = checkpoint.backbone, checkpoint.backbone.config
        self.words, self.classes = checkpoint.heads.get("words"), checkpoint.heads.get("classes")
        about = self.config.preprocessing
        self.register_buffer("mean", torch.tensor(about.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(about.std).view(1, 3, 1, 1))
        with torch.no_grad():
            side = self.backbone.maps(torch.zeros(1, 3, about.size, about.size)).shape[2]
        every = torch.eye(side * side).view(side * side, 1, side, side)
        wanted = 7 if self.config.top == "fc" else max(1, self.config.parts)
        self.register_buffer("cells", F.adaptive_avg_pool2d(every, wanted).flatten(1))

    @property
    def outputs(self) -> list[str]:
        return [*(["words"] if self.words else []), "features", *(["classes"] if self.classes else [])]

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        maps = self.backbone.maps(x)
        cells = maps.flatten(2) @ self.cells  # (n, channels, cells)
        whole = self.backbone.classifier(cells.flatten(1)) if self.config.top == "fc" else maps.mean((2, 3))
        views = whole[:, None]
        if self.config.parts:
            views = torch.cat([views, cells.transpose(1, 2)], 1)
        found = [self.words(views)] if self.words else []
        found.append(F.normalize(whole + SILENT, dim=1))
        return (*found, *([self.classes(whole)] if self.classes else []))


def export_onnx(name: str | Path, file: Path) -> float:
    """Write the ONNX file of a checkpoint; the least cosine of a row of it with ours, on pictures drawn at random.

    Nothing is written where they differ. Needs torch and onnx. Raises CheckpointError, WriteError.
    """
    needed("exporting ONNX", "torch", "onnx")
    ours = Encoder.open(name)  # its batch norms are folded into the layers before them
    checkpoint = ours.checkpoint
    if checkpoint.backbone.config.top == "pixels":
        raise CheckpointError(f"{checkpoint.name} has no network: its features are pixels; export one that has")
    module = Exported(checkpoint).cpu().eval()
    side = checkpoint.backbone.config.preprocessing.size
    pixels = _pictures(side)
    made = io.BytesIO()
    how = {"input_names": ["pixels"], "output_names": module.outputs, "opset_version": OPSET, "dynamo": False,
           "dynamic_axes": {name: {0: "photos"} for name in ("pixels", *module.outputs)}}  # fmt: skip
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # it warns of a newer exporter, which needs two more packages
        torch.onnx.export(module, (torch.from_numpy(pixels),), made, **how)  # type: ignore[arg-type]
    agreement = _agreement(made.getvalue(), module.outputs, Encoder.open(name), pixels)
    if agreement < AGREEING:
        raise CheckpointError(f"{checkpoint.name} as ONNX gives other rows than here (cosine {agreement:.4f}); "
                              "it is not written; please report it")  # fmt: skip
    with replacing(file) as temporary:
        temporary.write_bytes(made.getvalue())
    return agreement


def _pictures(side: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(0, 256, (PHOTOS, 8, 8, 3), dtype=np.uint8)
    times = -(-side // 8)
    return np.ascontiguousarray(coarse.repeat(times, 1).repeat(times, 2)[:, :side, :side])


def _agreement(model: bytes, outputs: list[str], ours: Encoder, pixels: NDArray[np.uint8]) -> float:
    """The least cosine of a row, computed by OpenVINO in floats from the file and by torch from the checkpoint."""
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(model)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = dict(zip(outputs, compiled([pixels]).values(), strict=True))
    wanted = ours.encode(pixels)
    cosines = [(found["features"] * wanted["features"]).sum(-1).min()]
    if "words" in found:
        cosines.append((found["words"][:, 0] * wanted["words"]).sum(-1).min())
        if "parts" in wanted:
            cosines.append((found["words"][:, 1:] * wanted["parts"]).sum(-1).min())
    return float(min(cosines))
