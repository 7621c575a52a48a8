"""A library of six photos, of one colour each, and a server for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import client, six_photos  # noqa: F401 (a fixture)

from devise.library import Library


@pytest.fixture
def library(tmp_path: Path, album: Path) -> Iterator[Library]:
    with six_photos(tmp_path / "library", album) as opened:
        yield opened
