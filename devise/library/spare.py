"""A second copy of the few facts without which a library's vectors are worthless: their model, and the folders.

Those stand on one page of the database. Where damage meets that page, `devise check --repair` takes them from here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from devise.errors import DeviseError
from devise.files import replacing
from devise.library.rows import stored_path
from devise.library.schema import SPACES
from devise.library.store import Store
from devise.vectors import ModelInfo

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
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = json.loads(_read(folder / FILE) or "null")
        model, labels = ModelInfo.from_json(said["model"]), [str(label) for label in said["labels"]]
        if not all(space.name in SPACES for space in model.spaces) or _model(store) not in (None, model):
            return
        store.set_model(model, _labels(store) or labels)
        store.add_roots(str(root) for root in said["folders"])


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
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
