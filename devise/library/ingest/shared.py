"""Reading and encoding shared by several programs, on one computer or on many: each takes a share, until none is left.

Whatever a program that died had taken the others take over when its lease has ended (devise.store.sharing.Queue).
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from devise.config import CORES, Settings
from devise.errors import DeviseError, FolderError, LibraryError, counted
from devise.library.ingest.descriptors import Descriptors
from devise.library.ingest.plan import Plan
from devise.library.ingest.run import Run
from devise.library.models import Model, imported, looks_beside, open_encoder
from devise.photos import Found, find
from devise.progress import Progress
from devise.reports import Skipped
from devise.store import opening
from devise.store.location import Location
from devise.store.sharing import Queue

POLL_SECONDS = 0.3  # between two looks at what others have done
UNREAD = "it could not be read; the next run tries again"


@dataclass(frozen=True)
class Helpers:
    """So many processes of this computer. model: what they encode with, a name or a path, or one that can be copied."""

    count: int
    at: Location
    model: Model | None
    settings: Settings


def share(
    run: Run, queue: Queue, descriptors: Descriptors, folders: Sequence[str | Path], helpers: Helpers | None
) -> None:
    """Until all that is to be read in the folders is stored, whoever does it; then count what that was.

    folders: none are all that the library has.
    """
    queue.offer(found.path for found in run.plan.work)
    scope = [os.path.abspath(folder) for folder in folders] or [root for root in run.roots if os.path.exists(root)]
    if helpers is None:
        with queue.joined(run.settings.ingest.lease_seconds):
            _take_part(run, queue, descriptors, scope)
    else:
        _watch_over(run, queue, scope, helpers)
    _tally(run)


def _take_part(run: Run, queue: Queue, descriptors: Descriptors, folders: Sequence[str]) -> None:
    total = run.total
    while True:
        left = queue.left(folders)
        run.done = max(0, total - left)
        if paths := queue.take(folders, run.settings.ingest.batch):
            run.work(descriptors, _found(run, queue, paths))
            if run.store.served is not None:
                run.store.served.settle(at_least=run.settings.ingest.settle)
        elif left:
            run.progress.worked(run.done, total)
            time.sleep(POLL_SECONDS)
        else:
            run.progress.worked(total, total)
            return


def _found(run: Run, queue: Queue, paths: Sequence[str]) -> list[Found]:
    """Those of the files that are still there."""
    try:
        entries = list(find([path for path in paths if os.path.lexists(path)]))
    except FolderError:  # one went this moment
        entries = [entry for path in paths if os.path.lexists(path) for entry in _one(path)]
    files = [entry for entry in entries if isinstance(entry, Found)]
    there = {found.path for found in files}
    if gone := [path for path in paths if path not in there]:
        run.gone += gone
        with run.store.transaction():
            queue.finish(gone, ())
    return files


def _one(path: str) -> list[Any]:
    try:
        return list(find([path]))
    except FolderError:
        return []


def _tally(run: Run) -> None:
    """What has become of the photos that were to be read, whoever read them."""
    paths = [found.path for found in run.plan.work]
    ids = run.store.listing.ids_of(paths)
    refused = {refused.path: refused.reason for refused in run.store.skipped()}
    with run.store.transaction():
        for path in paths:
            if path in refused:
                run.plan.skipped.append(Skipped(path, refused[path]))
            elif path in ids:
                run.count(path, ids[path])
            elif os.path.lexists(path):
                run.plan.skipped.append(Skipped(path, UNREAD))
            else:
                run.gone.append(path)


# Several processes of one computer


def _watch_over(run: Run, queue: Queue, folders: Sequence[str], helpers: Helpers) -> None:
    """Raises what the last of them said where all have ended before the work did."""
    total, said = run.total, ""
    with _started(helpers, folders, run.roots) as processes:
        while left := queue.left(folders):
            run.progress.worked(max(0, total - left), total)
            for process, told in processes[:]:
                if process.is_alive():
                    continue
                processes.remove((process, told))
                words = _last_words(told) or (
                    f"a worker (process {process.pid}) was killed" if process.exitcode else ""
                )
                said = words or said
                if processes and words:
                    alive = counted(len(processes), "other takes", "others take")
                    run.progress.note(f"{words}; {alive} its share over when its lease has ended")
            if not processes and queue.left(folders):
                said = said or "the workers have ended"
                raise LibraryError(f"{said}; no worker is left. What is stored stays good: run the same command again")
            time.sleep(POLL_SECONDS)
        for process, _ in processes:
            process.join()
    run.progress.worked(total, total)


def _last_words(told: Connection) -> str:
    """Of a process that has ended; none of one that was killed, or has done its share."""
    try:
        return str(told.recv()) if told.poll() else ""
    except EOFError:
        return ""


@contextmanager
def _started(
    helpers: Helpers, folders: Sequence[str], roots: frozenset[str]
) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    """The processes, ended in any case, with what each has to say at its end."""
    context = multiprocessing.get_context("spawn")  # threads of PostgreSQL, Milvus and the network are in this one
    processes: list[tuple[BaseProcess, Connection]] = []
    cores = max(1, (os.cpu_count() or 1) // helpers.count)
    before = os.environ.get(CORES)
    os.environ[CORES] = before or str(cores)  # which the network of each heeds
    try:
        for number in range(helpers.count):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_work,
                args=(helpers, list(folders), roots, theirs),
                name=f"devise-worker-{number + 1}",
                daemon=True,
            )
            process.start()
            theirs.close()
            processes.append((process, ours))
        yield processes
    finally:
        if before is None:
            os.environ.pop(CORES, None)
        for left, _ in processes:
            left.terminate()
            left.join()


def _work(helpers: Helpers, folders: list[str], roots: frozenset[str], told: Connection) -> None:
    """All of a worker process."""
    try:
        with opening.writer(helpers.at, create=False) as store:
            assert store.queue is not None
            model = store.model()
            assert model is not None  # set before the workers are started
            encoder = open_encoder(helpers.model, model, store.model_path())
            run = Run(store, Plan(work=[]), Progress(), helpers.settings, roots=roots)
            with store.queue.joined(helpers.settings.ingest.lease_seconds):
                _take_part(
                    run, store.queue, Descriptors(encoder, looks_beside(model, encoder), imported(model)), folders
                )
    except DeviseError as error:
        told.send(str(error))
    except KeyboardInterrupt:
        pass
