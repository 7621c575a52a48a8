"""A library of six photos, of one colour each, and a server for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEncoder
from serving import SETTINGS, Client, serving
from test_library import write_words

from devise.library import Library


@pytest.fixture
def library(tmp_path: Path, album: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", settings=SETTINGS) as opened:
        opened.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


@pytest.fixture
def client(library: Library, tmp_path: Path) -> Iterator[Client]:
    with serving(library, tmp_path / "thumbnails") as client:
        yield client
