"""Where photos to learn from come from: the zips of the data folder, and collections fetched as git repositories.

A collection that is not there is left out and named: the recipe works with whatever is at hand, and better with more.
Photos that may only be used for research or not commercially (IKEA, CamVid, BSDS500, Food-101) are not among them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from recipes import nothing
from recipes.photos import FULL_SIZE_SETS, is_held_out

MIN_BYTES = 8_000  # smaller files are thumbnails
IS_PHOTO = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A git repository of photos. pattern: of the paths taken; most: photos taken, drawn by their hash."""

    name: str
    repository: str
    licence: str
    pattern: str = ""
    most: int = 20_000


COLLECTIONS = (
    Collection(name="sports", repository="jurjsorinliviu/Sports-Type-Classifier", licence="none stated"),
    Collection(name="imagenette", repository="thunderInfy/imagenette", licence="ImageNet's terms"),
    Collection(name="imagewoof", repository="thunderInfy/imagewoof", licence="ImageNet's terms", most=5_000),
    Collection(name="activities", repository="Vigneshraj15/SportsActivityDetection", licence="none stated"),
    Collection(name="clothing", repository="alexeygrigorev/clothing-dataset", licence="CC0"),
    Collection(name="grocery", repository="marcusklasson/GroceryStoreDataset", licence="MIT", pattern="^dataset/",
               most=3_000),
    Collection(name="flowers", repository="JoelOscarsson/dl-assignment", licence="none stated", most=2_000),
    Collection(name="cats-dogs", repository="quoctrung163/keras-cnn-on-cats-and-dogs-dataset", licence="none stated"),
    Collection(name="pets", repository="karemsaeed21/cat_vs_dog_classification_CNN", licence="none stated",
               pattern="^PetImages/(Cat|Dog)/", most=4_000),
    Collection(name="houses", repository="emanhamed/Houses-dataset", licence="none stated"),
    Collection(name="pacs", repository="MachineLearning2020/Homework3-PACS", licence="none stated",
               pattern="^PACS/photo/"),
    Collection(name="weather", repository="shubhankarm01/Weather-image-classification", licence="none stated"),
    Collection(name="food", repository="feedmejefferson/images", licence="of each photo, by its author",
               pattern="^images/"),
    Collection(name="receipts", repository="zzzDavid/ICDAR-2019-SROIE", licence="MIT", pattern="^data/img/", most=200),
    Collection(name="everyday", repository="NUS-VIP/predicting-human-gaze-beyond-pixels", licence="MIT",
               pattern="^data/stimuli/"),
    Collection(name="rooms", repository="tezansahu/VQA-With-Multimodal-Transformers", licence="Apache-2.0",
               pattern="^dataset/images/"),
)  # fmt: skip
# How often each source is looked at: everyday scenes with several things more than their number, product photos, breeds
# and posed sports less. Sources that are not there leave their share to the others.
SHARES = {"voc": 12, "flickr8k": 9, "everyday": 4, "rooms": 6, "houses": 3, "sports": 18, "activities": 11,
          "imagenette": 11, "imagewoof": 3, "clothing": 6, "fashion": 3, "grocery": 2, "flowers": 1, "cats-dogs": 3,
          "pets": 2, "pacs": 2, "caltech101": 3, "scenes": 2, "weather": 2, "food": 2, "receipts": 0.3}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A photo of a source. name: "voc/images/2007_000063.jpg"; key: where its bytes are; blob: hash of its bytes."""

    name: str
    key: str
    blob: str
    is_held_out: bool


class Source(Protocol):
    name: str

    def entries(self) -> Iterator[Entry]: ...

    def read(self, key: str) -> bytes: ...


class Archive:
    """One of the data folder's zips; a quarter of its photos is never learnt from."""

    def __init__(self, data: Path, name: str) -> None:
        self.name, self._zip = name, zipfile.ZipFile(data / f"{name}.zip")

    def entries(self) -> Iterator[Entry]:
        for member in sorted(self._zip.namelist()):
            if IS_PHOTO.search(member):
                yield Entry(f"{self.name}/{member}", member, git_hash(self._zip.read(member)), is_held_out(member))

    def read(self, key: str) -> bytes:
        return self._zip.read(key)


class Repository:
    """A collection that was fetched: a git directory, read without a work tree."""

    def __init__(self, collection: Collection, folder: Path) -> None:
        self.name, self.collection = collection.name, collection
        self._git = ["git", f"--git-dir={folder}"]
        self._blobs: subprocess.Popen[bytes] | None = None

    def entries(self) -> Iterator[Entry]:
        listed = subprocess.run([*self._git, "ls-tree", "-r", "-l", "-z", "HEAD"], check=True, capture_output=True)
        found: dict[str, Entry] = {}
        for line in filter(None, listed.stdout.decode(errors="replace").split("\0")):
            about, path = line.split("\t", 1)
            _, _, blob, size = about.split()
            fits = IS_PHOTO.search(path) and re.search(self.collection.pattern, path)
            if fits and size.isdigit() and int(size) >= MIN_BYTES:
                found.setdefault(blob, Entry(f"{self.name}/{path}", blob, blob, False))
        yield from (found[blob] for blob in sorted(found)[: self.collection.most])  # hashes: as good as a draw

    def read(self, key: str) -> bytes:
        if self._blobs is None:
            command = [*self._git, "cat-file", "--batch"]
            self._blobs = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pipe = self._blobs
        assert pipe.stdin is not None
        assert pipe.stdout is not None
        pipe.stdin.write(f"{key}\n".encode())
        pipe.stdin.flush()
        size = int(pipe.stdout.readline().split()[2])
        data = pipe.stdout.read(size)
        pipe.stdout.read(1)
        return data


class Nothing:
    """Pictures that show nothing with a name (recipes.nothing), made of pieces of VOC's photos among others."""

    name = "nothing"

    def __init__(self, data: Path, folder: Path) -> None:
        self._data, self._folder = data, folder / "nothing"

    def entries(self) -> Iterator[Entry]:
        pieces = self._folder.with_name("pieces")
        with zipfile.ZipFile(self._data / "voc.zip") as archive:
            members = sorted(m for m in archive.namelist() if IS_PHOTO.search(m) and not is_held_out(m))
            archive.extractall(pieces, members)
        for file in nothing.make(self._folder, [pieces / member for member in members]):
            yield Entry(f"nothing/{file.name}", file.name, git_hash(file.read_bytes()), False)
        shutil.rmtree(pieces)

    def read(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()


def git_hash(data: bytes) -> str:
    """The name that git gives to these bytes, so that files of zips and repositories can be compared."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def sources(data: Path, fetched: Path | None, made: Path) -> dict[str, Source]:
    """By name: what is there of the collections, below `fetched`, among them. made: folder for pictures of nothing."""
    found: dict[str, Source] = {name: Archive(data, name) for name in FULL_SIZE_SETS}
    for collection in COLLECTIONS:
        folder = git_directory(fetched, collection.repository) if fetched else None
        if folder:
            found[collection.name] = Repository(collection, folder)
    return found | {"nothing": Nothing(data, made)}


def git_directory(fetched: Path, repository: str) -> Path | None:
    """A clone, bare or not, of OWNER/NAME in OWNER+NAME or NAME below `fetched`."""
    owner, name = repository.split("/")
    folders = [fetched / place for place in (f"{owner}+{name}/repo", f"{owner}+{name}", name, f"{name}.git")]
    for place in (place for folder in folders for place in (folder / ".git", folder)):
        if (place / "HEAD").exists():
            return place
    return None


def listing(found: dict[str, Source]) -> list[Entry]:
    """All photos once each: labelled sets of everyday photos first, nothing, then the others in a random order.

    Those come the earlier, the oftener they are looked at (SHARES; Efraimidis and Spirakis, "Weighted random sampling
    with a reservoir", 2006), so that a teacher that sees the first shards alone sees most of what will be learnt from.
    Of equal files one in the data folder's zips counts, and of those one that is held out.
    """
    first: dict[str, Entry] = {}
    rest: dict[str, Entry] = {}
    empty: dict[str, Entry] = {}
    for name, source in found.items():
        into = {"voc": first, "flickr8k": first, "nothing": empty}.get(name, rest)
        for entry in source.entries():
            known = first.get(entry.blob) or rest.get(entry.blob)
            if known is None:
                into[entry.blob] = entry
            elif entry.is_held_out and not known.is_held_out:
                (first if entry.blob in first else rest)[entry.blob] = entry
    others = list(rest.values())
    of = [entry.name.split("/")[0] for entry in others]
    counts = Counter(of)
    weights = np.array([SHARES.get(source, 1.0) / counts[source] for source in of])
    order = np.argsort(np.random.default_rng(0).exponential(size=len(others)) / weights, kind="stable")
    return [*first.values(), *empty.values(), *(others[i] for i in order)]
