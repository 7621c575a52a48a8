"""Paths in a file of labels, found as other systems write them: backslashes, other case, another form of accents."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from devise.errors import TrainingError, listed


class Paths:
    """Think of it as a function from what stands in a file of labels to the photo on this disk.

    file: what the paths are relative to the folder of. notes: told once where a path is not as it is written.
    """

    def __init__(self, file: Path, notes: list[str], roots: Sequence[Path] = ()) -> None:
        self.file, self.notes = file, notes
        self.roots = [file.parent, *roots]

    def find(self, written: str) -> str:
        """The photo's path; where none is there, as the file's folder would have it."""
        for path in dict.fromkeys((written, os.path.expanduser(written))):
            for root in self.roots:
                if os.path.isfile(whole := str(root / path)):
                    return whole
        for kind, path in (("backslashes in paths are read as slashes", written.replace("\\", "/")),
                           ("accents in paths are written in another form than on the disk",
                            unicodedata.normalize("NFC", written)),
                           ("accents in paths are written in another form than on the disk",
                            unicodedata.normalize("NFD", written))):  # fmt: skip
            for root in self.roots:
                if path != written and os.path.isfile(whole := str(root / path)):
                    self._tell(kind)
                    return whole
        if found := self._names.get(_key(written.replace("\\", "/"))):
            self._tell("paths are written in another case than on the disk")
            return found
        return str(self.file.parent / written)

    def check(self, paths: Sequence[str]) -> None:
        """Raises TrainingError naming those that do not exist."""
        missing = [path for path in paths if not os.path.isfile(path)]
        if missing:
            links = " (addresses are not followed)" if any("://" in path or ":/" in path for path in missing) else ""
            raise TrainingError(
                f"{self.file}: {len(missing):,} photos do not exist: {listed(missing)}{links}; "
                f"paths are relative to the {'CSV' if self.file.suffix != '.json' else 'file'}"
            )

    def _tell(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Files below the folder by their paths in lower case; none where two differ in case only."""
        found: dict[str, list[str]] = {}
        for folder, _, names in os.walk(self.file.parent):
            for name in names:
                whole = os.path.join(folder, name)
                found.setdefault(_key(os.path.relpath(whole, self.file.parent)), []).append(whole)
        return {key: paths[0] for key, paths in found.items() if len(paths) == 1}


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", os.path.normpath(path)).casefold()
