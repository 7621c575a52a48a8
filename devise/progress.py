"""How far work has got: override what you want to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devise.training.overview import Overview
    from devise.training.report import EpochReport


class Progress:
    """Override what you want to show; every method does nothing. Called from the thread that called for the work.

    `Library.index` tells walked, worked and building; `train` dataset, features, photos and epoch; `evaluate`
    features; `import_vectors` building. What it raises ends the work: a run that is trained goes on with `resume=True`.

    >>> class Dots(Progress):
    ...     def worked(self, done, total):
    ...         print(".", end="")
    >>> report = library.index(["photos"], progress=Dots())
    """

    def walked(self, photos: int) -> None:
        """So many photos have been found in the folders so far."""

    def worked(self, done: int, total: int) -> None:
        """`done` of the `total` photos that are new or changed are stored (or skipped). First call: done = 0."""

    def building(self, space: str, done: int, total: int) -> None:
        """`done` of `total` vectors are in the graph of a space; "words" is also that of imported word vectors."""

    def dataset(self, overview: Overview) -> None:
        """What is going to be learnt from which photos; nothing has been computed yet."""

    def features(self, done: int, total: int) -> None:
        """`done` of `total` photos to learn from have their features."""

    def photos(self, done: int, total: int) -> None:
        """`done` of `total` photos were trained on, counted over all epochs."""

    def epoch(self, report: EpochReport) -> None:
        """An epoch has ended and its state is on the disk."""

    def note(self, text: str) -> None:
        """One line worth showing: a graph that was damaged and is built again."""
