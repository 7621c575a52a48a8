"""Give back the room that deleted photos leave: in the database, in its texts and in the graphs."""

from __future__ import annotations

from contextlib import closing

from devise.config import Settings
from devise.progress import Progress
from devise.search import maintain
from devise.store.folder import num_bytes
from devise.store.location import Address, Location
from devise.store.lock import writer
from devise.store.opening import must_exist, served


def compact(folder: Location, progress: Progress | None = None, settings: Settings = Settings()) -> tuple[int, int]:
    """Bytes before and after. Needs as much room again for a moment. Raises LibraryError, WriteError."""
    must_exist(folder)
    if isinstance(folder, Address):
        with closing(served(folder)) as opened:
            size = opened.num_bytes()
            opened.compact()
            return size, opened.num_bytes()
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
