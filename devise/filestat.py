"""What the disk says of a file: whether it is one at all, and when it was changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 2**63 - 1  # what SQLite can keep: nanoseconds up to the year 2262


def is_special(path: str | Path) -> bool:
    """Whether a path is a named pipe or a device: reading one may wait for ever, or never end."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False  # opening it says what is wrong
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def changed_ns(status: os.stat_result) -> int:
    """When a file was changed, as libraries keep and compare it; of times out of reach the nearest."""
    return max(-LARGEST - 1, min(status.st_mtime_ns, LARGEST))
