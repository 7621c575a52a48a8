"""The client that docs/web.md shows works as it stands there."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from serving import Client

ROOT = Path(__file__).parents[2]


def test_the_client_of_the_document(client: Client, album: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "web.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    names: dict[str, Any] = {}
    exec(code, names)
    photos = names["Photos"](f"http://127.0.0.1:{client.port}")
    best = photos.search("red", k=1)[0]
    assert best["path"] == str(album / "red.png")
    assert Image.open(io.BytesIO(photos.picture(best["id"]))).size == (64, 48)
    assert len(photos.similar((album / "red.png").read_bytes(), k=2)) == 2
    with pytest.raises(SystemExit, match="; "):
        photos.search("zzyzzx")
