"""An indexing run beside the server, and what its pages hear of it while it goes on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from devise.errors import DeviseError
from devise.library import Library
from devise.progress import Progress
from devise.web.parameters import RequestError


@dataclass(frozen=True)
class IndexState:
    """stage: "idle", "walking", "reading", "building", "done" or "failed". number: counts what was told so far."""

    number: int = 0
    stage: str = "idle"
    done: int = 0
    total: int = 0
    report: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    @property
    def is_running(self) -> bool:
        return self.stage in ("walking", "reading", "building")

    def to_json(self) -> dict[str, Any]:
        known = {"stage": self.stage, "done": self.done, "total": self.total}
        return known | ({"report": self.report} if self.report else {}) | ({"error": self.error} if self.error else {})


class IndexRun(Progress):
    """Think of it as `devise index` in a thread, of the folders that the library has; one at a time."""

    def __init__(self, library: Library) -> None:
        self._library, self.state = library, IndexState()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> IndexState:
        """Raises RequestError where one is going on."""
        with self._lock:
            if self.state.is_running:
                raise RequestError("the library is being indexed", "wait until that has finished", 409)
            self._tell(stage="walking")
            self._thread = threading.Thread(target=self._run, name="devise-index", daemon=True)
            self._thread.start()
            return self.state

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long: batches that are stored stay good."""
        if self._thread:
            self._thread.join(seconds)

    def walked(self, photos: int) -> None:
        self._tell(stage="walking", done=photos)

    def worked(self, done: int, total: int) -> None:
        self._tell(stage="reading", done=done, total=total)

    def building(self, space: str, done: int, total: int) -> None:
        self._tell(stage="building", done=done, total=total)

    def _run(self) -> None:
        try:
            report = self._library.index(progress=self)
            self._tell(stage="done", report=report.to_json())
        except DeviseError as error:
            self._tell(stage="failed", error=RequestError.of(error).to_json())
        except BaseException as error:  # a bug of ours must not leave the page waiting
            self._tell(stage="failed", error={"error": f"it broke off: {error}", "remedy": "run: devise index"})
            raise

    def _tell(self, **what: Any) -> None:
        self.state = IndexState(number=self.state.number + 1, **what)
