"""Train the slim backbone from its teacher: the command that made the model that ships.

    python -m torch.distributed.run --nproc-per-node 2 -m recipes.distill --data ../shared/data --out runs/slim

One process a core is 1.4 times as fast as two threads in one process. First the stem learns alone, then the other
blocks are solved for (recipes.solve), then the whole network learns: the teacher's map after each block, its last map
and the average of that, its class probabilities, and Tiny-ImageNet's labels (Romero et al., "FitNets: hints for thin
deep nets", 2015; Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022). Killed at any
moment, the same command goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

from recipes.augment import crops, draw_weights, mosaics, quarters
from recipes.muon import Muon
from recipes.photos import Photos, full_size, held_out, tiny_class_numbers, tiny_imagenet
from recipes.solve import solve
from recipes.student import NUM_BLOCKS, Student, Taught, divergence, normalized, unexplained
from recipes.teacher import Teacher
from recipes.workers import Workers

CLASSES = 0.05  # weight of the teacher's classes and of labels beside the maps: 0.25 made the maps worse
SOLVED = 4000, 256, 80_000  # photos, their side, and positions of each map that the blocks are solved on
LARGE = 1_000_000  # numbers in a kernel from which a step of Muon takes longer than all else in the step
LONGEST = 5.0  # gradient that is followed in full
SAMPLE = 256  # photos that statistics are measured on
COOLED = 0.5  # share of a plan's steps in which the rate falls to zero


@dataclass(frozen=True)
class Plan:
    """size: side of the pixels; photos, mosaics: of each process in each step; blocks: how many of them learn."""

    size: int
    photos: int
    mosaics: int
    blocks: int
    steps: int
    lr: float
    cools: bool  # not where the next plan goes on with the same blocks

    @classmethod
    def parse(cls, text: str) -> list[Plan]:
        rows = [part.split(":") for part in text.split(",")]
        blocks = [int(row[3]) for row in rows]
        cools = [a != b for a, b in zip(blocks, [*blocks[1:], None], strict=True)]
        return [cls(*map(int, row[:5]), float(row[5]), cool) for row, cool in zip(rows, cools, strict=True)]

    def rate(self, step: int) -> float:
        """Of the plan's own step 0, 1, ...: rises, stays, falls."""
        left = (self.steps - step) / (COOLED * self.steps) if self.cools else 1
        return self.lr * min(1, (step + 1) / 100, left)


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
    """Each block's map; once all blocks learn, also the teacher's last map and classes and the mosaics' labels.

    Labels, not the teacher, name what is on a mosaic: of photos that small it names one in three.
    """
    n = plan.photos
    tiled, classes = lessons.tiles(plan.mosaics, plan.size, rng)
    pixels = torch.cat([lessons.photos(n, plan.size, rng), tiled])
    theirs, their_maps, their_logits = lessons.taught(pixels)
    ours = student(normalized(pixels), plan.blocks)
    on_blocks = torch.stack([unexplained(a, b) for a, b in zip(ours, theirs, strict=False)]).sum()
    if plan.blocks < NUM_BLOCKS:
        return on_blocks
    maps = student.backbone.top(ours[-1])
    features = maps[:n].mean((2, 3))
    taught = lessons.taught
    on_maps = unexplained(maps[:n], their_maps[:n], taught.spread)
    on_features = unexplained(features, their_maps[:n].mean((2, 3)), taught.pooled_spread)
    on_classes = divergence(student.classes(features), their_logits[:n])
    on_labels = F.cross_entropy(student.classes(quarters(maps[n:])), classes, label_smoothing=0.1)
    return on_blocks + on_maps + on_features + CLASSES * (on_classes + on_labels)


class Check:
    """How well the held-out photos of VOC are seen as the teacher sees them: R2 of its maps, cosine of features."""

    def __init__(self, lessons: Lessons, held: Photos, size: int) -> None:
        pixels = torch.from_numpy(np.ascontiguousarray(held.pixels[::3])).permute(0, 3, 1, 2).float() / 255
        pixels = F.interpolate(pixels, size=(size, size), mode="area")
        self.batches = [(part, *lessons.taught(part)[:2]) for part in pixels.split(16)]
        self.mean = torch.cat([maps.mean((2, 3)) for _, _, maps in self.batches]).mean(0)

    @torch.no_grad()
    def __call__(self, student: Student, count: int) -> dict[str, object]:
        modes = {module: module.training for module in student.modules()}
        student.eval()
        blocks, cosines = [], []
        for x, theirs, maps in self.batches:
            taps = student(normalized(x), count)
            blocks.append([float(unexplained(a, b)) for a, b in zip(taps, theirs, strict=False)])
            if count == NUM_BLOCKS:
                ours = student.backbone.top(taps[-1]).mean((2, 3))
                cosines.append(F.cosine_similarity(ours - self.mean, maps.mean((2, 3)) - self.mean).mean().item())
        for module, mode in modes.items():
            module.training = mode
        told: dict[str, object] = {"r2 of blocks": (1 - np.mean(blocks, 0)).round(3).tolist()}
        return told | {"cosine": round(float(np.mean(cosines)), 4)} if cosines else told


def train(student: Student, lessons: Lessons, check: Check, options: argparse.Namespace, workers: Workers) -> None:
    """Train through all plans, saving the state, from which it also goes on; each plan's last is kept."""
    file, step, known = options.out / "state.pt", 0, 1
    optimizers = optimizers_of(student, workers)
    if options.weights:
        student.load_state_dict(torch.load(options.weights, weights_only=True)["model"])
        known = NUM_BLOCKS
    first = resumed(student, optimizers, file)
    for plan in Plan.parse(options.plans):
        if plan.blocks > known and first <= step:
            workers.agree(student)
            solved(student, lessons, known, plan.blocks)
            workers.agree(student)
        known, begun, sums = plan.blocks, time.time(), []
        set_norms(student, training=plan.blocks < NUM_BLOCKS)
        for own in range(plan.steps):
            step += 1
            if step <= first:
                continue
            rng = torch.Generator().manual_seed((options.seed * 1_000_003 + step) * workers.count + workers.rank)
            sums.append(learn(student, loss_of(student, lessons, plan, rng), optimizers, plan.rate(own), workers))
            last = own == plan.steps - 1
            if workers.rank == 0 and (step % options.save_every == 0 or last):
                save(student, optimizers, step, file)
                if last:
                    shutil.copy(file, file.with_name(f"state-{step}.pt"))
                told = {"step": step, "loss": round(float(np.mean(sums)), 4), "seconds": round(time.time() - begun)}
                tell(told | check(student, plan.blocks), file.with_suffix(".jsonl"))
                sums = []
    workers.wait()


def learn(
    student: Student, loss: Tensor, optimizers: list[torch.optim.Optimizer], rate: float, workers: Workers
) -> float:
    student.zero_grad(set_to_none=True)
    loss.backward()
    workers.average_gradients(student)
    torch.nn.utils.clip_grad_norm_(student.parameters(), LONGEST)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    return loss.item()


def solved(student: Student, lessons: Lessons, first: int, end: int) -> None:
    """Solve blocks first .. end - 1, the same in all processes."""
    photos, size, positions = SOLVED
    rng = torch.Generator().manual_seed(7)
    pixels = torch.cat([lessons.photos(50, size, rng) for _ in range(photos // 50)])
    solve(student, lessons.taught, pixels, range(first, end), positions, rng)


def set_norms(student: Student, training: bool) -> None:
    """Whether batch norms use each batch's statistics. A process sees a handful of photos: noise in the deep layers."""
    student.train()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
            module.train(training)


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


def optimizers_of(student: Student, workers: Workers) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of the blocks, AdamW for all else and for kernels for which Muon would take too long."""
    convolutions = [module.weight for module in student.backbone.features if isinstance(module, nn.Conv2d)][1:]
    kernels = [kernel for kernel in convolutions if kernel.numel() < LARGE]
    others = [p for p in student.parameters() if all(p is not kernel for kernel in kernels)]
    return [Muon(kernels, workers, lr=0), torch.optim.AdamW(others, lr=0, weight_decay=0.02)]


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
        default="128:6:2:1:3000:3e-3,128:6:2:5:2000:2e-3,128:4:4:15:3000:2e-4,128:6:2:15:1500:3e-4,192:3:1:15:2300:3e-4",
        help="size:photos:mosaics:blocks:steps:rate, one after the other, photos and mosaics of each process",
    )
    parser.add_argument("--weights", type=Path, help="a state to begin with, of another run: nothing is solved for")
    parser.add_argument("--save-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workers = Workers()
    torch.manual_seed(options.seed)  # all processes begin with the same weights
    lessons = Lessons(options.data, options.cache)
    held = held_out(options.data, options.cache)
    print(f"{len(lessons.small.names)} small and {len(lessons.full.names)} full-size photos", flush=True)
    student = Student(lessons.taught).to(memory_format=torch.channels_last)
    student.take_first_layer(options.data / "vgg16_conv1-3.safetensors")
    train(student, lessons, Check(lessons, held, 256), options, workers)


if __name__ == "__main__":
    main()
