"""Which word vectors there are, and which are in use."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devise import config
from devise.errors import VectorsError, listed
from devise.files import replacing
from devise.words.format import SUFFIX, read_vectors

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")  # safe as a file name everywhere
SHIPPED = (config.SHIPPED_VECTORS, config.FORMER_VECTORS)


@dataclass(frozen=True)
class VectorsInfo:
    """One file of word vectors, without its rows."""

    name: str
    path: Path
    count: int
    dim: int
    source: str
    fingerprint: str
    in_use: bool


def find(name: str | Path | None = None) -> Path:
    """The file of a name or path; None gives the one in use. Raises VectorsError with the names there are."""
    wanted = in_use() if name is None else name
    path = Path(wanted)
    if isinstance(wanted, Path) or path.suffix == SUFFIX or len(path.parts) > 1:
        return path
    for folder in _folders():
        known = folder / f"{wanted}{SUFFIX}"
        if os.path.isfile(known):  # noqa: PTH113 (which never raises)
            return known
    names = listed(path.stem for path in _files()) or "none"
    raise VectorsError(f'no word vectors called "{wanted}"; there are: {names}; devise vectors import brings more')


def list_vectors() -> list[VectorsInfo]:
    """All word vectors at hand, by name. Damaged and foreign files are left out: opening one says what is wrong."""
    found = []
    chosen = in_use()
    for path in sorted(_files(), key=lambda path: path.stem):
        try:
            tables = read_vectors(path)
        except VectorsError:
            continue
        facts = tables.metadata
        found.append(
            VectorsInfo(
                name=path.stem,
                path=path,
                count=len(tables.ends),
                dim=int(facts["dim"]),
                source=facts["source"],
                fingerprint=facts["fingerprint"],
                in_use=path.stem == chosen,
            )
        )
    return found


def use_vectors(name: str) -> None:
    """Make the vectors of that name the ones in use. Raises VectorsError when they are missing or damaged."""
    path = find(name)
    read_vectors(path)
    chosen = path.stem if path.parent in _folders() else str(path.resolve())
    with replacing(_settings()) as temporary:
        temporary.write_text(json.dumps({**_read_settings(), "vectors": chosen}, indent=2), "utf-8")


def in_use() -> str:
    """The name or path of the vectors in use."""
    return str(_read_settings().get("vectors") or config.SHIPPED_VECTORS)


def path_for(name: str) -> Path:
    """Where an import of that name is written. Raises VectorsError for a name that is none, or that ships."""
    if not NAME.fullmatch(name) or name.endswith(SUFFIX):
        raise VectorsError(f'"{name}" is no name for word vectors; use letters, digits, ".", "_" and "-"')
    if name in SHIPPED:
        raise VectorsError(f'"{name}" is the name of vectors that ship; choose another with --name')
    return config.own_folder("embeddings") / f"{name}{SUFFIX}"


def _folders() -> list[Path]:
    return list(dict.fromkeys((config.own_folder("embeddings"), config.shipped("embeddings"))))


def _files() -> Iterator[Path]:
    seen: set[str] = set()
    for folder in _folders():
        for path in folder.glob(f"*{SUFFIX}") if folder.is_dir() else ():
            if path.stem not in seen and not path.name.startswith("."):
                seen.add(path.stem)
                yield path


def _settings() -> Path:
    return config.user_data() / "settings.json"


def _read_settings() -> dict[str, object]:
    """No settings, or damaged ones, are the defaults: a broken file must not stop a search."""
    try:
        found = json.loads(_settings().read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
