"""What a library's folder takes on its disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def num_bytes(folder: Path) -> int:
    """Of all that a library has in its folder."""
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # SQLite's own files come and go while another program indexes
            total += file.stat().st_size
    return total
