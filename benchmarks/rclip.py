"""rclip, the peer: from PyPI in an environment of its own, with networks of its architecture and random weights.

    python -m benchmarks.rclip

rclip (github.com/yurijmikhalevich/rclip) runs open_clip's ViT-B-32-256 in ONNX Runtime. Its weights are a download of
0.6 GB; speed does not depend on them, so networks of the same files' sizes and nodes are exported here from open_clip,
by torch's TorchScript exporter with opset 18 as rclip's own scripts/convert_model.py does. What it finds means nothing.
rclip 4 wants Python 3.12, which uv must find (UV_PYTHON can name one); for an older Python it is rclip 3.3, which
decodes large photos whole and sorts all similarities in Python: the table says which one it was.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devise import config

# The newest for each Python, fixed so that figures can be compared.
WANTED = ("rclip==4.0.8; python_version >= '3.12'", "rclip==3.3.0; python_version < '3.12'")
# What the export needs beside our own torch, without what these packages in turn need for other things.
EXPORTING = [
    "open_clip_torch==3.3.0",
    "timm==1.0.31",
    "onnx==1.23.2",
    "protobuf",
    "ml_dtypes",
    "ftfy",
    "regex",
    "wcwidth",
]
NETWORK = "ViT-B-32-256"
FOLDER = f"{NETWORK}-datacomp_s34b_b86k"
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
LEGAL = ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md")  # rclip 4 downloads all without them
DIM = 512
FILL = f"""
import json, sys
import numpy as np
from rclip.db import DB
photos = json.load(sys.stdin)
rows = np.random.default_rng(0).standard_normal((len(photos), {DIM}), dtype=np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
database = DB(sys.argv[1])
for number, ((path, modified_at, size), row) in enumerate(zip(photos, rows)):
    image = dict(filepath=path, modified_at=modified_at, size=size, vector=row.tobytes(), hash="%064x" % number)
    database.upsert_image(image, commit=False)
database.close()
"""
Row = tuple[str, float, int]  # path, time of the last change, bytes


@dataclass(frozen=True)
class Rclip:
    """Think of it as the command, and a way to give each run a database of its own."""

    python: Path
    models: Path
    version: str

    @property
    def program(self) -> str:
        return str(self.python.with_name("rclip"))

    def environment(self, place: Path) -> dict[str, str]:
        """For a process whose database is `place`/db.sqlite3; the networks are linked there."""
        place.mkdir(parents=True, exist_ok=True)
        for file in self.models.iterdir():
            if not (place / file.name).exists():
                (place / file.name).symlink_to(file)
        return {**environment(), "RCLIP_DATADIR": str(place)}

    def fill(self, place: Path, photos: Iterable[Row]) -> None:
        """A database as indexing makes it, through rclip's own DB, with random directions as vectors."""
        command = [str(self.python), "-c", FILL, str(place / "db.sqlite3")]
        subprocess.run(command, env=self.environment(place), input=json.dumps(list(photos)).encode(), check=True)


def environment() -> dict[str, str]:
    """Ours, with compiled Python kept as on anybody's machine."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def prepared() -> Rclip:
    """Installed and exported at the first call, a minute and 0.8 GB, then found in the cache."""
    home = config.user_cache() / "benchmarks" / "rclip"
    python, models = home / "venv" / "bin" / "python", home / "models"
    if not python.with_name("rclip").exists():
        _install(home / "venv", python)
    if not models.exists():
        _export(home, models)
    said = subprocess.run([python.with_name("rclip"), "--version"], check=True, capture_output=True, text=True)
    return Rclip(python, models, said.stdout.split()[-1])


def _uv(*arguments: str | Path) -> bool:
    beside = Path(sys.executable).with_name("uv")
    uv = beside if beside.exists() else shutil.which("uv")
    if uv is None:
        sys.exit("rclip is installed by uv, which is not here; run: pip install uv")
    return not subprocess.run([uv, *arguments], capture_output=True).returncode


def _install(venv: Path, python: Path) -> None:
    venv.parent.mkdir(parents=True, exist_ok=True)
    wishes = [wish for wish in (os.environ.get("UV_PYTHON"), "3.12", sys.executable) if wish]
    if not any(_uv("venv", "--clear", "--python", wish, venv) for wish in wishes):
        sys.exit("uv could not make an environment for rclip")
    if not _uv("pip", "install", "--compile-bytecode", "--python", python, *WANTED):
        sys.exit("uv could not install rclip; is a package index within reach?")


def _export(home: Path, models: Path) -> None:
    packages, temporary = home / "exporting", home / "models.part"
    shutil.rmtree(temporary, ignore_errors=True)
    if not _uv("pip", "install", "--no-deps", "--python", sys.executable, "--target", packages, *EXPORTING):
        sys.exit("uv could not install open_clip, whose architecture rclip's network has")
    paths = os.pathsep.join([str(packages), str(Path(__file__).parents[1])])
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.rclip", "--export", str(temporary)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=True)
    temporary.rename(models)
    shutil.rmtree(packages)


def export(models: Path) -> None:
    """Both networks and the vocabulary, as rclip finds them in its data folder."""
    import open_clip  # type: ignore[import-not-found]
    import torch

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.clip.encode_text(tokens)
            return found

    torch.manual_seed(0)
    clip = open_clip.create_model(NETWORK, pretrained=None).eval()
    (models / FOLDER).mkdir(parents=True)
    examples = {"visual": torch.zeros(1, 3, 256, 256), "textual": torch.zeros(1, 77, dtype=torch.long)}
    for name, network in {"visual": clip.visual, "textual": Text()}.items():
        torch.onnx.export(
            network, (examples[name],), models / FOLDER / f"{name}.onnx", opset_version=18, dynamo=False,
            input_names=["input"], output_names=["output"], dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        )  # fmt: skip
    (models / "tokenizer").mkdir()
    shutil.copy(Path(open_clip.__file__).with_name(VOCABULARY), models / "tokenizer")
    for name in LEGAL:
        (models / name).write_text("Networks with random weights, for measuring speed.\n", "utf-8")


def rows_of(files: Sequence[Path]) -> list[Row]:
    """Rows of files that rclip will find unchanged."""
    return [(str(file), status.st_mtime, status.st_size) for file in files for status in (file.stat(),)]


def main() -> None:
    if sys.argv[1:2] == ["--export"]:
        export(Path(sys.argv[2]))
    else:
        ready = prepared()
        print(f"rclip {ready.version}: {ready.program}")


if __name__ == "__main__":
    main()
