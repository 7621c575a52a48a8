"""Thumbnails are made once, and their folder never grows beyond its bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devise.errors import PhotoError
from devise.web.thumbnails import END, Thumbnails

JPEG = b"x" * 998 + END


def digest(number: int) -> bytes:
    return number.to_bytes(20, "big")


def test_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return JPEG

    for thumbnails in (Thumbnails(tmp_path, 10_000), Thumbnails(tmp_path, 10_000)):
        assert thumbnails.get(digest(1), 480, make) == JPEG
    assert len(made) == 1
    Thumbnails(tmp_path, 10_000).get(digest(1), 2048, make)
    assert len(made) == 2


def test_one_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path, 10_000)
    thumbnails.get(digest(1), 480, lambda: JPEG)
    next(tmp_path.glob("*/*.jpg")).write_bytes(JPEG[:500])
    assert thumbnails.get(digest(1), 480, lambda: JPEG) == JPEG


def test_those_that_were_not_used_for_longest_go(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path, 10_000)
    for number in range(10):
        thumbnails.get(digest(number), 480, lambda: JPEG)
        (path,) = tmp_path.glob(f"*/{digest(number).hex()}-480.jpg")
        os.utime(path, (1_000 + number, 1_000 + number))
    thumbnails.get(digest(0), 480, lambda: JPEG)  # used again
    thumbnails.get(digest(10), 480, lambda: JPEG)
    left = {path.name for path in tmp_path.glob("*/*.jpg")}
    assert len(left) == 9
    assert {f"{digest(number).hex()}-480.jpg" for number in (0, 9, 10)} <= left
    assert f"{digest(1).hex()}-480.jpg" not in left


def test_a_folder_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert Thumbnails(tmp_path / "file", 10_000).get(digest(1), 480, lambda: JPEG) == JPEG

    def broken() -> bytes:
        raise PhotoError("a.jpg", "it is damaged")

    with pytest.raises(PhotoError):
        Thumbnails(tmp_path, 10_000).get(digest(1), 480, broken)
