"""Several attributes at once: digits by digit, parity and size; product photos by type and colour.

python -m benchmarks.codes.attributes --data DIR
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks import data, real
from benchmarks.codes import cifar
from devise import Library
from devise.descriptors.network.heads import CodeHead
from devise.search.attributes import weighed
from devise.spaces import Space
from devise.training.datasets.example import ATTRIBUTE
from devise.training.objectives.attributes import Attributes
from devise.training.objectives.base import Lessons
from devise.training.options import TrainOptions

SEED, EPOCHS, BATCH, RATE = 7, 20, 64, 1e-3
JUDGED = 0.2  # share of the photos that are not learnt from, and ask each other
Floats = NDArray[np.float32]


class Photos(NamedTuple):
    """features: (n, dim), none below 0; labels: of each photo {attribute: label}."""

    features: Floats
    labels: list[dict[str, str]]


def digits(folder: Path | None) -> tuple[Photos, NDArray[np.uint8]]:
    """MNIST's as pixels, and the pictures."""
    files = sorted(data.unpacked(folder, "digits").glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    labels = [{"digit": file.parent.name, "parity": "odd" if int(file.parent.name) % 2 else "even",
               "size": "small" if int(file.parent.name) < 5 else "large"} for file in files]  # fmt: skip
    features = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1).astype(np.float32) / 255  # as the backbone pixels
    return Photos(features, labels), pixels


def products(folder: Path | None) -> tuple[Photos, dict[str, Floats]]:
    """With type and colour, and the rows of other spaces, of kinds and colours with ten photos."""
    with Library(real.indexed(folder, "fashion", ["fashion"])) as library:
        paths, features = library.vectors("features")
        others = {name: library.vectors(name)[1] for name in ("features", "words", "colour")}
    with (data.unpacked(folder, "fashion") / "labels.csv").open(newline="") as file:
        said = {Path(row["path"]).name: {"type": row["articleType"], "colour": row["baseColour"]}
                for row in csv.DictReader(file)}  # fmt: skip
    labels = [said[Path(path).name] for path in paths]
    counts = {name: {label: sum(row[name] == label for row in labels) for label in {row[name] for row in labels}}
              for name in ("type", "colour")}  # fmt: skip
    kept = np.array([all(counts[name][row[name]] >= 10 for name in counts) for row in labels])
    return (Photos(features[kept], [row for row, keep in zip(labels, kept, strict=True) if keep]),
            {name: rows[kept] for name, rows in others.items()})  # fmt: skip


def learnt(photos: Photos, rows: NDArray[np.int64]) -> tuple[Floats, Space]:
    """Rows of the space of all photos, learnt from some: what `devise train --objective attributes` does."""
    torch.manual_seed(SEED)
    names = sorted({f"{name}{ATTRIBUTE}{label}" for row in photos.labels for name, label in row.items()})
    at = {name: number for number, name in enumerate(names)}
    truth = torch.zeros(len(photos.labels), len(names))
    for number, row in enumerate(photos.labels):
        truth[number, [at[f"{name}{ATTRIBUTE}{label}"] for name, label in row.items()]] = 1
    lessons = Lessons([], tuple(names), truth, torch.ones_like(truth), torch.ones(len(truth)), truth[:0], "", "")
    objective = Attributes(lessons, TrainOptions(data=Path(), out="", objectives=("attributes",)))
    features = torch.from_numpy(photos.features)
    (config,) = objective.heads(features.shape[1]).values()
    head = CodeHead(config)
    trained = [*head.parameters(), *objective.modules["proxies"].parameters()]
    optimizer = torch.optim.AdamW(trained, RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for some in objective.sampler(torch.from_numpy(rows)).split(BATCH):
            if len(some) > 1:
                optimizer.zero_grad(set_to_none=True)
                objective.loss({"attributes": head}, features[some, None], some).backward()
                optimizer.step()
        schedule.step()
    head.eval()
    with torch.no_grad():
        blocks = torch.cat([objective.blocks({"attributes": head}, part[:, None]) for part in features.split(1000)])
    unit = blocks.flatten(1).numpy() / np.sqrt(len(config.attributes))
    return unit, Space(name="attributes", dim=config.num_out, attributes=config.attributes)


def nearest(asked: Floats, rows: Floats, k: int = 10) -> NDArray[np.int64]:
    """Of each photo the others nearest to it: asked, rows (n, dim), in one order -> (n, k)."""
    scores = asked @ rows.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def precision(found: NDArray[np.int64], labels: list[dict[str, str]]) -> dict[str, float]:
    """P@10 of each attribute, and of all at once."""
    names = sorted(labels[0])
    right = {name: np.array([[labels[i][name] == labels[j][name] for j in row] for i, row in enumerate(found)])
             for name in names}  # fmt: skip
    return {name: float(some.mean()) for name, some in right.items()} | {
        "all": float(np.logical_and.reduce(list(right.values())).mean())
    }


def line(name: str, figures: dict[str, float]) -> None:
    print(f"| {name} | {' | '.join(f'{x:.3f}' for x in figures.values())} |", flush=True)


def weighing(rows: Floats, space: Space, weights: dict[str, float]) -> Floats:
    return np.stack([weighed(row, space, weights)[0] for row in rows])


def split(num: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(SEED).permutation(num)
    return np.sort(order[int(num * JUDGED) :]), np.sort(order[: int(num * JUDGED)])


def show_products(folder: Path | None) -> None:
    photos, others = products(folder)
    learning, judging = split(len(photos.labels))
    labels = [photos.labels[i] for i in judging]
    print(f"{len(learning):,} products learnt, {len(judging):,} ask each other\n| | colour | type | both |")
    print("|---|---|---|---|")
    for name in ("features", "words"):
        line(name, precision(nearest(others[name][judging], others[name][judging]), labels))
    colour = others["colour"][judging]
    l1 = np.stack([-np.abs(row - colour).sum(1) for row in colour])
    for weight in (0.5, 1.0):
        scores = others["features"][judging] @ others["features"][judging].T + weight * (1 + l1 / 2)
        np.fill_diagonal(scores, -np.inf)
        line(f"features,{weight:g}:colour", precision(np.argsort(-scores, axis=1, kind="stable")[:, :10], labels))
    rows, space = learnt(photos, learning)
    for weights in ({}, {"colour": 2.0}, {"type": 2.0}, {"colour": 0.0}, {"type": 0.0}):
        how = ", ".join(f"--weight {name}={x:g}" for name, x in weights.items())
        asked = weighing(rows[judging], space, weights)
        line(f"attributes {how}".strip(), precision(nearest(asked, rows[judging]), labels))


def show_digits(folder: Path | None, picture: Path) -> None:
    photos, pixels = digits(folder)
    learning, judging = split(len(photos.labels))
    rows, _ = learnt(photos, learning)
    labels, x = [photos.labels[i] for i in judging], rows[judging]
    print(f"\n{len(learning):,} digits learnt, {len(judging):,} ask each other\n| | digit | parity | size | all |")
    print("|---|---|---|---|---|")
    plain = photos.features[judging] / np.linalg.norm(photos.features[judging], axis=1, keepdims=True)
    line("pixels", precision(nearest(plain, plain), labels))
    line("attributes", precision(nearest(x, x), labels))
    scores, number = x @ x.T, np.array([int(row["digit"]) for row in labels])
    print("\n| | mean cosine to another |\n|---|---|")
    columns = {name: np.array([row[name] for row in labels]) for name in labels[0]}
    same = {name: column[:, None] == column for name, column in columns.items()}
    is_other = ~np.eye(len(x), dtype=bool)
    kinds = {"the same digit": same["digit"] & is_other,
             "another digit of its parity and size": ~same["digit"] & same["parity"] & same["size"],
             "of its parity alone": same["parity"] & ~same["size"], "of its size alone": same["size"] & ~same["parity"],
             "of neither": ~same["size"] & ~same["parity"]}  # fmt: skip
    for name, some in kinds.items():
        print(f"| {name} | {scores[some].mean():.3f} |")
    draw(pixels[judging], scores, number, picture)


def draw(pixels: NDArray[np.uint8], scores: Floats, number: NDArray[np.int64], picture: Path) -> None:
    """For one picture of each digit others at even steps of the order, from the nearest to the farthest."""
    lines = []
    for digit in range(10):
        asked = int(np.flatnonzero(number == digit)[0])
        order = np.argsort(-scores[asked], kind="stable")
        shown = [asked, *order[order != asked][np.linspace(0, len(order) - 2, 24).astype(int)]]
        cells = [np.pad(pixels[i], ((2, 2), (2, 2 + 12 * (place == 0)), (0, 0)), constant_values=90)
                 for place, i in enumerate(shown)]  # fmt: skip
        lines.append(np.concatenate(cells, axis=1))
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(lines)).save(picture, optimize=True)
    print(f"\n{picture}: each digit, then others from the nearest to the farthest at even steps of the order")


def main() -> None:
    options = data.parser((__doc__ or "").splitlines()[0]).parse_args()
    show_products(options.data)
    show_digits(options.data, cifar.RUNS / "digits.png")


if __name__ == "__main__":
    main()
