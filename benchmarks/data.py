"""The optional data folder of the benchmarks: DEVISE_DATA or --data."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from devise import config

VOC_WORDS = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "television",
}


@dataclass(frozen=True)
class Voc:
    """folder: where the photos lie; labels: path relative to it -> labels, in words."""

    folder: Path
    labels: dict[str, tuple[str, ...]]

    @property
    def classes(self) -> list[str]:
        return sorted({label for labels in self.labels.values() for label in labels})


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", type=Path, default=os.environ.get("DEVISE_DATA"), help="default: DEVISE_DATA")
    return made


def unpacked(data: Path | None, name: str) -> Path:
    """The folder of a zip's files, unpacked once into the cache. Exits when there is no data folder."""
    if data is None or not (Path(data) / f"{name}.zip").is_file():
        sys.exit(f"no {name}.zip; say where the data lies with --data DIR or DEVISE_DATA")
    folder = config.user_cache() / "benchmarks" / name
    if not folder.exists():
        with zipfile.ZipFile(Path(data) / f"{name}.zip") as archive:
            archive.extractall(folder.with_suffix(".part"))
        folder.with_suffix(".part").rename(folder)
    return folder


def voc(data: Path | None) -> Voc:
    folder = unpacked(data, "voc")
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Voc(folder, {row["path"]: tuple(VOC_WORDS.get(x, x) for x in row["labels"].split("|")) for row in rows})
