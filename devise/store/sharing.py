"""What a store on servers has beside its rows: an index that a server keeps, and work that several programs share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from devise.spaces import Space
from devise.vectors import Hits, Vector


class Served(Protocol):
    """An index that a server keeps of a store's rows, of the spaces that are compared by cosine."""

    def near(self, space: Space, vectors: Vector, k: int) -> list[Hits] | None:
        """For each vector (n, dim) up to k contents that may be near, and those that the index has not heard of yet.

        None: for so many there is no index. Raises LibraryError where the server does not answer.
        """

    def is_behind(self) -> bool:
        """Whether there is anything that the server has not heard of."""

    def drop(self, space: Space) -> None:
        """Of a space that the library has no more."""

    def settle(self, at_least: int = 1) -> None:
        """Tell the server what it has not heard of, if it is so much; then searches of all programs find it there."""


class Queue(Protocol):
    """Work that several programs share: who has taken a photo, or a content, has it until its lease ends.

    A lease is renewed as long as its program lives; what a dead one had is anybody's a moment later.
    """

    def joined(self, lease_seconds: float) -> AbstractContextManager[None]:
        """To be one of the programs; what one has taken when it leaves, or has died so long ago, is anybody's."""

    def offer(self, paths: Iterable[str]) -> None:
        """Photos that are to be read."""

    def take(self, folders: Sequence[str], batch: int) -> list[str]:
        """A share of those in the folders that nobody has, some batches of it or one; none: wait for others."""

    def claim(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the contents that are ours to encode; somebody else is at the others."""

    def finish(self, paths: Iterable[str], encoded: Iterable[bytes]) -> set[str]:
        """In the transaction that stores them: those of the photos that were still ours, which are done now."""

    def give_back(self, paths: Iterable[str]) -> None:
        """For whoever takes them a moment later."""

    def left(self, folders: Sequence[str]) -> int:
        """How many in the folders are not done, whoever has them."""
