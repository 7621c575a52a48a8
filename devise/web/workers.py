"""Threads that answer: few for searches, few for pictures, and a queue that is never long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from devise.web.parameters import RequestError

T = TypeVar("T")


class Workers:
    """Think of it as two counters with a queue each: thumbnails never keep a search waiting.

    As many threads as cores: more would only take turns, and each has a reader of the library. They live as long as the
    server, so that their readers stay open.
    """

    def __init__(self, max_waiting: int) -> None:
        num = max(2, os.cpu_count() or 1)
        self._searching = ThreadPoolExecutor(num, thread_name_prefix="devise-search")
        self._drawing = ThreadPoolExecutor(num, thread_name_prefix="devise-draw")
        self._max_waiting, self._waiting = max_waiting, 0

    async def search(self, work: Callable[[], T]) -> T:
        return await self._run(self._searching, work)

    async def draw(self, work: Callable[[], T]) -> T:
        return await self._run(self._drawing, work)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Raises RequestError where too many wait."""
        if self._waiting >= self._max_waiting:
            raise RequestError("too many requests at once", "ask again in a second", 503)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        for pool in (self._searching, self._drawing):
            pool.shutdown(wait=False, cancel_futures=True)
