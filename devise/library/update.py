"""Make a library agree with its folders: first its rows, then the indices that are derived from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from devise.descriptors.looks import Looks
from devise.errors import LibraryError
from devise.library.ingest import fill
from devise.library.ingest.index import index
from devise.library.ingest.index import refresh as refreshed
from devise.library.ingest.shared import Helpers
from devise.library.models import Model, check_model, info_of
from devise.library.resources import Resources
from devise.progress import Progress
from devise.reports import IndexReport
from devise.search import maintain
from devise.store.location import Location
from devise.store.opening import exists, writer


def update(  # noqa: PLR0913 (as Library.index, by name)
    resources: Resources,
    folders: Sequence[str | Path],
    model: Model | None,
    progress: Progress,
    *,
    allow_empty: bool,
    rehash: bool,
    add: Sequence[str] = (),
    workers: int = 1,
) -> IndexReport:
    """As Library.index. model: for photos that are new, where it is not the one that is in use already."""
    _check_workers(workers, resources.path)
    path, looks = resources.path, [space.name for space in Looks(add).spaces]
    if model is not None:
        resources.use(model)
    if not folders and not exists(path):
        raise LibraryError(f"there is no library at {path} yet; run: devise index FOLDER")
    with resources.writing, writer(path, create=bool(folders)) as store:
        resources.readers.leave()  # this thread's reader starts anew afterwards
        folders = folders or store.roots()
        if not folders:
            raise LibraryError(f"the library {path} has no folders yet; run: devise index FOLDER")
        if model is not None:
            check_model(store, info_of(resources.encoder(store)))
        settings = resources.settings
        fill.add(store, looks)
        helpers = Helpers(workers, path, resources.model, settings) if workers > 1 else None
        report = index(store, folders, lambda: resources.descriptors(store, looks), allow_empty=allow_empty,
                       rehash=rehash, progress=progress, settings=settings, helpers=helpers)  # fmt: skip
        if isinstance(model, str | Path) and (file := getattr(resources.encoder(store), "path", None)):
            store.set_model_path(os.path.abspath(file))
        report = replace(report, filled=fill.fill(store, progress, settings))
        maintain.update(store, progress, settings.index)
    resources.forget_taggers()
    return report


def _check_workers(workers: int, path: Location) -> None:
    """Raises LibraryError where one program writes, with all cores."""
    if workers < 1:
        raise LibraryError(f"{workers} workers index nothing; give --workers 2 or more, or leave it out")
    if workers > 1 and isinstance(path, Path):
        raise LibraryError(
            f"the library {path} lies in a folder and has one writer, whose network uses all cores; leave --workers "
            "out, or index into milvus://HOST/NAME (docs/scale.md)"
        )


def refresh(resources: Resources, paths: Iterable[str | Path], progress: Progress) -> IndexReport:
    """As Library.refresh."""
    with resources.writing, writer(resources.path, create=False) as store:
        resources.readers.leave()
        settings = resources.settings
        report = refreshed(store, map(os.path.abspath, paths), lambda: resources.descriptors(store, ()),
                           progress=progress, settings=settings)  # fmt: skip
        maintain.update(store, progress, settings.index)
    return report
