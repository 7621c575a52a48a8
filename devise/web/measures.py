"""How many requests there were and how long they took, in the text form that Prometheus reads."""

from __future__ import annotations

import threading
from collections import Counter

BOUNDS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Measures:
    """Counted by route and status; times by route."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]  # a Counter adds whatever it is given
            for bound in BOUNDS:
                if seconds <= bound:
                    self._within[route, bound] += 1

    def text(self, num_photos: int) -> str:
        with self._lock:
            lines = ["# TYPE devise_photos gauge", f"devise_photos {num_photos}"]
            lines += ["# TYPE devise_requests_total counter"]
            for (route, status), count in sorted(self._requests.items()):
                lines.append(f'devise_requests_total{{route="{route}",status="{status}"}} {count}')
            lines += ["# TYPE devise_request_seconds histogram"]
            counts: Counter[str] = Counter()
            for (route, _), count in self._requests.items():
                counts[route] += count
            for route, count in sorted(counts.items()):
                for bound in BOUNDS:
                    within = self._within[route, bound]
                    lines.append(f'devise_request_seconds_bucket{{route="{route}",le="{bound}"}} {within}')
                lines.append(f'devise_request_seconds_bucket{{route="{route}",le="+Inf"}} {count}')
                lines.append(f'devise_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}')
                lines.append(f'devise_request_seconds_count{{route="{route}"}} {count}')
        return "\n".join(lines) + "\n"
