"""The Python of the README runs, and what it says of the project is there."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import FakeEncoder

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
WORDS = {"cat": "0.9 0.1 0.1 0.1", "sofa": "0.1 0.2 0.8 0.1", "red": "0.8 0.2 0.1 0.1", "dog": "0.7 0.5 0.2 0.1"}


@pytest.fixture
def around(tmp_path: Path, draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `photos`, word vectors in use, and an encoder without weights."""
    from devise.words import import_vectors, use_vectors

    for name, colour in {"tom": (220, 30, 30), "couch": (30, 50, 210), "both": (120, 40, 120)}.items():
        draw(f"photos/{name}.jpg", colour)
    file = tmp_path / "tiny.txt"
    file.write_text("".join(f"{word} {numbers}\n" for word, numbers in WORDS.items()))
    fingerprint = import_vectors(str(file), "tiny").fingerprint
    use_vectors("tiny")
    fake = FakeEncoder(vectors_fingerprint=fingerprint)
    fake.labels = ("cat", "sofa")
    monkeypatch.setattr("devise.descriptors.network.engine.open_encoder", lambda name=None, vectors=None: fake)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_of_the_readme_runs(code: str, around: None, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_python_of_the_readme_has_types(tmp_path: Path) -> None:
    """As a program of somebody else: in a folder of its own, by mypy's strictest rules, none of them ours."""
    for number, code in enumerate(BLOCKS):
        (tmp_path / f"program_{number}.py").write_text(code, encoding="utf-8")
    kept = ROOT / ".mypy_cache" / "readme"  # the first time it takes twelve seconds, later less than one
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(kept), *map(str, tmp_path.glob("*.py"))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        named = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert {name for pair in named for name in pair if name} <= targets, document.name
