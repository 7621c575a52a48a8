"""A second copy of the few facts without which a library's vectors are worthless: their model, and the folders.

Those stand on one page of the database. Where damage meets that page, `devise check --repair` takes them from here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from devise.errors import DeviseError
from devise.files import beginning, replacing
from devise.spaces import ModelInfo
from devise.store.records import stored_path
from devise.store.sqlite.schema import SPACES
from devise.store.sqlite.store import Store, model_crc

FILE = "library.json"
MAX_BYTES = 1 << 24  # more was never written


def keep(store: Store) -> None:
    """A courtesy: where it cannot be written, work goes on."""
    with suppress(DeviseError):
        if (model := store.model()) is None:
            return
        roots = [root for root in store.roots() if isinstance(stored_path(root), str)]  # JSON holds no other names
        said = {"model": model.to_json(), "labels": store.labels(), "folders": roots}
        text, path = json.dumps(said, indent=1, ensure_ascii=False) + "\n", store.folder / FILE
        if _read(path) != text:
            with replacing(path, mode=0o600) as temporary:
                temporary.write_text(text, "utf-8")


def restore(store: Store, folder: Path) -> None:
    """Into a store that has lost them; nothing where they were never kept, or are damaged too."""
    model, known = _model(store), _kept(folder)
    if known and model in (None, known.model):
        if model is None or not _labels(store):
            store.set_model(known.model, known.labels)
        store.add_roots(known.folders)


def is_whole(store: Store) -> bool:
    """Whether the model and its labels are what they were when they were set, where that can be told."""
    model, stored = store.model(), store.model_crc()
    return model is None or stored is None or stored == store.current_crc()


def decide(store: Store) -> None:
    """Of model, checksum and the copy of the model, what two agree on; nothing where none do."""
    model, known = store.model(), _kept(store.folder)
    if model and known and known.crc in (store.model_crc(), store.current_crc()):
        with store.transaction():
            store.set_model(known.model, known.labels)


class _Kept(NamedTuple):
    crc: str
    model: ModelInfo
    labels: list[str]
    folders: list[str]


def _kept(folder: Path) -> _Kept | None:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = json.loads(_read(folder / FILE) or "null")
        model = ModelInfo.from_json(said["model"])
        if all(space.name in SPACES for space in model.spaces):
            labels, folders = ([str(each) for each in said[key]] for key in ("labels", "folders"))
            return _Kept(model_crc(said["model"], labels), model, labels, folders)
    return None


def _model(store: Store) -> ModelInfo | None:
    try:
        return store.model()
    except DeviseError:
        return None


def _labels(store: Store) -> tuple[str, ...]:
    try:
        return store.labels()
    except DeviseError:
        return ()


def _read(path: Path) -> str | None:
    try:
        return beginning(path, MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
