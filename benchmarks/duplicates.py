"""Duplicates beside imagededup: recall of known changes of photos, precision among photos that only look alike, time.

python -m benchmarks.duplicates --data DIR [--cnn 200] [--json FILE]

Needs the peers: pip install imagededup==0.3.3 torch torchvision. imagededup fetches the weights of its CNN when it is
imported; here they are not fetched, and --cnn runs its CNN with MobileNetV2 of the data folder instead.

A change counts as found where it is in one group with the photo it was made of: of devise where the photo to keep shows
that photo, of imagededup where the original is among its duplicates. Precision is the share of all named pairs that
show one photo; of devise a pair is a photo and the one to keep. A few photos of the others are in their set twice.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.changes import CHANGES, NUM_PHOTOS, made, original_of
from devise import Library

DISTANCE, COSINE = 10, 0.9  # imagededup's own thresholds


@dataclass
class Result:
    """found: change -> share of photos; pairs, right: all that were named, and those of one photo. seconds: for all."""

    name: str
    found: dict[str, float]
    pairs: int
    right: int
    prepare_seconds: float
    find_seconds: float

    @property
    def precision(self) -> float:
        return self.right / self.pairs if self.pairs else 1.0


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=NUM_PHOTOS, help="of those that are changed")
    parser.add_argument(
        "--cnn", type=int, default=0, metavar="N", help="also imagededup's CNN, on N photos and a sixth of the others"
    )
    asked = parser.parse_args()
    folder = made(asked.data)
    with tempfile.TemporaryDirectory() as place:
        photos = subset(folder, Path(place) / "photos", asked.photos)
        results = [*devise(photos, Path(place) / "library", asked.photos), *hashes(photos, asked.photos)]
        show(results, count_files(photos), f"{asked.photos:,} photos")
        if asked.cnn:
            few = subset(folder, Path(place) / "few", asked.cnn, every=6)
            some = [*devise(few, Path(place) / "few-library", asked.cnn), cnn(few, asked.data, asked.cnn)]
            show(some, count_files(few), f"{asked.cnn:,} photos")
            results += some
    if asked.json:
        asked.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n", "utf-8")


def subset(folder: Path, place: Path, photos: int, every: int = 1) -> Path:
    """The first photos with their changes, and of all others each n-th, as links to the same files."""
    for number in range(photos):
        shutil.copytree(folder / "photos" / f"{number:04}", place / "photos" / f"{number:04}", copy_function=os.link)
    (place / "others").mkdir(parents=True)
    for path in sorted((folder / "others").iterdir())[::every]:
        os.link(path, place / "others" / path.name)
    return place


def count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def scored(name: str, pairs: Iterable[tuple[str, str]], photos: int, times: tuple[float, float], stars: bool) -> Result:
    """stars: the first of each pair stands for its photo; else only the original does."""
    found, counts = Counter[str](), [0, 0]
    seen = set[tuple[str, str]]()
    for one, other in pairs:
        (photo, how), (again, change) = original_of(one), original_of(other)
        is_right = photo == again
        counts[0] += 1
        counts[1] += is_right
        if is_right and change in CHANGES and (stars or how == "original") and (photo, change) not in seen:
            seen.add((photo, change))
            found[change] += 1
        if is_right and stars and how in CHANGES and change == "original":  # a change was kept in its place
            seen.add((photo, how))
            found[how] += 1
    return Result(name, {change: found[change] / photos for change in CHANGES}, counts[0], counts[1], *times)


def devise(folder: Path, library: Path, photos: int) -> list[Result]:
    """Of each kind alone and of all up to it: the photo that is kept of a group of one kind stands in the next."""
    with Library(library) as opened:
        begin = time.perf_counter()
        opened.index([folder])
        indexed = time.perf_counter() - begin
        results = []
        pairs: list[tuple[str, str]] = []
        for kind in ("same", "near", "similar"):
            begin = time.perf_counter()
            groups = opened.duplicates(up_to=kind)
            seconds = time.perf_counter() - begin
            pairs += [(group.keep.path, other.path) for group in groups if group.kind == kind for other in group.others]
            results.append(scored(f"devise, up to {kind}", pairs, photos, (indexed, seconds), stars=True))
    return results


def hashes(folder: Path, photos: int) -> list[Result]:
    methods = imagededup()
    results = []
    for name in ("PHash", "DHash", "AHash"):
        hasher = getattr(methods, name)(verbose=False)
        begin = time.perf_counter()
        encoded = hasher.encode_images(image_dir=str(folder), recursive=True)
        middle = time.perf_counter()
        found = hasher.find_duplicates(encoding_map=encoded, max_distance_threshold=DISTANCE)
        times = middle - begin, time.perf_counter() - middle
        results.append(scored(f"imagededup {name}", both_ways(found), photos, times, stars=False))
    return results


def cnn(folder: Path, data: Path, photos: int) -> Result:
    import torch
    from imagededup.utils import CustomModel
    from torchvision import transforms

    methods = imagededup()
    teacher = torch.jit.load(str(Path(data) / "teacher_mobilenet_v2.ts")).eval()

    class Features(torch.nn.Module):
        def forward(self, pixels: Any) -> Any:
            return teacher(pixels)[0].mean((2, 3))

    scale = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
    encoder = methods.CNN(
        verbose=False, model_config=CustomModel(name="MobileNetV2", model=Features(), transform=scale)
    )
    begin = time.perf_counter()
    encoded = encoder.encode_images(image_dir=str(folder), recursive=True)
    middle = time.perf_counter()
    found = encoder.find_duplicates(encoding_map=encoded, min_similarity_threshold=COSINE)
    times = middle - begin, time.perf_counter() - middle
    return scored("imagededup CNN (MobileNetV2)", both_ways(found), photos, times, stars=False)


def both_ways(found: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Each pair once, the original first where there is one."""
    pairs = {tuple(sorted((one, other))) for one, others in found.items() for other in others}
    return [(b, a) if original_of(b)[1] == "original" else (a, b) for a, b in pairs]


def imagededup() -> Any:
    """Its methods, imported without the weights that it would fetch."""
    try:
        from torchvision import models

        fetching: Callable[..., Any] = models.mobilenet_v3_small
        models.mobilenet_v3_small = lambda weights=None, **how: fetching(weights=None, **how)
        try:
            from imagededup import methods
        finally:
            models.mobilenet_v3_small = fetching
    except ImportError as error:
        sys.exit(f"{error}; pip install imagededup==0.3.3 torch torchvision")
    return methods


def show(results: list[Result], files: int, title: str) -> None:
    table = Table("", *(result.name for result in results), title=f"{title}, {files:,} files")
    for change in CHANGES:
        table.add_row(f"recall: {change}", *(f"{result.found[change]:.3f}" for result in results))
    table.add_row("pairs named", *(f"{result.pairs:,}" for result in results))
    table.add_row("precision", *(f"{result.precision:.3f}" for result in results))
    for name, field in (("s to index or encode", "prepare_seconds"), ("s to find", "find_seconds")):
        table.add_row(name, *(f"{getattr(result, field):.1f}" for result in results))
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
