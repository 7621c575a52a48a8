"""Give back the room that deleted photos leave: in the database, in its texts and in the graphs."""

from __future__ import annotations

from pathlib import Path

from devise.config import Settings
from devise.progress import Progress
from devise.search import maintain
from devise.store.lock import must_exist, writer
from devise.store.sqlite.store import num_bytes


def compact(folder: Path, progress: Progress | None = None, settings: Settings = Settings()) -> tuple[int, int]:
    """Bytes before and after. Needs as much room again for a moment. Raises LibraryError, WriteError."""
    must_exist(folder)
    before = num_bytes(folder)
    with writer(folder, create=False) as store:
        model = store.model()
        with store.transaction():
            for space in model.spaces if model else ():
                record = store.graph(space.name)
                if record and record.nodes != store.num_contents() - store.num_contents(after=record.max_id):
                    store.remove_graph(space.name)  # built anew, without the deleted
        maintain.update(store, progress or Progress(), settings.index)
        store.compact()
    return before, num_bytes(folder)
