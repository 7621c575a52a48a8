"""Make the model that ships from a distilled backbone: gather labels, train the words head, save it with both heads.

    python -m recipes.shipped_model --data D --student runs/slim/state.pt --out checkpoints/slim.safetensors

Each data set is a group of its own in the CSV: that a photo of VOC is not labelled "grass" says nothing, because VOC
has no such label. The held-out quarter of VOC is in none of it.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models._meta import _IMAGENET_CATEGORIES

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.calibrate import PHOTOS, calibrate
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.descriptors.network.config import BACKBONES, HeadConfig
from devise.errors import VectorsError
from devise.training import TrainOptions, TrainProgress, train
from devise.training.datasets.example import NOTHING, as_label
from devise.training.report import EpochReport
from devise.words import WordVectors
from devise.words.importing import import_vectors
from recipes.nothing import make as textures
from recipes.photos import FULL_SIZE_SETS, Photos, full_size, is_held_out, tiny_class_numbers
from recipes.teacher import Teacher

TINY_PER_CLASS = 60  # of 300: small photos must not outnumber the full-size ones two to one
SURE = 0.6  # probability from which the teacher's class counts as a label
MIN_PHOTOS = 8  # a caption word seen less often is noise
GLOVE = "glove.6B.300d"
VOC_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "television",
}
# How often a photo of each group is looked at: VOC's photos teach to see several things in one picture, and drown in
# the others, which are more and have more labels (heads on VOC alone find its pairs with 0.48, on all alike with 0.36).
WEIGHTS = {"voc": 8.0, "captions": 1.5, "imagenet": 1.0, "guessed": 1.0, "caltech101": 1.0, "scenes": 0.7,
           "fashion": 0.7, "nothing": 1.0}  # fmt: skip
COMMON = 150  # photos of VOC with a label, from which a label is common
RARE = 4.0  # at most so much more often are photos with rarer labels looked at
CALTECH_SKIPPED = {"BACKGROUND_Google", "Faces_easy"}


@dataclass(frozen=True)
class Row:
    path: str
    labels: tuple[str, ...]
    group: str


def voc(data: Path) -> Iterator[Row]:
    for row in table(data / "voc.zip", "labels.csv"):
        if not is_held_out(row["path"]):
            labels = tuple(VOC_NAMES.get(label, label) for label in row["labels"].split("|"))
            yield Row(f"voc/{row['path']}", labels, "voc")


def captions(data: Path, visible: set[str]) -> Iterator[Row]:
    """Words of the five captions of a photo that name something visible."""
    words: dict[str, set[str]] = {}
    for row in table(data / "flickr8k.zip", "captions.csv"):
        found = {base for word in re.findall(r"[a-z]+", row["caption"].lower()) if (base := singular(word, visible))}
        words.setdefault(row["path"], set()).update(found)
    counts: dict[str, int] = {}
    for found in words.values():
        for word in found:
            counts[word] = counts.get(word, 0) + 1
    for path, found in words.items():
        kept = tuple(sorted(word for word in found if counts[word] >= MIN_PHOTOS))
        if kept:
            yield Row(f"flickr8k/{path}", kept, "captions")


def singular(word: str, visible: set[str]) -> str:
    """The form of a caption's word that the list of visible words has, or nothing."""
    forms = (word.removesuffix("s"), word.removesuffix("es"), word)
    return next((form for form in forms if form in visible), "")


def folders(data: Path, name: str) -> Iterator[Row]:
    with zipfile.ZipFile(data / f"{name}.zip") as archive:
        for member in sorted(archive.namelist()):
            folder = member.split("/")[0]
            if member.endswith(".jpg") and folder not in CALTECH_SKIPPED:
                yield Row(f"{name}/{member}", (as_label(folder).lower(),), name)


def fashion(data: Path) -> Iterator[Row]:
    for row in table(data / "fashion.zip", "labels.csv"):
        yield Row(f"fashion/{row['path']}", (row["articleType"].lower(),), "fashion")


def tiny(data: Path) -> Iterator[Row]:
    numbers = tiny_class_numbers(data, _IMAGENET_CATEGORIES)
    with zipfile.ZipFile(data / "tiny-imagenet.zip") as archive:
        members = sorted(name for name in archive.namelist() if name.startswith("train/") and name.endswith(".webp"))
    taken: dict[str, int] = {}
    for member in members:
        folder = member.split("/")[1]
        taken[folder] = taken.get(folder, 0) + 1
        if folder in numbers and taken[folder] <= TINY_PER_CLASS:
            yield Row(f"tiny-imagenet/{member}", named(_IMAGENET_CATEGORIES[numbers[folder]]), "imagenet")


def named(category: str) -> tuple[str, ...]:
    """A class and what it is a kind of (kinds.tsv, made by recipes.class_synonyms)."""
    return tuple(dict.fromkeys([as_label(category).lower(), *kinds().get(category, ())]))


@cache
def kinds() -> dict[str, tuple[str, ...]]:
    rows = (line.split("\t") for line in Path(__file__).with_name("kinds.tsv").read_text().splitlines())
    return {label: tuple(others) for label, *others in rows}


def guessed(data: Path, photos: Photos) -> Iterator[Row]:
    """What the teacher is sure of on the full-size photos, in a group of its own: they show more than that."""
    teacher = Teacher(data / "teacher_mobilenet_v2.ts")
    for start in range(0, len(photos.names), 16):
        part = torch.from_numpy(np.ascontiguousarray(photos.pixels[start : start + 16]))
        best = teacher(part.permute(0, 3, 1, 2).float() / 255)[2].softmax(1).max(1)
        for name, p, number in zip(photos.names[start:], best.values.tolist(), best.indices.tolist(), strict=False):
            if p >= SURE:
                yield Row(name, (as_label(_IMAGENET_CATEGORIES[number]).lower(),), "guessed")


def nothing(photos: Path) -> Iterator[Row]:
    """Pictures that show nothing with a name, as pieces of VOC's photos among others."""
    pieces = [
        file
        for file in sorted((photos / "voc").rglob("*.jpg"))
        if not is_held_out(str(file.relative_to(photos / "voc")))
    ]
    for file in textures(photos / "nothing", pieces):
        yield Row(f"nothing/{file.name}", (), "nothing")


def table(archive: Path, name: str) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(archive) as opened:
        yield from csv.DictReader(io.TextIOWrapper(opened.open(name), "utf-8"))


def unpack(data: Path, folder: Path) -> None:
    for name in (*FULL_SIZE_SETS, "tiny-imagenet"):
        if not (folder / name).exists():
            with zipfile.ZipFile(data / f"{name}.zip") as archive:
                archive.extractall(folder / f"{name}.part")
            (folder / f"{name}.part").rename(folder / name)


def write_csv(rows: Iterable[Row], file: Path, vectors: WordVectors) -> None:
    """Labels that have no word vector are dropped and named; a label needs two photos."""
    rows = list(rows)
    unknown = {label for row in rows for label in row.labels if any(word not in vectors for word in label.split())}
    unknown = {label for label in unknown if label not in vectors}
    counts: dict[str, int] = {}
    for row in rows:
        for label in row.labels:
            counts[label] = counts.get(label, 0) + 1
    print(f"{len(rows)} rows, {len(counts)} labels; without a word vector: {sorted(unknown)}")
    of_voc = Counter(label for row in rows if row.group == "voc" for label in row.labels)
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["path", "labels", "group", "weight"])
        for row in rows:
            labels = [label for label in row.labels if label not in unknown and counts[label] > 1]
            if row.group == "nothing":
                writer.writerow([row.path, NOTHING, row.group, WEIGHTS[row.group]])
            elif labels:
                rarest = min(of_voc[label] for label in labels) if row.group == "voc" else COMMON
                weight = WEIGHTS[row.group] * min(RARE, max(0.7, (COMMON / rarest) ** 0.5))
                writer.writerow([row.path, "|".join(labels), row.group, round(weight, 3)])


def distilled(student: Path) -> Checkpoint:
    """The student of recipes.distill as a checkpoint: slim backbone and the 1,000 ImageNet classes."""
    if student.suffix == ".safetensors":
        made = load(student)
        classes = {"heads": {"classes": made.heads["classes"]}, "configs": {"classes": made.configs["classes"]}}
        return Checkpoint(name=made.name, backbone=made.backbone, **classes)
    state = torch.load(student, weights_only=True)["model"]
    checkpoint = Checkpoint(name="slim", backbone=Backbone(BACKBONES["slim"]))
    head = HeadConfig(kind="classes", num_features=1280, num_out=1000, labels=tuple(_IMAGENET_CATEGORIES))
    classes = checkpoint.add_head(head)
    parts = {"backbone.": checkpoint.backbone, "classes.": classes.get_submodule("layer")}
    for prefix, module in parts.items():
        module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return checkpoint


def trained(rows: list[Row], vectors: WordVectors, name: str, options: argparse.Namespace) -> Checkpoint:
    """A checkpoint with a words head for those vectors."""
    labels = options.photos / f"labels-{name}.csv"
    write_csv(rows, labels, vectors)
    out = options.work / f"{name}.safetensors"
    report = train(
        TrainOptions(
            data=labels, out=str(out), backbone=str(options.work / "backbone.safetensors"), vectors=vectors.name,
            loss="sigmoid", epochs=options.epochs, batch=128, validation=0.05, force=True,
        ),
        Printed(),
    )  # fmt: skip
    print(f"{name}: best epoch {report.best.epoch}, {report.best.hits}")
    return load(out)


def add_glove(shipped: Checkpoint, rows: list[Row], options: argparse.Namespace) -> None:
    """A second words head for glove.6B.300d, of which we have some rows: it carries those of its labels."""
    with patch.dict(os.environ, DEVISE_EMBEDDINGS=str(options.work / "embeddings")):
        try:
            vectors = WordVectors.open(GLOVE)
        except VectorsError:
            vectors = import_vectors(options.data / f"{GLOVE}.partial.txt.gz", GLOVE)
        made = trained(rows, vectors, "glove", options)
    name, config = f"words:{GLOVE}", replace(made.configs["words"], fingerprint=None, anchored=True)
    head = shipped.add_head(config, name)
    state = made.heads["words"].state_dict()
    state["anchors"] = torch.from_numpy(np.stack([vectors.vector(label) for label in config.labels]))
    head.load_state_dict(state)


def some_pixels(photos: Photos) -> NDArray[np.uint8]:
    """Of photos of all sets."""
    return np.ascontiguousarray(photos.pixels[:: len(photos.names) // PHOTOS][:PHOTOS])


class Printed(TrainProgress):
    def features(self, done: int, total: int) -> None:
        if done % 2048 == 0 or done == total:
            print(f"features {done}/{total}", flush=True)

    def epoch(self, report: EpochReport) -> None:
        print(f"epoch {report.epoch}: loss {report.loss:.3f} hits {report.hits}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--student", type=Path, required=True, help="state.pt of recipes.distill, or a checkpoint")
    parser.add_argument("--work", type=Path, default=Path("runs/heads"), help="where its files are kept")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="where the zips are unpacked")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--without", default="", help="groups of labels to leave out, for zero-shot measurements")
    options = parser.parse_args()
    unpack(options.data, options.photos)
    full = full_size(options.data, options.cache)
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / "backbone.safetensors"
    save(distilled(options.student), file, in_bytes=True)
    backbone = load(file)  # heads learn from what it is after rounding
    visible = set((Path(__file__).parents[1] / "devise/words/visible.txt").read_text().splitlines())
    groups = {"voc": voc(options.data), "captions": captions(options.data, visible), "fashion": fashion(options.data),
              "caltech101": folders(options.data, "caltech101"), "scenes": folders(options.data, "scenes"),
              "tiny": tiny(options.data), "guessed": guessed(options.data, full),
              "nothing": nothing(options.photos)}  # fmt: skip
    left_out = set(options.without.split(",")) if options.without else set()
    if unknown := left_out - set(groups):
        parser.error(f"--without {','.join(unknown)}: there is no such group; choose from {', '.join(groups)}")
    unseen = tuple(f"{'flickr8k' if group == 'captions' else group}/" for group in left_out)
    rows = [row for group, of_group in groups.items() if group not in left_out for row in of_group]
    rows = [row for row in rows if not row.path.startswith(unseen)]  # nor what the teacher calls them
    shipped = trained(rows, WordVectors.open("minilm"), options.out.stem, options)
    shipped.heads["classes"], shipped.configs["classes"] = backbone.heads["classes"], backbone.configs["classes"]
    shipped.backbone = backbone.backbone
    if not left_out:
        add_glove(shipped, rows, options)
    shipped.name = options.out.stem
    del shipped.training["key"]
    shipped.training |= {
        "recipe": "recipes.distill, recipes.shipped_model",
        "groups": sorted(set(groups) - left_out),
    }
    save(shipped, options.out, in_bytes=True)
    print(f"in bytes and in floats, vectors agree: {calibrate(options.out, some_pixels(full)):.4f}")
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
