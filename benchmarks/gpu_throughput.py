"""Photos a second of vgg16 at 224 pixels by torch, in mixed precision, against what the chip can multiply.

    python -m benchmarks.gpu_throughput [--tflops N] [--batch 64 256] [--seconds 5]

vgg16 takes 15.5 GMAC a photo (2 x 15.5 G floating-point operations), three times as much where it learns too (forward,
gradient of the input, gradient of the weights). --tflops: of the chip in that precision, by its data sheet; then shares
are told. Pixels are made on the device, so that no disk and no decoder is measured. With a processor alone it runs as
well, for comparison. --heads: also one step of the heads on cached features, with and without torch.compile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BACKBONES, HeadConfig
from devise.descriptors.network.heads import build

GMAC = 15.5  # a photo of 224 pixels: 13 convolutions and two layers of units
SIDE = 224
VIEWS = 9  # of a photo in a step of the heads: the whole and eight parts
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    options = arguments()
    console, table = Console(width=120), Table(title=f"vgg16 at {SIDE} on {name()}")
    for column in ("what", "precision", "batch", "compiled", "photos/s", "TFLOP/s", "of the chip"):
        table.add_column(column, justify="right")
    network = Backbone(BACKBONES["vgg16"]).to(DEVICE, memory_format=torch.channels_last)
    for batch in options.batch:
        for precision in (torch.float32, torch.bfloat16):
            for is_compiled in (False, True) if options.compile else (False,):
                for what, times, step in (("looks", 1, looks(network)), ("learns", 3, learns(network))):
                    run = torch.compile(step) if is_compiled else step
                    speed = photos_a_second(run, batch, precision, options.seconds)
                    flops = speed * times * 2 * GMAC / 1_000
                    share = f"{flops / options.tflops:.0%}" if options.tflops else ""
                    table.add_row(what, str(precision).removeprefix("torch."), str(batch), str(is_compiled),
                                  f"{speed:,.1f}", f"{flops:.2f}", share)  # fmt: skip
    console.print(table)
    if options.heads:
        console.print(of_heads(options.seconds))


def looks(network: nn.Module) -> Callable[[torch.Tensor], None]:
    def step(pixels: torch.Tensor) -> None:
        with torch.inference_mode():
            network(pixels)

    return step


def learns(network: nn.Module) -> Callable[[torch.Tensor], None]:
    """One step, its whole network: `devise train --unfreeze` learns the last blocks of it."""

    def step(pixels: torch.Tensor) -> None:
        network(pixels).float().square().mean().backward()
        network.zero_grad(set_to_none=True)

    return step


def photos_a_second(
    step: Callable[[torch.Tensor], None], batch: int, precision: torch.dtype, seconds: float
) -> float:  # fmt: skip
    pixels = torch.randn(batch, 3, SIDE, SIDE, device=DEVICE).to(memory_format=torch.channels_last)
    with torch.autocast(DEVICE, precision, enabled=precision != torch.float32):
        step(pixels)  # choosing kernels, or compiling
        waited()
        begun, done = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            step(pixels)
            waited()
            done += batch
    return done / (time.perf_counter() - begun)


def of_heads(seconds: float) -> Table:
    """Steps a second of the head of words, 64 photos and their parts, forward and back."""
    table = Table(title=f"the head of words, 64 photos of {VIEWS} views, 1,280 features, on {name()}")
    for column in ("compiled", "steps/s", "core-s a step", "first step s"):
        table.add_column(column, justify="right")
    features = torch.rand(64, VIEWS, 1_280, device=DEVICE)
    for is_compiled in (False, True):
        torch.manual_seed(0)
        config = HeadConfig(kind="words", num_features=1_280, num_out=300, labels=("cat",), vectors="a",
                            fingerprint="f" * 64, input="power")  # fmt: skip
        head = build(config).to(DEVICE).train()
        run = torch.compile(head) if is_compiled else head
        begun = time.perf_counter()
        run(features).square().mean().backward()
        waited()
        first, begun, spent, done = time.perf_counter() - begun, time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begun < seconds:
            run(features).square().mean().backward()
            waited()
            done += 1
        steps = done / (time.perf_counter() - begun)
        table.add_row(str(is_compiled), f"{steps:.2f}", f"{(time.process_time() - spent) / done:.3f}", f"{first:.1f}")
    return table


def waited() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def name() -> str:
    return torch.cuda.get_device_name() if DEVICE == "cuda" else "a processor"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tflops", type=float, default=0.0, metavar="N")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256] if DEVICE == "cuda" else [4], metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--compile", action="store_true", help="also what torch.compile makes of it")
    parser.add_argument("--heads", action="store_true", help="also a step of the heads, with and without torch.compile")
    return parser.parse_args()


if __name__ == "__main__":
    main()
