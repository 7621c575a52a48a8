"""Networks that learn CIFAR-10 as a whole: a VGG for 32 pixels from the start, the model that ships, and hash layers.

python -m benchmarks.codes.learning --data DIR     # goes on where it was stopped
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks import data
from benchmarks.codes import cifar
from benchmarks.codes.muon import Muon
from devise import config
from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import load
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.heads import CodeHead
from devise.descriptors.network.preprocess import Preprocessing
from devise.files import replacing
from devise.training.objectives.hashing import METHODS, mean_ap

BITS = (12, 24, 32, 48)
SMOOTHING = 0.2  # of labels (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024, whose recipe this is, but for the widths)
HEADS = 1e-2  # rate of AdamW for layers on VGG32
# 49 million products a picture. The first layer whitens patches of 3 x 3 and learns no more.
VGG32 = BackboneConfig(
    name="vgg32", layers=(24, 48, "M", 48, 96, "M", 96, 192, "M", 192), batch_norm=True, first_stride=1, top="conv",
    num_features=256, preprocessing=Preprocessing(size=32, resize="squash"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Course:
    """What learns what. methods: of hashing, each with heads of all BITS; none: the ten classes are learnt.

    begin: the course whose backbone goes on; "": VGG32 from the start; "shipped": the model that ships.
    rate: of Muon, as a share of each kernel's length (VGG32), or of AdamW (slim; new layers learn at ten times it).
    """

    name: str
    begin: str
    photos: int
    epochs: int
    rate: float
    batch: int
    size: int = 32
    methods: tuple[str, ...] = ()
    warmup: int = 0  # steps in which the rate rises: one that is too high at once undoes what a backbone knew


class Heads(nn.Module):
    """Layers on features: "classes", or "METHOD BITS" for all BITS of each method."""

    def __init__(self, num_features: int, methods: tuple[str, ...]) -> None:
        super().__init__()
        self.heads, self.losses = nn.ModuleDict(), nn.ModuleDict()
        if not methods:
            self.heads["classes"] = nn.Linear(num_features, 10)
        for method in methods:
            for bits in BITS:
                about = HeadConfig(kind="bits", num_features=num_features, num_out=bits, labels=())
                self.heads[f"{method} {bits}"] = CodeHead(about)
                self.losses[f"{method} {bits}"] = METHODS[method](bits, 10)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """The logarithms' mean over the heads: losses of pairs have tens of times the slope of a softmax's."""
        if "classes" in self.heads:
            return F.cross_entropy(self.heads["classes"](features), labels, label_smoothing=SMOOTHING)
        truth = torch.eye(10)[labels]
        each = [self.losses[name](head(features), truth, torch.ones_like(truth)) for name, head in self.heads.items()]
        return torch.stack(each).log().mean()


class Network(Heads):
    def __init__(self, backbone: Backbone, methods: tuple[str, ...]) -> None:
        super().__init__(backbone.config.num_features, methods)
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def whitened(backbone: Backbone, pixels: NDArray[np.uint8]) -> None:
    """Set the first layer to the 12 principal directions of patches of the photos, and to their opposites."""
    first = backbone.features[0]
    assert isinstance(first, nn.Conv2d)
    patches = F.unfold(cifar.normalized(pixels, backbone.config.preprocessing), 3, padding=0)
    rows = patches.transpose(1, 2).reshape(-1, 27)
    values, axes = torch.linalg.eigh(rows.T @ rows / len(rows))
    num = first.out_channels // 2
    scaled = (axes / (values + 1e-3).sqrt()).T.flip(0)[:num].view(num, 3, 3, 3)
    with torch.no_grad():
        first.weight.copy_(torch.cat([scaled, -scaled]))


def begun(course: Course, pixels: NDArray[np.uint8], folder: Path = cifar.RUNS) -> Network:
    """As it is before the first step; pixels: of the photos that it learns from."""
    torch.manual_seed(cifar.SEED)
    if course.begin == "shipped":
        backbone = load(config.SHIPPED_MODEL).backbone
        backbone.config = backbone.config.at(course.size)
    elif course.begin:
        backbone = trained(COURSES[course.begin], folder).backbone
    else:
        backbone = Backbone(VGG32)
        whitened(backbone, pixels[:5000])
    if backbone.config.name == VGG32.name:
        backbone.features[0].weight.requires_grad_(False)
    return Network(backbone, course.methods)


def optimizers(network: Network, course: Course) -> list[torch.optim.Optimizer]:
    """Of the new layers and of the backbone."""
    new = [*network.heads.parameters(), *network.losses.parameters()]
    rows = [p for p in network.backbone.parameters() if p.requires_grad]
    if network.backbone.config.name != VGG32.name:
        groups = [{"params": new, "lr": 10 * course.rate}, {"params": rows, "lr": course.rate}]
        return [torch.optim.AdamW(groups, weight_decay=0.01)]
    vectors = [p for p in rows if p.dim() == 1]
    return [
        Muon([p for p in rows if p.dim() == 4], lr=course.rate),
        torch.optim.AdamW([*new, *vectors], HEADS, weight_decay=0.01),
    ]


def learn(photos: cifar.Cifar, course: Course, folder: Path = cifar.RUNS) -> None:
    """Write the network of a course, or nothing where it is there. Goes on where it was stopped."""
    path, state = folder / f"{course.name}.pt", folder / f"{course.name}.state"
    if path.exists():
        return
    rows = photos.some("train", course.photos // 10)
    network = begun(course, photos.pixels[np.random.default_rng(cifar.SEED).permutation(rows)], folder)
    parts = optimizers(network, course)
    done, seconds = 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        network.load_state_dict(kept["network"])
        for part, its in zip(parts, kept["optimizers"], strict=True):
            part.load_state_dict(its)
        done, seconds = kept["epoch"], kept["seconds"]
    for epoch in range(done, course.epochs):
        start = time.process_time()
        torch.set_flush_denormal(True)  # on numbers below 1e-38 a processor spends ten times as long
        try:
            loss = _epoch(network, parts, photos, rows, course, epoch)
        finally:
            torch.set_flush_denormal(False)  # it holds for all that the program computes
        seconds += time.process_time() - start
        with replacing(state) as temporary:
            torch.save({"network": network.state_dict(), "optimizers": [part.state_dict() for part in parts],
                        "epoch": epoch + 1, "seconds": seconds}, temporary)  # fmt: skip
        print(f"{course.name}: epoch {epoch + 1} of {course.epochs}, loss {loss:.3f}, {_judged(network, photos)}"
              f"{seconds:.0f} s of one core", flush=True)  # fmt: skip
    about = {"seconds": seconds, **asdict(course)}
    with replacing(path) as temporary:
        torch.save({"network": network.state_dict(), "about": about}, temporary)
    state.unlink(missing_ok=True)


def _epoch(
    network: Network,
    parts: list[torch.optim.Optimizer],
    photos: cifar.Cifar,
    rows: NDArray[np.int64],
    course: Course,
    epoch: int,
) -> float:
    """Each picture once, but for what does not fill a batch; the mean loss. Rates fall to 0 in a line.

    A picture is mirrored in every other epoch, half of them in the even ones (Jordan, 2024).
    """
    torch.manual_seed(cifar.SEED + 1000 * epoch)
    network.train()
    labels, steps, total = torch.from_numpy(photos.labels), len(rows) // course.batch, 0.0
    order = rows[torch.randperm(len(rows)).numpy()]
    is_first = torch.rand(len(photos.labels), generator=torch.Generator().manual_seed(cifar.SEED)) < 0.5
    about = network.backbone.config.preprocessing
    for number in range(steps):
        step = epoch * steps + number
        left = min(1 - step / (course.epochs * steps), (step + 1) / max(course.warmup, 1))
        for part in parts:
            for group in part.param_groups:
                group.setdefault("first", group["lr"])
                group["lr"] = group["first"] * left
        some = torch.from_numpy(order[number * course.batch : (number + 1) * course.batch])
        pixels = cifar.augmented(photos.pixels[some.numpy()], about, is_first[some] ^ bool(epoch % 2))
        with torch.autocast("cpu", torch.bfloat16):
            features = network.backbone(pixels)
        loss = network.loss(features.float(), labels[some])
        for part in parts:
            part.zero_grad(set_to_none=True)
        loss.backward()
        for part in parts:
            part.step()
        total += loss.item()
    return total / steps


@torch.no_grad()
def features(network: Network, pixels: NDArray[np.uint8], at_once: int = 250) -> Tensor:
    """(n, num_features), in bfloat16 as it learnt."""
    network.eval()
    about = network.backbone.config.preprocessing
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat([network.backbone(cifar.normalized(pixels[at : at + at_once], about)).float()
                          for at in range(0, len(pixels), at_once)])  # fmt: skip


@torch.no_grad()
def _judged(network: Network, photos: cifar.Cifar, step: int = 20) -> str:
    """Every twentieth test picture is told right or wrong, or asks the others."""
    rows, labels = features(network, photos.pixels[50_000::step]), torch.from_numpy(photos.labels[50_000::step])
    if "classes" in network.heads:
        right = network.heads["classes"](rows).argmax(1) == labels
        return f"{right.float().mean():.3f} of {len(right):,} test pictures right, "
    truth, found = torch.eye(10)[labels].numpy(), []
    for head in network.heads.values():
        codes = torch.where(head(rows) > 0, 1.0, -1.0)
        found.append(mean_ap((codes @ codes.T).numpy(), truth) or 0.0)
    return f"mAP {min(found):.3f} to {max(found):.3f} among {len(rows):,} test pictures, "


def trained(course: Course, folder: Path = cifar.RUNS) -> Network:
    """What `learn` has written."""
    kept = torch.load(folder / f"{course.name}.pt", weights_only=True)
    about = load(config.SHIPPED_MODEL).backbone.config.at(course.size) if course.name.startswith("slim") else VGG32
    network = Network(Backbone(about), course.methods)
    network.load_state_dict(kept["network"])
    return network


# The whole network learns with the sixteen heads at once: one network for each method and number of bits would cost
# sixteen times as much. The VGG learns the classes first, as the networks of Lin and DPSH had seen ImageNet.
COURSES = {
    course.name: course
    for course in (
        Course(name="vgg", begin="", photos=50_000, epochs=6, rate=0.12, batch=500),
        Course(name="vgg-first", begin="vgg", photos=50_000, epochs=3, rate=0.05, batch=500, methods=tuple(METHODS)),
        Course(name="vgg-codes", begin="vgg-first", photos=50_000, epochs=5, rate=0.03, batch=500,
               methods=tuple(METHODS)),
        Course(name="slim-codes", begin="shipped", photos=5_000, epochs=8, rate=1.5e-4, batch=50, size=96,
               methods=tuple(METHODS), warmup=100),
    )
}  # fmt: skip


def main() -> None:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(COURSES), default=list(COURSES), help="these courses")
    options = parser.parse_args()
    photos = cifar.read(options.data)
    for name in options.only:
        learn(photos, COURSES[name])


if __name__ == "__main__":
    main()
