"""Bring photos in: say what is to be done, do it, alone or with others, and say what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from devise.config import Settings
from devise.library.ingest.changes import plan_changes
from devise.library.ingest.descriptors import Descriptors
from devise.library.ingest.plan import Plan, plan
from devise.library.ingest.run import Run
from devise.library.ingest.shared import Helpers, share
from devise.library.models import check_model, info_of
from devise.progress import Progress
from devise.reports import IndexReport
from devise.store.base import Store


def index(  # noqa: PLR0913
    store: Store,
    folders: Sequence[str | Path],
    open_descriptors: Callable[[], Descriptors],
    *,
    allow_empty: bool,
    rehash: bool,
    progress: Progress,
    settings: Settings,
    helpers: Helpers | None = None,
) -> IndexReport:
    """Make the library agree with `folders`. Whatever stops it, what is stored stays good and the next run goes on.

    helpers: processes that do the reading and encoding, into a library that many may write.
    """
    started = time.monotonic()
    planned = plan(store, folders, allow_empty=allow_empty, rehash=rehash, progress=progress)
    return _carried_out(store, planned, folders, open_descriptors, progress, settings, started, helpers)


def refresh(
    store: Store,
    paths: Iterable[str],
    open_descriptors: Callable[[], Descriptors],
    *,
    progress: Progress,
    settings: Settings,
) -> IndexReport:
    """Make the library agree with what stands at some paths of its folders."""
    started = time.monotonic()
    return _carried_out(store, plan_changes(store, paths), (), open_descriptors, progress, settings, started)


def _carried_out(  # noqa: PLR0913
    store: Store,
    planned: Plan,
    folders: Sequence[str | Path],
    open_descriptors: Callable[[], Descriptors],
    progress: Progress,
    settings: Settings,
    started: float,
    helpers: Helpers | None = None,
) -> IndexReport:
    run = Run(store, planned, progress, settings)
    if planned.work:
        descriptors = open_descriptors()
        check_model(store, info_of(descriptors.encoder))
        run.remember(folders, descriptors)
        if store.queue is None:
            run.work(descriptors, planned.work)
        else:
            share(run, store.queue, descriptors, folders, helpers)
    else:
        run.remember(folders, None)
    run.listen()
    run.look_back(folders)
    removed = run.finish()
    skipped = sorted(planned.skipped, key=lambda skipped: skipped.path)
    return IndexReport(**run.counts, removed=removed, skipped=tuple(skipped), seconds=time.monotonic() - started)
