"""Training in two processes over gloo: what one process learns, resumed after a kill, one line for what went wrong.

python -m tests.endurance.distributed
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 210), "sky": (120, 200, 250)}
PHOTOS = 40  # of a colour: 144 to learn from and 16 to be judged by, so that two shares of every batch are equal
EPOCHS = 20
LONG = 120  # of a run that is killed in the middle
COMMAND = (
    "train",
    "photos",
    "--backbone",
    "backbone.safetensors",
    "--vectors",
    "tiny",
    "--batch",
    "16",
    "--val",
    "0.1",
)
CLASSES = """
from pathlib import Path
from devise.training import TrainOptions, train
train(TrainOptions(data=Path("photos"), out="runs/{out}", backbone="backbone.safetensors", vectors="tiny", epochs=4,
                   batch=16, objectives=("classes",), quantize=False))
"""


def prepare() -> None:
    """Photos, a backbone that has learnt nothing, and word vectors, in the working folder."""
    import torch

    from devise import config
    from devise.descriptors.network import checkpoint as checkpoints
    from devise.descriptors.network.backbones import Backbone
    from devise.descriptors.network.checkpoint import Checkpoint
    from devise.descriptors.network.config import BackboneConfig
    from devise.descriptors.network.preprocess import Preprocessing
    from devise.words.format import write_vectors

    random = np.random.default_rng(1)
    for name, colour in COLOURS.items():
        (Path("photos") / name).mkdir(parents=True)
        for number in range(PHOTOS):
            noise = np.clip(random.integers(-60, 60, (8, 8, 3)) + colour, 0, 255).astype(np.uint8)
            Image.fromarray(noise).resize((48, 48)).save(Path("photos") / name / f"{number}.png")
    rows = random.normal(size=(len(COLOURS), 6))
    write_vectors(config.own_folder("embeddings") / "tiny.safetensors", [*COLOURS], rows, source="drawn at random")
    torch.manual_seed(0)
    about = BackboneConfig(name="own", layers=(8, "S", 16, "P8"), batch_norm=True, first_stride=2, top="conv",
                           num_features=24, parts=2, preprocessing=Preprocessing(size=32, resize="squash"))  # fmt: skip
    checkpoints.save(Checkpoint(name="own", backbone=Backbone(about)), Path("backbone.safetensors"))


def devise(*arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    more = ("--processes", str(processes)) if processes > 1 else ()
    command = [sys.executable, "-m", "devise", *COMMAND, *arguments, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def figures(name: str) -> list[dict[str, str]]:
    with open(f"runs/{name}.run/epochs.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def same_steps() -> str:
    """A layer without batch norm and dropout: two processes take the steps of one, to the last digits."""
    from safetensors.numpy import load_file

    subprocess.run([sys.executable, "-c", CLASSES.format(out="alone")], check=True)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    Path("classes.py").write_text(CLASSES.format(out="both"), encoding="utf-8")
    subprocess.run([*torchrun, "classes.py"], check=True, capture_output=True)
    one, two = (load_file(f"runs/{name}.safetensors")["classes.layer.weight"] for name in ("alone", "both"))
    apart = float(np.abs(one.astype(np.float64) - two).max() / np.abs(one).max())
    assert apart < 2e-3, apart  # they are stored in half precision, which rounds to 5e-4
    return f"weights differ by {apart:.1e} of the largest"


def same_figures() -> str:
    """Heads with batch norms and dropout: as good as those of one process."""
    caches = {count: Path(f"cache{count}").absolute() for count in (1, 2)}
    for count, name in ((1, "one"), (2, "two")):
        os.environ["XDG_CACHE_HOME"] = str(caches[count])
        done = devise("--out", f"runs/{name}", "--epochs", str(EPOCHS), processes=count)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("wrote ") == 1, done.stderr
    ours, theirs = (sorted(cache.rglob("*.features")) for cache in caches.values())
    assert [file.name for file in ours] == [file.name for file in theirs]
    assert [file.read_bytes() for file in ours] == [file.read_bytes() for file in theirs]  # of shares, put together
    one, two = (max(float(row["hit@1"]) for row in figures(name)) for name in ("one", "two"))
    assert min(one, two) >= 0.75, (one, two)  # a quarter by chance
    assert abs(one - two) <= 0.13, (one, two)  # of 16 photos two more or less
    losses = [float(figures(name)[-1]["loss"]) for name in ("one", "two")]
    return (
        f"hit@1 {one:.3f} and {two:.3f}, loss {losses[0]:.4f} and {losses[1]:.4f}, {len(ours)} files of features equal"
    )


def killed(rank: int) -> str:
    """One process is killed in the middle: one line, and the run goes on from its last epoch."""
    name = f"killed{rank}"
    command = [
        sys.executable,
        "-m",
        "devise",
        *COMMAND,
        "--out",
        f"runs/{name}",
        "--epochs",
        str(LONG),
        "--processes",
        "2",
    ]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 240
    while not (Path(f"runs/{name}.run/epochs.csv").exists() and len(figures(name)) > 2) and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(process_of(run.pid, rank), signal.SIGKILL)
    told = [line for line in run.communicate(timeout=120)[1].splitlines() if not line.startswith("epoch")]
    errors = [line for line in told if "error" in line]
    assert run.returncode == 1, told
    assert len(errors) == 1, told
    assert "--resume" in errors[0]
    assert "Traceback" not in "\n".join(told)
    done = len(figures(name))
    again = devise("--out", f"runs/{name}", "--epochs", str(LONG), "--patience", "0", "--resume", processes=2)
    assert again.returncode == 0, again.stderr
    assert "going on after epoch" in again.stderr
    assert [int(row["epoch"]) for row in figures(name)] == list(range(1, LONG + 1))
    assert not [*Path("runs").glob("*.devise-tmp"), *Path("runs").glob(f"{name}.training")]
    return f"after {done} epochs: {errors[0]!r}; resumed to {LONG}"


def process_of(parent: int, rank: int) -> int:
    """The process of that rank among the children of `parent`."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            around = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == parent and f"RANK={rank}".encode() in around:
            return int(entry.name)
    raise SystemExit(f"no process of rank {rank}")


def odd_photos() -> str:
    """Photos that cannot be read leave one process with fewer of them, while blocks of the backbone learn too."""
    for number in range(3):
        (Path("photos") / "red" / f"bad{number}.png").write_bytes(b"no photo")
    done = devise("--out", "runs/odd", "--epochs", "2", "--unfreeze", "1", processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote ") == 1, done.stderr
    small = devise("--out", "runs/small", "--batch", "2", processes=2)
    assert (small.returncode, small.stderr.count("error:")) == (1, 1), small.stderr
    return small.stderr.strip()


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": f"{place}/cache",
                       "XDG_DATA_HOME": f"{place}/data", "DEVISE_EMBEDDINGS": f"{place}/embeddings"}  # fmt: skip
        os.chdir(place)
        prepare()
        for name, check in (("same steps", same_steps), ("same figures", same_figures),
                            ("the second is killed", lambda: killed(1)), ("the first is killed", lambda: killed(0)),
                            ("odd photos", odd_photos)):  # fmt: skip
            begun = time.monotonic()
            print(f"{name}: {check()} ({time.monotonic() - begun:.0f} s)", flush=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
