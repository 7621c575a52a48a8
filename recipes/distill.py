"""Train the slim backbone from its teacher: the command that made the model that ships.

    python -m recipes.distill --data ../shared/data --out runs/slim

A student sees the same augmented photos as its teacher and learns the teacher's last map, position by position, and
its class probabilities (Beyer et al., "Knowledge distillation: a good teacher is patient and
consistent", 2022; Chen et al., "Knowledge distillation with the reused teacher classifier", 2022). Killed at any
moment, the same command goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

from devise.model.backbones import BACKBONES, Backbone
from recipes.photos import Photos, full_size, tiny_class_numbers, tiny_imagenet

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
VGG_MEAN = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1) / 255


@dataclass(frozen=True)
class Stage:
    """size: side of the student's pixels; seen: side of the teacher's; full: share of full-size photos in a batch."""

    size: int
    seen: int
    batch: int
    full: float
    steps: int


class Student(nn.Module):
    def __init__(self, fc: dict[str, Tensor]) -> None:
        super().__init__()
        self.backbone = Backbone(BACKBONES["slim"])
        self.classes = nn.Linear(1280, 1000)  # starts as the teacher's own classifier
        self.classes.load_state_dict(fc)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.backbone.maps((pixels - MEAN) / STD)
        return maps, self.classes(maps.mean((2, 3)))


def crops(photos: Photos, rows: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Random crops of 25 to 100 % of the area, random aspect ratio and flip -> (n, 3, size, size) in 0..1."""
    pixels = torch.from_numpy(np.ascontiguousarray(photos.pixels[rows.numpy()]))
    pixels = pixels.permute(0, 3, 1, 2).float().div_(255)
    n = len(pixels)
    area = torch.rand(n, generator=rng) * 0.75 + 0.25
    ratio = torch.exp((torch.rand(n, generator=rng) - 0.5) * 2 * math.log(4 / 3))
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    x = (torch.rand(n, generator=rng) * 2 - 1) * (1 - w)
    y = (torch.rand(n, generator=rng) * 2 - 1) * (1 - h)
    flip = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2], theta[:, 1, 1], theta[:, 1, 2] = w * flip, x, h, y
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    out = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain = 1 + (torch.rand(n, 3, 1, 1, generator=rng) - 0.5) * 0.3
    lift = (torch.rand(n, 1, 1, 1, generator=rng) - 0.5) * 0.2
    return (out * gain + lift).clamp_(0, 1)


def loss_of(student: Student, teacher: nn.Module, full: Tensor, small: Tensor, classes: Tensor) -> Tensor:
    """The teacher's features and classes for full-size photos, labels for the small ones; the mean over all.

    On Tiny-ImageNet's 64 x 64 photos the teacher is right in about a third of the cases, so labels teach there.
    The teacher may see a photo at a larger size than the student, whose size is that of `small`.
    """
    shrunk = F.interpolate(full, size=small.shape[-2:], mode="area") if full.shape[-1] != small.shape[-1] else full
    n, pixels = len(full), torch.cat([shrunk, small])
    maps, logits = student(pixels.contiguous(memory_format=torch.channels_last))
    with torch.no_grad():
        their_maps, their_logits = teacher(full.contiguous(memory_format=torch.channels_last))
    on_labels = F.cross_entropy(logits[n:], classes, label_smoothing=0.1, reduction="sum")
    maps, their_pooled = maps[:n], F.adaptive_avg_pool2d(their_maps, maps.shape[-2:])
    on_features = F.mse_loss(maps, their_pooled) + F.mse_loss(maps.mean((2, 3)), their_maps.mean((2, 3)))
    on_classes = F.kl_div(logits[:n].log_softmax(1), their_logits.softmax(1), reduction="sum")
    return (on_labels + n * on_features + on_classes) / len(pixels)


def hint(student: Student, weights: Path, small: Photos, steps: int, rng: torch.Generator) -> None:
    """Start the first layers by regressing VGG16's conv3_3 (FitNets; Romero et al., 2015)."""
    guide = Backbone(BACKBONES["vgg16"]).features[:17]  # to conv3_3, its ReLU and pooling: stride 8
    guide.load_state_dict({k.removeprefix("features."): v.float() for k, v in load_file(weights).items()})
    trunk = student.backbone.features[:14]  # to the second convolution of 128 channels: stride 8
    read = nn.Conv2d(128, 256, 1)
    params = [*trunk.parameters(), *read.parameters()]
    optimizer = torch.optim.AdamW(params, lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        rows = torch.randint(len(small.names), (64,), generator=rng)
        pixels = crops(small, rows, 64, rng)
        with torch.no_grad():
            target = guide((pixels - VGG_MEAN) * 255)  # (n, 256, 8, 8)
            target = target / target.std((0, 2, 3), keepdim=True).clamp(min=1e-3)
        inputs = ((pixels - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        loss = F.mse_loss(read(trunk(inputs)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"hint {step}/{steps}: loss {loss.item():.3f}", flush=True)


@torch.no_grad()
def validate(student: Student, small: Photos, size: int) -> float:
    """Share of Tiny-ImageNet validation photos whose class comes first among the 200."""
    student.eval()
    allowed = torch.from_numpy(np.unique(small.classes[small.classes >= 0]))
    rows = np.flatnonzero(small.classes >= 0)[::4]
    hits = 0
    for part in np.array_split(rows, max(1, len(rows) // 100)):
        pixels = torch.from_numpy(small.pixels[part]).permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, size=(size, size), mode="bilinear").contiguous(memory_format=torch.channels_last)
        best = allowed[student(pixels)[1][:, allowed].argmax(1)]
        hits += int((best == torch.from_numpy(small.classes[part])).sum())
    student.train()
    return hits / len(rows)


def train(options: argparse.Namespace) -> None:
    torch.manual_seed(options.seed)
    rng = torch.Generator().manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    numbers = tiny_class_numbers(options.data, _IMAGENET_CATEGORIES)
    small = tiny_imagenet(options.data, options.cache, "train", numbers)
    check = tiny_imagenet(options.data, options.cache, "val", numbers)
    full = full_size(options.data, options.cache)
    print(f"{len(small.names)} small and {len(full.names)} full-size photos, {len(numbers)} classes", flush=True)
    warnings.filterwarnings("ignore", category=FutureWarning)
    teacher = torch.jit.load(str(options.data / "teacher_mobilenet_v2.ts")).eval()
    fc = {k.removeprefix("fc."): v for k, v in teacher.state_dict().items() if k.startswith("fc.")}
    student = Student(fc).to(memory_format=torch.channels_last)
    stages = [Stage(*(float(x) if "." in x else int(x) for x in text.split(":"))) for text in options.stages.split(",")]
    total = sum(stage.steps for stage in stages)
    hinted = {id(p) for p in student.backbone.features[:14].parameters()}
    groups = [
        {
            "params": [p for p in student.parameters() if id(p) in hinted],
            "scale": 0.3,
        },  # keep what VGG16 taught them
        {"params": [p for p in student.parameters() if id(p) not in hinted], "scale": 1.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.lr, weight_decay=0.05)
    saved, step = options.out / "state.pt", 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        rng.set_state(state["rng"])
        step = state["step"]
    elif options.hint_steps:
        hint(student, options.data / "vgg16_conv1-3.safetensors", small, options.hint_steps, rng)
    student.train()
    begun, first, sums = time.time(), step, []
    ends = np.cumsum([stage.steps for stage in stages])
    while step < total:
        stage = stages[int(np.searchsorted(ends, step, side="right"))]
        for group in optimizer.param_groups:  # a short warm-up, then a cosine to zero
            group["lr"] = (
                options.lr * group["scale"] * min(1, (step + 1) / 200) * (1 + math.cos(math.pi * step / total)) / 2
            )
        num_full = round(stage.batch * stage.full)
        a = torch.randint(len(full.names), (num_full,), generator=rng)
        b = torch.randint(len(small.names), (stage.batch - num_full,), generator=rng)
        big, little = crops(full, a, stage.seen, rng), crops(small, b, stage.size, rng)
        loss = loss_of(student, teacher, big, little, torch.from_numpy(small.classes[b]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        sums.append(loss.item())
        if step % 50 == 0:
            pace = (time.time() - begun) / (step - first)
            print(
                f"step {step}/{total} size {stage.size} loss {np.mean(sums):.4f} {pace:.2f} s/step",
                flush=True,
            )
            sums = []
        if step % options.save_every == 0 or step == total:
            state = {"student": student.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "rng": rng.get_state(), "step": step}, saved.with_suffix(".tmp"))
            saved.with_suffix(".tmp").replace(saved)
            hit = validate(student, check, stage.size)
            print(f"step {step}: Tiny-ImageNet validation hit@1 {hit:.4f}", flush=True)
            with (options.out / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step, "hit@1": hit, "seconds": round(time.time() - begun)}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument(
        "--stages",
        default="64:128:128:0.25:2000,128:128:64:0.7:1000",
        help="size:seen by the teacher:batch:share of full-size:steps",
    )
    parser.add_argument("--hint-steps", type=int, default=300)
    parser.add_argument("--save-every", type=int, default=250)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
