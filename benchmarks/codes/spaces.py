"""All spaces side by side: bytes, time, precision on products, CIFAR-10 (a JPEG copy) and VOC; and pictures of answers.

python -m benchmarks.codes.spaces --data DIR     # indexes the photos once, which takes minutes

What is learnt is learnt of four fifths of the photos of each set, and the others ask each other: 2,000 are few. The
pictures are of the data and stay beside the runs.
"""

from __future__ import annotations

import csv
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks import data, real
from benchmarks.codes.autoencoders import learnt as rebuilding
from benchmarks.codes.cifar import RUNS
from benchmarks.codes.metrics import SEED
from devise import Library, config
from devise.descriptors.network.codes import positive
from devise.descriptors.network.heads import CodeHead
from devise.index.flat import FlatIndex
from devise.index.inverted import InvertedIndex
from devise.training.objectives.base import Lessons
from devise.training.objectives.hashing import Hashing
from devise.training.objectives.metric import Metric
from devise.training.options import TrainOptions
from devise.vectors import unit

JUDGED, EACH = 0.2, 150  # share of the photos that ask; pictures of each class of CIFAR
EPOCHS, BATCH, RATE = 20, 64, 1e-3
TIMED = 100_000
Floats = NDArray[np.float32]
COLOURS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#444444")


class Photos(NamedTuple):
    """spaces: rows of each as a library has them, (n, ...); truth: (n, labels)."""

    paths: list[str]
    spaces: dict[str, Floats]
    truth: Floats
    labels: tuple[str, ...]


def cifar(folder: Path) -> Path:
    """A folder of some of the test pictures."""
    place = config.user_cache() / "benchmarks" / f"cifar-{EACH}"
    if not place.exists():
        taken: dict[str, int] = {}
        with tarfile.open(folder / "cifar10.tar.xz") as archive:
            for member in archive:
                part, label, name = Path(member.name).parts[-3:] if member.name.count("/") > 1 else ("", "", "")
                file = archive.extractfile(member) if part == "test" and name.endswith(".jpg") else None
                if file and taken.setdefault(label, 0) < EACH:
                    taken[label] += 1
                    written = place.with_suffix(".part") / label / name
                    written.parent.mkdir(parents=True, exist_ok=True)
                    written.write_bytes(file.read())
        place.with_suffix(".part").rename(place)
    return place


def read(folder: Path, name: str) -> Photos:
    if name == "CIFAR":
        source = cifar(folder)
        place = config.user_cache() / "benchmarks" / "library-cifar"
        with Library(place) as library:
            if not len(library):
                library.index([source])
    else:
        place = real.indexed(folder, name, [name])
    with Library(place) as library:
        spaces = {space: library.vectors(space)[1] for space in ("features", "words", "colour", "phash")}
        paths = library.paths()
    if name == "CIFAR":
        said = [[Path(path).parent.name] for path in paths]
    else:
        column = "articleType" if name == "fashion" else "labels"
        with (data.unpacked(folder, name) / "labels.csv").open(newline="") as file:
            rows = {Path(row["path"]).name: row[column].split("|") for row in csv.DictReader(file)}
        said = [rows[Path(path).name] for path in paths]
    labels = tuple(sorted({label for row in said for label in row}))
    return Photos(paths, spaces, np.array([[label in row for label in labels] for row in said], np.float32), labels)


def codes(photos: Photos, learning: NDArray[np.int64], judging: NDArray[np.int64]) -> dict[str, Floats]:
    """Rows of the spaces that are learnt: what `devise train` does, on features that are there."""
    features = photos.spaces["features"]
    found: dict[str, Floats] = {}
    for name, objective in (("bits", Hashing), ("metric", Metric)):
        torch.manual_seed(SEED)
        truth, rows = torch.from_numpy(photos.truth), torch.from_numpy(features)[:, None]
        lessons = Lessons([], photos.labels, truth, torch.ones_like(truth), torch.ones(len(truth)), truth[:0], "", "")
        one = objective(lessons, TrainOptions(data=Path(), out="", objectives=("metric",), loss="ntxent"))
        head = CodeHead(one.heads(features.shape[1])[name])
        learn(one, head, name, rows, torch.from_numpy(learning))
        with torch.no_grad():
            numbers = head(rows[:, 0]).numpy()
        found[name] = np.where(numbers > 0, 1, -1).astype(np.float32) if name == "bits" else unit(numbers)
    for name, chosen in (("code", {"dim": 64}), ("code, --dim 256", {"dim": 256}), ("sparse", {"l1": 0.03})):
        options = TrainOptions(data=Path(), out="", objectives=("autoencoder",), **chosen)  # type: ignore[arg-type]
        made = rebuilding(features, learning, judging, options, *((1e-4,) if name != "sparse" else (1e-3, 10)))
        found[name] = made.codes(features)
    rows = positive(found["sparse"])
    rare = np.log((len(rows) + 1) / np.maximum((rows > 0).sum(0), 1))
    found["sparse"] = (rows * rare).astype(np.float32)
    return found


def learn(objective: Hashing | Metric, head: CodeHead, name: str, rows: torch.Tensor, learning: torch.Tensor) -> None:
    modules = [head, *objective.modules.values()]
    optimizer = torch.optim.AdamW([p for module in modules for p in module.parameters()], RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for some in objective.sampler(learning).split(BATCH):
            if len(some) > 1:
                optimizer.zero_grad(set_to_none=True)
                objective.loss({name: head}, rows[some], some).backward()
                optimizer.step()
        schedule.step()
    head.eval()


def scores(name: str, rows: Floats) -> Floats:
    """(n, n), a higher one is nearer."""
    if name == "colour":
        return np.stack([-np.abs(rows - row).sum(1) for row in rows])
    if name == "phash":
        flags = np.unpackbits(rows.astype(np.uint8), axis=1).astype(np.float32) * 2 - 1
        return flags @ flags.T
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return (rows / lengths) @ (rows / lengths).T


def nearest(name: str, rows: Floats) -> NDArray[np.int64]:
    found = scores(name, rows)
    np.fill_diagonal(found, -np.inf)
    return np.argsort(-found, axis=1, kind="stable")[:, :10]


def milliseconds() -> Mapping[str, float]:
    """Processor time of the ten nearest of 100,000 drawn rows, by the index of each kind, the median of fifteen."""
    random, ids = np.random.default_rng(SEED), np.arange(TIMED)
    found = {}
    for name, dim in (("features", 1280), ("words", 300), ("metric", 128), ("code", 64), ("code, --dim 256", 256)):
        flat = FlatIndex(dim)
        for start in range(0, TIMED, 10_000):
            flat.add(ids[start : start + 10_000], unit(random.normal(size=(10_000, dim))))
        found[name] = _median(flat, unit(random.normal(size=(15, dim))))
    for name, bits in (("bits", 48), ("phash", 64)):
        flat = FlatIndex(bits, "hamming")
        flat.add(ids, random.integers(0, 256, (TIMED, bits // 8), dtype=np.uint8))
        found[name] = _median(flat, random.integers(0, 256, (15, bits // 8), dtype=np.uint8))
    return found


def _median(index: FlatIndex | InvertedIndex, queries: NDArray[np.generic]) -> float:
    taken = []
    for query in queries:
        begun = time.process_time()
        index.search(query[None], 10)
        taken.append(1e3 * (time.process_time() - begun))
    return float(np.median(taken))


def sheet(photos: Photos, judging: NDArray[np.int64], found: Mapping[str, NDArray[np.int64]], name: str) -> None:
    """Ten photos that ask, and the five nearest of each space."""
    lines = []
    for asked in np.linspace(0, len(judging) - 1, 10).astype(int):
        shown = [asked, *(place for near in found.values() for place in near[asked][:5])]
        cells = [np.asarray(Image.open(photos.paths[judging[i]]).convert("RGB").resize((64, 64))) for i in shown]
        padded = [np.pad(cell, ((1, 1), (1, 1 + 6 * (at % 5 == 0)), (0, 0)), constant_values=255)
                  for at, cell in enumerate(cells)]  # fmt: skip
        lines.append(np.concatenate(padded, axis=1))
    RUNS.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(lines)).save(RUNS / f"ten-{name}.png")
    print(f"\n{RUNS}/ten-{name}.png: ten photos, and the five nearest each by {', '.join(found)}")


def points(rows: Floats, truth: Floats, labels: tuple[str, ...], file: Path) -> None:
    """Codes in two dimensions, by t-SNE, as an SVG."""
    from sklearn.manifold import TSNE

    at = TSNE(2, perplexity=20, random_state=SEED, init="pca").fit_transform(rows)
    at = (at - at.min(0)) / (at.max(0) - at.min(0)) * (440, 400) + (10, 10)
    dots = [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{COLOURS[label]}"/>'
            for (x, y), label in zip(at, truth.argmax(1), strict=True)]  # fmt: skip
    names = [f'<circle cx="475" cy="{25 + 20 * n}" r="5" fill="{COLOURS[n]}"/>'
             f'<text x="487" y="{30 + 20 * n}" font-family="sans-serif" font-size="14">{label}</text>'
             for n, label in enumerate(labels)]  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 580 420">',
             '<rect width="580" height="420" fill="#fff"/>']  # fmt: skip
    file.write_text("\n".join([*lines, *dots, *names, "</svg>", ""]))


def main() -> None:
    options = data.parser((__doc__ or "").splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    times, table = milliseconds(), dict[str, list[str]]()
    for name in ("fashion", "CIFAR", "voc"):
        photos = read(options.data, name)
        order = np.random.default_rng(SEED).permutation(len(photos.paths))
        cut = int(JUDGED * len(order))
        learning, judging = np.sort(order[cut:]), np.sort(order[:cut])
        rows = {**photos.spaces, **codes(photos, learning, judging)}
        truth, found = photos.truth[judging], {}
        for space, all_rows in rows.items():
            found[space] = nearest(space, all_rows[judging])
            right = np.take_along_axis(truth @ truth.T > 0, found[space], axis=1)
            table.setdefault(space, []).append(f"{right.mean():.3f}")
        sheet(photos, judging, {each: found[each] for each in ("features", "bits", "code")}, name)
        print(f"{name}: {len(learning):,} learnt, {len(judging):,} ask each other", flush=True)
    print(f"\n| space | ms, {TIMED:,} photos, exact | products | CIFAR-10 | VOC |\n|---|---|---|---|---|")
    for space, cells in table.items():
        print(f"| {space} | {times.get(space, float('nan')):.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
