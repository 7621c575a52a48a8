"""Work on shards of photos in several processes, with a bar; what is missing after a kill is done next time."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipes.bar import Bar

POLL_SECONDS = 2.0

Files = tuple[Path, str, int]  # folder, pattern and number of those that are there in the end


def in_processes(work: Callable[..., None], options: argparse.Namespace, files: Files, *more: Any) -> None:
    """Run work(part, options, *more) for part 0 .. options.processes - 1; the bar counts the files that are there."""
    folder, pattern, total = files
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(i, options, *more)) for i in range(options.processes)]
    for worker in workers:
        worker.start()
    with Bar(pattern.split("-")[0], total) as bar:
        while any(worker.is_alive() for worker in workers):
            bar.move(len(list(folder.glob(pattern))))
            for worker in workers:
                worker.join(POLL_SECONDS / len(workers))
        bar.move(len(list(folder.glob(pattern))))
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker ended early (see above); the same command goes on where it ended")
