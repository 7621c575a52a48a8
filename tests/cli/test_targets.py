"""What a user names as output is written only where nothing but an earlier one of its kind is lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from test_cli import devise, encoder, fails, indexed, tiny  # noqa: F401 (fixtures)
from typer.testing import Result

Run = Callable[..., Result]
PAGE = ("search", "red", "--min-score", "0", "--html")


def state(*folders: Path) -> dict[Path, str]:
    """All files but those that a lock leaves."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    "command",
    [
        (*PAGE, "{library}/library.db"),
        (*PAGE, "{library}/new.html"),
        (*PAGE, "{linked}/new.html"),
        (*PAGE, "{album}/red.png"),
        (*PAGE, "{album}/broken.heic"),
        (*PAGE, "{album}/notes.txt"),
        (*PAGE, "{album}/photo.html"),
        ("similar", "{album}/red.png", "--html", "{album}/green.png"),
        ("tag", "{album}/red.png", "--html", "{album}/red.png"),
        ("explain", "{album}/red.png", "red", "--png", "{album}/red.png"),
        ("explain", "{album}/red.png", "red", "--png", "{album}/green.png"),
        ("explain", "{album}/red.png", "red", "--png", "{album}/notes.txt"),
        ("explain", "{album}/red.png", "red", "--png", "{library}/new.png"),
        ("library", "export", "{album}/red.png"),
        ("export", "vectors", "{album}/notes.txt"),
        ("library", "export", "{album}/notes.txt"),
        ("library", "export", "{library}/library.db"),
        ("model", "export", "slim", "{album}/red.png"),
        ("model", "export", "slim", "{album}/notes.txt"),
        ("model", "export", "slim", "{library}/new.zip"),
        ("model", "card", "slim", "--out", "{album}/notes.txt"),
    ],
)  # fmt: skip
def test_nothing_else_is_replaced(devise: Run, indexed: Path, tmp_path: Path, command: tuple[str, ...]) -> None:  # noqa: F811
    (indexed / "notes.txt").write_text("dear diary")
    (indexed / "broken.heic").write_bytes(b"")
    (indexed / "photo.html").write_bytes((indexed / "red.png").read_bytes())
    (tmp_path / "linked").symlink_to(tmp_path / "library")
    before = state(indexed, tmp_path / "library")
    places = {"library": tmp_path / "library", "linked": tmp_path / "linked", "album": indexed}
    fails(devise(*(part.format(**places) for part in command)), "cannot write", "choose another name")
    assert state(indexed, tmp_path / "library") == before


def test_earlier_results_and_empty_files_are_replaced(devise: Run, indexed: Path, tmp_path: Path) -> None:  # noqa: F811
    for command, name in (
        (PAGE, "a.html"),
        (("explain", indexed / "red.png", "red", "--png"), "why.png"),
        (("library", "export"), "a.devise"),
        (("model", "card", "slim", "--out"), "slim.md"),
        (("export", "vectors"), "words.npz"),
        (("export", "vectors"), "words.jsonl"),
        (("model", "export", "slim"), "slim.zip"),
    ):
        file = tmp_path / name
        file.touch()
        for _ in range(2):
            assert devise(*command, file).exit_code == 0
            assert file.stat().st_size
            os.utime(file, (0, 0))
        assert devise(*command, file).exit_code == 0
        assert file.stat().st_mtime > 0


def test_a_picture_is_not_replaced_by_one_of_itself(devise: Run, indexed: Path, tmp_path: Path) -> None:  # noqa: F811
    assert devise("explain", indexed / "red.png", "red", "--png", tmp_path / "why.png").exit_code == 0
    fails(devise("explain", tmp_path / "why.png", "red", "--png", tmp_path / "why.png"), "is looked at")
