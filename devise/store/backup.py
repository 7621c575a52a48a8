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
from devise.spaces import ModelInfo, model_crc
from devise.store import base
from devise.store.records import stored_path
from devise.store.sqlite.store import Store

FILE = "library.json"
MAX_BYTES = 1 << 24  # more was never written
FIRST_NUMBERS = {"words": 1, "features": 2, "parts": 3}  # of libraries of formats before 6, whose copy names none


def keep(given: base.Store) -> None:
    """A courtesy: where it cannot be written, work goes on."""
    if given.served is not None:  # servers have backups of their own
        return
    store = base.embedded(given)
    with suppress(DeviseError):
        if (model := store.model()) is None:
            return
        roots = [root for root in store.roots() if isinstance(stored_path(root), str)]  # JSON holds no other names
        said = {
            "model": model.to_json(),
            "labels": store.labels(),
            "folders": roots,
            "spaces": store.space_numbers(),
        }
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
        store.set_space_numbers(known.numbers)


def lost_numbers(store: Store) -> dict[str, int]:
    """Spaces that the store no longer has under the numbers that it gave them."""
    known, kept = store.space_numbers(), _kept(store.folder)
    return {name: number for name, number in (kept.numbers if kept else {}).items() if known.get(name) != number}


def restore_numbers(store: Store) -> None:
    with store.transaction():
        store.set_space_numbers(lost_numbers(store))


def is_whole(store: Store) -> bool:
    """Whether the model and its labels are what they were when they were set, where that can be told."""
    model, stored = store.model(), store.model_crc()
    return model is None or stored is None or stored == store.current_crc()


def decide(store: Store) -> None:
    """Of model, checksum and the copy of the model, what two agree on; nothing where none do."""
    model, known = store.model(), _kept(store.folder)
    if model and known and not known.crcs.isdisjoint({store.model_crc(), store.current_crc()}):
        with store.transaction():
            store.set_model(known.model, known.labels)


class _Kept(NamedTuple):
    """crcs: of the model, as it stands there and as it would be written today. numbers: of the spaces."""

    crcs: set[str | None]
    model: ModelInfo
    labels: list[str]
    folders: list[str]
    numbers: dict[str, int]


def _kept(folder: Path) -> _Kept | None:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = json.loads(_read(folder / FILE) or "null")
        model = ModelInfo.from_json(said["model"])
        labels, folders = ([str(each) for each in said[key]] for key in ("labels", "folders"))
        crcs = {model_crc(form, labels) for form in (said["model"], model.to_json())}
        numbers = {str(name): int(number) for name, number in said.get("spaces", FIRST_NUMBERS).items()}
        return _Kept({*crcs}, model, labels, folders, numbers)
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
