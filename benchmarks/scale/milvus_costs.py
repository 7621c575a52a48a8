"""What the Milvus that is asked costs this computer: processor time and memory of its process."""

from __future__ import annotations

import os
from pathlib import Path


def processes() -> list[Path]:
    """Of Milvus on this computer: there is one."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "comm").read_text().strip() == "milvus" and _listens(place):
                found.append(place)
        except OSError:
            continue
    return found


def _listens(place: Path) -> bool:
    """Whether it is the one that we ask: its configuration, beside its program, names the port."""
    configuration = (place / "exe").readlink().parent.parent / "configs/milvus.yaml"
    return f"port: {os.environ['DEVISE_TEST_MILVUS'].rpartition(':')[2]}\n" in configuration.read_text()


def cpu_seconds() -> float:
    ticks = sum(sum(map(int, (place / "stat").read_text().split()[13:15])) for place in processes())
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb() -> float:
    pages = sum(int((place / "statm").read_text().split()[1]) for place in processes())
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
