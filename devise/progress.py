"""How far work has got: override what you want to show."""

from __future__ import annotations


class Progress:
    """Override what you want to show; every method does nothing. Called from the thread that called `index`."""

    def walked(self, photos: int) -> None:
        """So many photos have been found in the folders so far."""

    def worked(self, done: int, total: int) -> None:
        """`done` of the `total` photos that are new or changed are stored (or skipped). First call: done = 0."""

    def building(self, space: str, done: int, total: int) -> None:
        """`done` of `total` vectors are in the graph of a space."""

    def note(self, text: str) -> None:
        """One line worth showing: a graph that was damaged and is built again."""
