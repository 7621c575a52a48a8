"""Train the slim backbone from its teacher: the command that made the model that ships.

    python -m torch.distributed.run --nproc-per-node 2 -m recipes.distill --data ../shared/data --out runs/slim

One process a core is 1.4 times as fast as two threads in one process. First the blocks learn side by side
(recipes.student), then the whole network: the teacher's last map position by position, its class probabilities, and
Tiny-ImageNet's labels (Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022; Chen et
al., "Knowledge distillation with the reused teacher classifier", 2022). Killed at any moment, the same command goes on
from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

from recipes import student as learning
from recipes.augment import crops, draw_weights, mosaics, quarters
from recipes.muon import Muon
from recipes.photos import Photos, full_size, held_out, tiny_class_numbers, tiny_imagenet
from recipes.student import Student, Taught, normalized, unexplained
from recipes.teacher import Teacher
from recipes.workers import Workers

CLASSES = 0.25  # weight of the teacher's classes and of labels beside the maps
SETTLING = 60  # batches of 16 pictures that the averages are measured on
LONGEST = 5.0  # gradient that is followed in full
SAMPLE = 256  # photos that statistics are measured on
COOLED = 0.35  # share of the steps in which the rate falls to zero


@dataclass(frozen=True)
class Plan:
    """size: side of the pixels; full, tiled: whole photos and mosaics a process and step; run: blocks in a row."""

    size: int
    full: int
    tiled: int
    run: int
    steps: int

    @classmethod
    def parse(cls, text: str) -> list[Plan]:
        return [cls(*map(int, part.split(":"))) for part in text.split(",")]


class Lessons:
    """All that is looked at: photos, labels and the teacher."""

    def __init__(self, data: Path, cache: Path) -> None:
        numbers = tiny_class_numbers(data, _IMAGENET_CATEGORIES)
        self.small = tiny_imagenet(data, cache, "train", numbers)
        self.full = full_size(data, cache)
        self.named = torch.from_numpy(np.flatnonzero(self.small.classes >= 0))
        self.weights = draw_weights(self.full)
        self.teacher = Teacher(data / "teacher_mobilenet_v2.ts").eval()
        self.sample = self.photos(SAMPLE, 128, torch.Generator().manual_seed(5))
        self.taught = Taught(self.teacher, self.sample)

    def photos(self, n: int, size: int, rng: torch.Generator) -> Tensor:
        return crops(self.full, torch.multinomial(self.weights, n, generator=rng), size, rng)

    def tiles(self, n: int, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = self.named[torch.randint(len(self.named), (4 * n,), generator=rng)]
        return mosaics(self.small, rows, size, rng)


def loss_of(student: Student, lessons: Lessons, plan: Plan, rng: torch.Generator) -> Tensor:
    """Each block's map; once the network runs as one, also the teacher's last map and classes and the tiles' labels.

    Labels, not the teacher, name what is on a tile: of photos that small it names one in three.
    """
    n = plan.full
    photos = lessons.photos(n, plan.size, rng)
    tiled, classes = lessons.tiles(plan.tiled, plan.size, rng)
    pixels = torch.cat([photos, tiled])
    theirs, their_maps, their_logits = lessons.taught(pixels)
    ours = student(normalized(pixels), theirs, plan.run)
    on_blocks = torch.stack([unexplained(a, b) for a, b in zip(ours, theirs, strict=True)]).sum()
    if plan.run < learning.NUM_BLOCKS:
        return on_blocks
    maps = student.backbone.top(ours[-1])
    features = maps[:n].mean((2, 3))
    taught = lessons.taught
    on_maps = unexplained(maps[:n], their_maps[:n], taught.spread)
    on_features = unexplained(features, their_maps[:n].mean((2, 3)), taught.pooled_spread)
    on_classes = learning.divergence(student.classes(features), their_logits[:n])
    on_labels = F.cross_entropy(student.classes(quarters(maps[n:])), classes, label_smoothing=0.1)
    return on_blocks + on_maps + on_features + CLASSES * (on_classes + on_labels)


@torch.no_grad()
def settle(student: Student, lessons: Lessons, size: int) -> None:
    """Measure the batch norms' averages of the network as one; from then on they stay.

    A process sees a handful of photos a step: as statistics of the deep layers those are mostly noise.
    """
    norms = norms_of(student)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    rng = torch.Generator().manual_seed(11)  # the same in every process
    student.train()
    for _ in range(SETTLING):
        pixels = torch.cat([lessons.photos(8, size, rng), lessons.tiles(8, size, rng)[0]])
        student.backbone.top(student(normalized(pixels))[-1])
    for norm in norms:
        norm.momentum = 0.1


def norms_of(student: Student) -> list[nn.BatchNorm2d]:
    return [module for module in student.modules() if isinstance(module, nn.BatchNorm2d)]


class Check:
    """How well the held-out photos of VOC are seen as the teacher sees them: R2 of its last map, cosine of features."""

    def __init__(self, lessons: Lessons, held: Photos, size: int) -> None:
        pixels = torch.from_numpy(np.ascontiguousarray(held.pixels[::3])).permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, size=(size, size), mode="area")
        self.spread = lessons.taught.spread
        self.batches = [(part, *lessons.taught(part)[:2]) for part in pixels.split(16)]
        self.mean = torch.cat([maps.mean((2, 3)) for _, _, maps in self.batches]).mean(0)

    @torch.no_grad()
    def __call__(self, student: Student, run: int) -> dict[str, object]:
        modes = {module: module.training for module in student.modules()}
        student.eval()
        blocks, r2, cosines = [], [], []
        for x, theirs, maps in self.batches:
            taps = student(normalized(x), theirs, run)
            blocks.append([float(unexplained(a, b)) for a, b in zip(taps, theirs, strict=True)])
            ours = student.backbone.maps(normalized(x))
            r2.append(float(unexplained(ours, maps, self.spread)))
            pair = ours.mean((2, 3)) - self.mean, maps.mean((2, 3)) - self.mean
            cosines.append(F.cosine_similarity(*pair).mean().item())
        for module, mode in modes.items():
            module.training = mode
        return {"r2 of blocks": (1 - np.mean(blocks, 0)).round(3).tolist(),
                "r2": round(1 - float(np.mean(r2)), 4), "cosine": round(float(np.mean(cosines)), 4)}  # fmt: skip


def train(student: Student, lessons: Lessons, check: Check, options: argparse.Namespace, workers: Workers) -> None:
    """Train through all plans, saving the state, from which it also goes on.

    The rate is constant and falls in the last third, so that a run can be made longer without starting anew: the state
    before the fall, and that at the end of each plan, are kept as state-STEP.pt.
    """
    plans, file = Plan.parse(options.plans), options.out / "state.pt"
    ends = np.cumsum([plan.steps for plan in plans])
    total, cooling = int(ends[-1]), int(ends[-1] * (1 - COOLED))
    optimizers = optimizers_of(student, options.lr, workers)
    step = first = resumed(student, optimizers, file)
    begun, sums = time.time(), []
    student.train()
    while step < total:
        rate = options.lr * min(1, (step + 1) / 100) * min(1, (total - step) / (total - cooling))
        plan = plans[int(np.searchsorted(ends, step, side="right"))]
        if plan.run == learning.NUM_BLOCKS and norms_of(student)[0].training:
            if step == sum(p.steps for p in plans if p.run < learning.NUM_BLOCKS):
                settle(student, lessons, plan.size)
            for norm in norms_of(student):
                norm.eval()
        rng = torch.Generator().manual_seed((options.seed * 1_000_003 + step) * workers.count + workers.rank)
        loss = loss_of(student, lessons, plan, rng)
        student.zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(student)
        torch.nn.utils.clip_grad_norm_(student.parameters(), LONGEST)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        step += 1
        sums.append(loss.item())
        if workers.rank == 0 and step in (cooling, *ends):
            save(student, optimizers, step, file.with_name(f"state-{step}.pt"))
        if workers.rank == 0 and (step % options.save_every == 0 or step == total):
            save(student, optimizers, step, file)
            told = {"step": step, "run": plan.run, "loss": round(float(np.mean(sums)), 4)}
            told["s/step"] = round((time.time() - begun) / (step - first), 3)
            tell(told | check(student, plan.run), file.with_suffix(".jsonl"))
            sums = []
    workers.wait()


def resumed(student: Student, optimizers: list[torch.optim.Optimizer], file: Path) -> int:
    """Take up the state in `file`, if there is one: the step that it was saved at."""
    if not file.exists():
        return 0
    state = torch.load(file, weights_only=True)
    student.load_state_dict(state["model"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    return int(state["step"])


def tell(told: dict[str, object], log: Path) -> None:
    line = json.dumps(told)
    print(line, flush=True)
    with log.open("a") as opened:
        opened.write(f"{line}\n")


def optimizers_of(student: Student, rate: float, workers: Workers) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of the blocks, AdamW for all else."""
    kernels = [module.weight for module in student.backbone.features if isinstance(module, nn.Conv2d)][1:]
    others = [p for p in student.parameters() if all(p is not kernel for kernel in kernels)]
    return [Muon(kernels, workers, lr=rate), torch.optim.AdamW(others, lr=rate, weight_decay=0.02)]


def save(student: Student, optimizers: list[torch.optim.Optimizer], step: int, file: Path) -> None:
    temporary = file.with_suffix(".tmp")
    state = {"model": student.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step}
    torch.save(state, temporary)
    temporary.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument(
        "--plans",
        default="128:3:3:1:900,128:3:3:3:500,128:3:3:5:500,128:4:4:15:20000",
        help="size:photos:mosaics:blocks in a row:steps, of each process, one after the other",
    )
    parser.add_argument("--save-every", type=int, default=250)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workers = Workers()
    torch.manual_seed(options.seed)  # all processes begin with the same weights
    lessons = Lessons(options.data, options.cache)
    held = held_out(options.data, options.cache)
    print(f"{len(lessons.small.names)} small and {len(lessons.full.names)} full-size photos", flush=True)
    student = Student(lessons.taught).to(memory_format=torch.channels_last)
    train(student, lessons, Check(lessons, held, 256), options, workers)


if __name__ == "__main__":
    main()
