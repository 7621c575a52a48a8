"""Train the slim backbone from its teacher: the command that made the model that ships.

    python -m recipes.distill --data ../shared/data --out runs/slim

A student sees the same augmented, mixed photos as its teacher and learns the teacher's last map, position by
position, and its class probabilities (Beyer et al., "Knowledge distillation: a good teacher is patient and
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

from devise.model.backbones import BACKBONES, VGG16, Backbone
from recipes.photos import Photos, full_size, tiny_class_numbers, tiny_imagenet

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
VGG_MEAN = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1) / 255


@dataclass(frozen=True)
class Stage:
    """size: side of the training pixels; full: share of full-size photos in a batch."""

    size: int
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


def mix(pixels: Tensor, rng: torch.Generator) -> tuple[Tensor, bool]:
    """A third of the batches as they are, a third blended (mixup), a third pasted (CutMix)."""
    kind = int(torch.randint(3, (1,), generator=rng))
    if kind == 0:
        return pixels, False
    other = pixels.flip(0)
    share = float(torch.rand(1, generator=rng))
    if kind == 1:
        return pixels * share + other * (1 - share), True
    size = pixels.shape[-1]
    side = int(size * math.sqrt(1 - share))
    y, x = (int(torch.randint(size - side + 1, (1,), generator=rng)) for _ in range(2))
    pixels = pixels.clone()
    pixels[:, :, y : y + side, x : x + side] = other[:, :, y : y + side, x : x + side]
    return pixels, True


def loss_of(student: Student, teacher: nn.Module, pixels: Tensor, classes: Tensor, mixed: bool) -> Tensor:
    with torch.no_grad():
        their_maps, their_logits = teacher(pixels)
    maps, logits = student(pixels)
    on_maps = F.mse_loss(maps, their_maps) / 1.9  # 1.9 is the variance of the teacher's maps
    on_features = F.mse_loss(maps.mean((2, 3)), their_maps.mean((2, 3))) * 3
    on_classes = F.kl_div(logits.log_softmax(1), their_logits.softmax(1), reduction="batchmean")
    loss = on_maps + on_features + on_classes
    known = classes >= 0
    if not mixed and bool(known.any()):  # the teacher reads 64 x 64 photos poorly; their labels are right
        loss = loss + F.cross_entropy(logits[known], classes[known], label_smoothing=0.1)
    return loss


def hint(student: Student, weights: Path, small: Photos, steps: int, rng: torch.Generator) -> None:
    """Start the first layers by regressing VGG16's conv3_3 (FitNets; Romero et al., 2015)."""
    guide = Backbone(BACKBONES["vgg16"]).features[:17]  # to conv3_3, its ReLU and pooling
    guide.load_state_dict({k.removeprefix("features."): v.float() for k, v in load_file(weights).items()})
    trunk = student.backbone.features[:15]  # to the second convolution of 128 channels and its pooling: stride 16
    read = nn.Conv2d(128, 256, 1)
    params = [*trunk.parameters(), *read.parameters()]
    optimizer = torch.optim.AdamW(params, lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        rows = torch.randint(len(small.names), (64,), generator=rng)
        pixels = crops(small, rows, 64, rng)
        with torch.no_grad():
            target = guide((pixels - VGG_MEAN) * 255)  # (n, 256, 8, 8)
            target = F.max_pool2d(target, 2)
            target = target / target.std((0, 2, 3), keepdim=True).clamp(min=1e-3)
        loss = F.mse_loss(read(trunk((pixels - MEAN) / STD)), target)
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
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.lr, weight_decay=0.02)
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
            group["lr"] = options.lr * min(1, (step + 1) / 200) * (1 + math.cos(math.pi * step / total)) / 2
        num_full = round(stage.batch * stage.full)
        a = torch.randint(len(full.names), (num_full,), generator=rng)
        b = torch.randint(len(small.names), (stage.batch - num_full,), generator=rng)
        pixels = torch.cat([crops(full, a, stage.size, rng), crops(small, b, stage.size, rng)])
        classes = torch.cat([torch.from_numpy(full.classes[a]), torch.from_numpy(small.classes[b])])
        order = torch.randperm(stage.batch, generator=rng)
        pixels, mixed = mix(pixels[order], rng)
        loss = loss_of(student, teacher, pixels.contiguous(memory_format=torch.channels_last), classes[order], mixed)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        sums.append(loss.item())
        if step % 50 == 0:
            pace = (time.time() - begun) / (step - first)
            print(f"step {step}/{total} size {stage.size} loss {np.mean(sums):.4f} {pace:.2f} s/step", flush=True)
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
    parser.add_argument("--stages", default="128:64:0.45:5500,192:32:0.75:800", help="size:batch:share of full-size:steps")
    parser.add_argument("--hint-steps", type=int, default=400)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
