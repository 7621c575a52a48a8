"""The teacher rebuilt from its TorchScript weights, so that the maps between its stages can be learnt from too.

MobileNetV2 (Sandler et al., 2018) at width 1, each batch norm folded into the convolution before it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-3  # of its batch norms
STRIDES = {1: 2, 3: 2, 6: 2, 13: 2}  # blocks that halve the map


class Teacher(nn.Module):
    """(n, 3, h, w) in 0..1, h and w multiples of 32 -> map after each of 17 blocks, last map, logits.

    The last map is (n, 1280, h/32, w/32), logits are (n, 1000).
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            scripted = torch.jit.load(str(file)).eval()
        state = {k.removeprefix("m."): v for k, v in scripted.state_dict().items()}
        self.convs = {
            "Conv1": _folded(state, "Conv1.1", "bn_Conv1"),
            "expanded_conv_depthwise": _folded(state, "expanded_conv_depthwise.1", "expanded_conv_depthwise_BN"),
            "expanded_conv_project": _folded(state, "expanded_conv_project", "expanded_conv_project_BN"),
            "Conv_1": _folded(state, "Conv_1", "Conv_1_bn"),
        }
        for n in range(1, 17):
            self.convs |= {
                f"{n}_expand": _folded(state, f"block_{n}_expand", f"block_{n}_expand_BN"),
                f"{n}_depthwise": _folded(state, f"block_{n}_depthwise.1", f"block_{n}_depthwise_BN"),
                f"{n}_project": _folded(state, f"block_{n}_project", f"block_{n}_project_BN"),
            }
        self.fc = {k.removeprefix("fc."): v for k, v in state.items() if k.startswith("fc.")}

    def _conv(self, x: Tensor, name: str, stride: int = 1, pad: int = 0) -> Tensor:
        weight, bias = self.convs[name]
        if pad and stride == 2:
            x, pad = F.pad(x, (0, 1, 0, 1)), 0  # TensorFlow's "same" for even sides
        return F.conv2d(x, weight, bias, stride, pad, groups=len(weight) if weight.shape[1] == 1 else 1)

    def hidden(self, x: Tensor, n: int) -> Tensor:
        """What block n (1..16) makes of the map before it: the input of its last ReLU6."""
        x = F.relu6(self._conv(x, f"{n}_expand"), inplace=True)
        return self._conv(x, f"{n}_depthwise", STRIDES.get(n, 1), 1)

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        x = (pixels * 2 - 1).contiguous(memory_format=torch.channels_last)
        x = F.relu6(self._conv(x, "Conv1", 2, 1), inplace=True)
        x = F.relu6(self._conv(x, "expanded_conv_depthwise", 1, 1), inplace=True)
        x = self._conv(x, "expanded_conv_project")
        blocks = [x]
        for n in range(1, 17):
            y = self._conv(F.relu6(self.hidden(x, n), inplace=True), f"{n}_project")
            x = x + y if x.shape == y.shape else y
            blocks.append(x)
        maps = F.relu6(self._conv(x, "Conv_1"), inplace=True)
        return blocks, maps, F.linear(maps.mean((2, 3)), self.fc["weight"], self.fc["bias"])


def _folded(state: dict[str, Tensor], conv: str, norm: str) -> tuple[Tensor, Tensor]:
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPS).sqrt()
    weight = state[f"{conv}.weight"] * scale.view(-1, 1, 1, 1)
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return weight.contiguous(memory_format=torch.channels_last), bias
