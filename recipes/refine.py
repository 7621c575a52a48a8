"""Let the distilled backbone learn from several teachers at once: the second step of the model that ships.

    python -m torch.distributed.run --nproc-per-node 2 -m recipes.refine --data D --out runs/refined

It begins as the backbone of a checkpoint, batch norms folded (recipes.folding), and learns what CLIP makes of whole
photos and of parts of them (recipes.parts), the detector's classes at every place and of the whole view, and
MobileNetV2's classes: several teachers at once as in Ranzinger et al., "AM-RADIO", 2024; one view for all of them as in
Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022; small pixels first. Kernels step
by Muon: in 250 steps of 160 pixels its loss on CLIP fell to 1.63 where that of AdamW, at 4e-5 or 1e-4, fell to 1.71.
The moving average of the weights is measured and kept.
Killed at any moment, the same command goes on from its last state; more photos or embeddings cached meanwhile count.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from devise.descriptors.network.checkpoint import load
from devise.files import replacing
from recipes.bar import Bar
from recipes.folding import folded
from recipes.multi_teacher import Losses, MultiStudent, normalized
from recipes.muon import Muon
from recipes.probe import Probe, voc_labels
from recipes.shipped_model import distilled
from recipes.views import Lessons
from recipes.workers import Workers

DECAY = 0.998  # of the moving average: 500 steps
FRESH = 10.0  # times the backbone's rate for the layers that begin from noise
RISE = 200  # steps in which the rate rises, at the start of each plan
LONGEST = 1.0  # gradient that is followed in full
WEIGHT_DECAY = 0.02
PLANS = (
    "192:32:200:1e-4:heads,192:64:2700:3e-4:all,256:40:2100:2.5e-4:all,320:24:2700:2e-4:all,448:16:2700:1.5e-4:cools"
)
SIZE = 448  # of the photos that the finished model looks at


@dataclass(frozen=True)
class Plan:
    """size: side of the pixels; photos: of each process in each step; kind: "heads" alone learn, "all" do, or all do
    and the rate "cools" to zero. Heads begin from noise, and what that would teach the backbone is noise too.
    """

    size: int
    photos: int
    steps: int
    lr: float
    kind: str

    @classmethod
    def parse(cls, text: str) -> list[Plan]:
        """From "160:24:200:1e-4:heads,160:24:4000:1e-4:all,320:8:2000:1e-4:cools"."""
        rows = [part.split(":") for part in text.split(",")]
        return [cls(int(r[0]), int(r[1]), int(r[2]), float(r[3]), r[4]) for r in rows]

    def rate(self, step: int) -> float:
        left = 1 - step / self.steps if self.kind == "cools" else 1
        return self.lr * min(1, (step + 1) / RISE) * left


@dataclass
class Learner:
    """muon: of the backbone's kernels; adam: of its biases and of the heads."""

    student: MultiStudent
    average: MultiStudent
    muon: torch.optim.Optimizer
    adam: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def of(cls, student: MultiStudent, workers: Workers) -> Learner:
        mine = [p for p in student.backbone.parameters() if p.requires_grad]
        groups = [{"params": [p for p in mine if p.dim() < 4], "factor": 1.0},
                  {"params": list(student.heads.parameters()), "factor": FRESH}]  # fmt: skip
        adam = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.999))
        muon = Muon([p for p in mine if p.dim() == 4], workers, lr=0)
        return cls(student, copy.deepcopy(student).eval(), muon, adam)

    def learn(self, loss: Tensor, rate: float, workers: Workers) -> None:
        self.student.zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(self.student)
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), LONGEST)
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("factor", 1.0)
            optimizer.step()
        self.step += 1
        decay = min(DECAY, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for ours, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
                ours.lerp_(new, 1 - decay)

    def save(self, file: Path) -> None:
        state = {
            "config": self.student.backbone.config.to_json(),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.adam.state_dict(),
            "muon": self.muon.state_dict(),
            "step": self.step,
        }
        with replacing(file) as temporary:
            torch.save(state, temporary)

    def restore(self, file: Path) -> None:
        state = torch.load(file, weights_only=True)
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.adam.load_state_dict(state["optimizer"])
        self.muon.load_state_dict(state["muon"])
        self.step = state["step"]


def train(learner: Learner, lessons: Lessons, probe: Probe, options: argparse.Namespace, workers: Workers) -> None:
    """Through all plans from the learner's step on; each plan's last state is kept."""
    plans = Plan.parse(options.plans)
    start = 0  # of the plan, in steps of all
    with Bar("refine", sum(plan.steps for plan in plans)) as bar:
        for plan in plans:
            log = Log(options.out / "log.jsonl", bar)
            while learner.step < start + plan.steps:
                losses = step(learner, lessons, plan, plan.rate(learner.step - start), options.seed, workers)
                is_last = learner.step == start + plan.steps
                log.add(losses, plan.photos * workers.count)
                if workers.rank == 0:
                    bar.move(learner.step)
                    if learner.step % options.save_every == 0 or is_last:
                        learner.save(options.out / "state.pt")
                    if learner.step % options.check_every == 0 or is_last:
                        log.write({"step": learner.step, "size": plan.size}, probe(learner.average))
                    if is_last:
                        learner.save(options.out / f"state-{learner.step}.pt")
                if learner.step % options.check_every == 0 or is_last:
                    workers.wait()
            start += plan.steps


def step(learner: Learner, lessons: Lessons, plan: Plan, rate: float, seed: int, workers: Workers) -> dict[str, float]:
    rng = np.random.default_rng([seed, learner.step, workers.rank])
    views = lessons.views(plan.photos, plan.size, rng)
    with torch.autocast("cpu", torch.bfloat16):
        pixels = normalized(views.pixels).contiguous(memory_format=torch.channels_last)
        answers = learner.student(pixels, views.parts, learns=plan.kind != "heads")
    losses = Losses()(answers, views)
    learner.learn(torch.stack(list(losses.values())).sum(), rate, workers)
    return {name: loss.item() for name, loss in losses.items()}


class Log:
    """Means of the losses since the last line, and photos a second, as lines of JSON."""

    def __init__(self, file: Path, bar: Bar) -> None:
        self._file, self._bar = file, bar
        self._clear()

    def _clear(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._photos, self._begun = 0, time.monotonic()

    def add(self, losses: dict[str, float], photos: int) -> None:
        self._rows.append(losses)
        self._photos += photos

    def write(self, about: dict[str, object], measured: dict[str, object]) -> None:
        speed = self._photos / (time.monotonic() - self._begun)
        means = {name: round(float(np.mean([row[name] for row in self._rows])), 4) for name in self._rows[0]}
        line = json.dumps(about | {"photos a second": round(speed, 1)} | means | measured)
        with self._file.open("a") as opened:
            opened.write(line + "\n")
        self._bar.note(line)
        self._clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--begin", default="slim", help="checkpoint, or state of recipes.distill, to begin with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plans", default=PLANS,
                        help="side of the pixels, photos a step and process, steps, rate, comma, ...")  # fmt: skip
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side that the model will look at")
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--check-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workers = Workers()
    torch.manual_seed(options.seed)
    lessons = Lessons(options.photos)
    lessons.take_labels(voc_labels(options.data))
    begun_as = distilled(Path(options.begin)) if Path(options.begin).exists() else load(options.begin)
    student = MultiStudent(folded(begun_as.backbone, options.size))
    student.take_classes(begun_as.heads.get("classes"))
    learner = Learner.of(student.to(memory_format=torch.channels_last), workers)  # a step takes 0.7 of the time
    if (options.out / "state.pt").exists():
        learner.restore(options.out / "state.pt")
    workers.agree(learner.student)
    if workers.rank == 0:
        by_clip = int(np.isfinite(lessons.outputs["embeddings"][:, 0]).sum())
        print(f"{len(lessons.photos)} photos, {by_clip} of them seen by CLIP; from step {learner.step}", flush=True)
    train(learner, lessons, Probe(options.data, lessons.photos), options, workers)


if __name__ == "__main__":
    main()
