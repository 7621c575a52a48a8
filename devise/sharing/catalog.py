"""The models at hand: one's own and the one that ships."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devise import config
from devise.descriptors.network.format import SUFFIX, read
from devise.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """labels: how many it has learnt; vectors: the word vectors that it speaks in."""

    name: str
    path: Path
    labels: int
    vectors: str | None
    backbone: str
    num_bytes: int

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}


def models() -> list[ModelFile]:
    """By name. Damaged and foreign files are left out: opening one says what is wrong."""
    found: dict[str, ModelFile] = {}
    for folder in (config.own_folder("checkpoints"), config.shipped("checkpoints")):
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
            try:
                about, _ = read(path)
            except CheckpointError:
                continue
            words = about["heads"].get("words", {})
            found.setdefault(path.stem, ModelFile(
                name=path.stem, path=path, labels=len(words.get("labels", ())), vectors=words.get("vectors"),
                backbone=str(about["backbone"].get("name")), num_bytes=path.stat().st_size))  # fmt: skip
    return [found[name] for name in sorted(found)]
