"""Which photo of a folder a sidecar belongs to, also by the names that Google Photos' export (Takeout) makes up.

Takeout appends ".supplemental-metadata.json" (until 2024 ".json") to the photo's name and cuts what is before ".json"
to 46 characters, wherever that is; the number of a second photo of the same name moves behind it: IMG(1).jpg has
IMG.jpg.supplemental-metadata(1).json. Edited copies have the original's sidecar. A sidecar that could belong to two
different photos belongs to none.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

SUPPLEMENTAL = ".supplemental-metadata"
# What is left of a name, in characters or in bytes of UTF-8: 51 less those of ".json", as most reports have it
CUT = range(44, 52)
# What Google appends to the name of an edited copy: as people have reported it, or as the word is in that language
EDITED = (
    *("edited", "effects", "smile", "mix", "collage", "animation", "motion", "cropped", "color_pop"),
    *("bearbeitet", "modifié", "modifiée", "modifiee", "modificato", "modificata", "modificado", "modificada"),
    *("ha editado", "editado", "editada", "editat", "editată", "edytowane", "bewerkt", "redigeret", "redigert"),
    *("redigerad", "redigerat", "muokattu", "upraveno", "upravené", "upravená", "urejeno", "uređeno", "izmenjeno"),
    *("szerkesztett", "szerkesztve", "düzenlendi", "muudetud", "redaguota", "rediģēts", "breytt", "diedit"),
    *("đã chỉnh sửa", "na-edit", "επεξεργασμένο", "επεξεργασμένη", "τροποποιημένο"),
    *("измененный", "изменено", "изменённый", "отредактировано", "змінено", "відредаговано", "редактирано", "измењено"),
    *(
        "編集済み",
        "已編輯",
        "已编辑",
        "编辑",
        "編輯",
        "已修改",
        "修改",
        "수정됨",
        "편집됨",
        "แก้ไขแล้ว",
        "संपादित",
        "সম্পাদিত",
    ),
    *("נערך", "ערוך", "معدّل", "معدل", "معدلة", "تم التعديل", "ویرایش‌شده", "ویرایش شده"),
)
_EDITED = frozenset(unicodedata.normalize("NFC", word).casefold() for word in EDITED)
_COPY = re.compile(r"(.*)\((\d{1,4})\)", re.DOTALL)
Key = tuple[str, int]  # a folded name, and the number of the copy


def fold(name: str) -> str:
    """Equal for names that differ in case or in how their accents are written."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def owners(photos: Iterable[str], sidecars: Iterable[str]) -> dict[str, list[str]]:
    """Photo -> its sidecars; all are names of files in one folder.

    >>> owners(["IMG.jpg", "IMG(1).jpg"], ["IMG.jpg.json", "IMG.jpg(1).json"])
    {'IMG.jpg': ['IMG.jpg.json'], 'IMG(1).jpg': ['IMG.jpg(1).json']}
    """
    names = _Names(photos)
    found: dict[str, list[str]] = defaultdict(list)
    borrowed: dict[str, list[str]] = defaultdict(list)
    for sidecar in sorted(sidecars):
        for photo in names.named(sidecar):
            found[photo].append(sidecar)
        for photo in names.edited_from(sidecar):
            borrowed[photo].append(sidecar)
    for sidecar in sorted(sidecars) if names.edited else ():
        for photo in names.edited_again(sidecar):
            if photo not in borrowed:
                borrowed[photo] = [sidecar]
    for photo, its in borrowed.items():
        if not any(sidecar.lower().endswith(".json") for sidecar in found.get(photo, ())):
            found[photo] += its
    for photo, its in found.items():  # tom.txt before tom.jpg.txt
        its.sort(key=lambda sidecar: (fold(sidecar).startswith(fold(photo)), sidecar))
    return dict(found)


class _Names:
    """The photos of a folder by all the names that a sidecar may call them."""

    def __init__(self, photos: Iterable[str]) -> None:
        self.exact = frozenset(photos)
        self.stems: dict[str, list[str]] = defaultdict(list)
        self.folded: dict[str, list[str]] = defaultdict(list)
        self.folded_stems: dict[str, list[str]] = defaultdict(list)
        self.copies: dict[Key, list[str]] = defaultdict(list)
        self.cut: dict[Key, list[str]] = defaultdict(list)
        self.edited: dict[Key, list[str]] = defaultdict(list)
        self.edited_cut: dict[Key, list[str]] = defaultdict(list)
        self.edited_copies: dict[str, list[str]] = defaultdict(list)
        self.edited_stems: dict[Key, list[str]] = defaultdict(list)
        for photo in sorted(self.exact):
            stem, suffix = os.path.splitext(photo)
            self.stems[stem].append(photo)
            self.folded[fold(photo)].append(photo)
            self.folded_stems[fold(stem)].append(photo)
            base, number = _copy(stem)
            if number:
                self.copies[fold(base + suffix), number].append(photo)
                self.copies[fold(base), number].append(photo)
            self._add_cuts(self.cut, base + suffix, number, photo)
            for name, copy in _originals(stem):
                self.edited[fold(name + suffix), copy].append(photo)
                self._add_cuts(self.edited_cut, name + suffix, copy, photo)
                self.edited_stems[fold(name), copy].append(photo)
                if copy:
                    self.edited_copies[fold(name + suffix)].append(photo)

    @staticmethod
    def _add_cuts(table: dict[Key, list[str]], name: str, number: int, photo: str) -> None:
        if len(name.encode("utf-8", "surrogateescape")) <= CUT[0]:
            return
        for length in range(1 if not name.isascii() else CUT[0], len(name)):
            if _is_cut(name[:length]):
                table[fold(name[:length]), number].append(photo)

    def named(self, sidecar: str) -> list[str]:
        """The photos, mostly one, that a sidecar names; those of its very name first."""
        name, ending = os.path.splitext(sidecar)
        if name in self.exact:
            return [name]
        if found := self.folded.get(fold(name)) or self._of_stem(name):
            return found
        return self._of_takeout(name) if ending.lower() == ".json" else []

    def _of_stem(self, stem: str) -> list[str]:
        return self.stems.get(stem) or self.folded_stems.get(fold(stem)) or []

    def _of_takeout(self, name: str) -> list[str]:
        for base, number in _called(name):
            if number:
                found = self.copies.get((fold(base), number))
            else:
                found = [base] if base in self.exact else self.folded.get(fold(base)) or self._of_stem(base)
            if found:
                return found
        base, number = _copy(name)
        found = _without_edits(self.cut.get((fold(base), number), [])) if _is_cut(base) else []
        return found if len(_stems(found)) == 1 else []

    def edited_from(self, sidecar: str) -> list[str]:
        name, ending = os.path.splitext(sidecar)
        if ending.lower() != ".json" or not self.edited:
            return []
        found = {photo for base, number in _called(name) for photo in self.edited.get((fold(base), number), ())}
        base, number = _copy(name)
        if _is_cut(base) and len(_stems(_without_edits(self.cut.get((fold(base), number), [])))) < 2:
            found.update(self.edited_cut.get((fold(base), number), ()))
        return sorted(found or self._edited_as_another_kind(sidecar))

    def edited_again(self, sidecar: str) -> list[str]:
        """IMG-edited(1).jpg of IMG.jpg, where there is no IMG(1): the number is that of the copy."""
        if os.path.splitext(sidecar)[1].lower() != ".json":
            return []
        found = {photo for original in self.named(sidecar) for photo in self.edited_copies.get(fold(original), ())}
        return sorted(photo for photo in found if not self._has_numbered_original(photo))

    def _has_numbered_original(self, photo: str) -> bool:
        stem, _ = os.path.splitext(photo)
        return any(number and self._of_stem(f"{name}({number})") for name, number in _originals(stem))

    def _edited_as_another_kind(self, sidecar: str) -> set[str]:
        """IMG-edited.jpg of IMG.heic, where no other photo is called IMG."""
        stems = _stems(self.named(sidecar))
        if len(stems) != 1 or len(self._of_stem(stem := stems.pop())) != 1:
            return set()
        base, number = _copy(stem)
        return {photo for key in ((fold(stem), 0), (fold(base), number)) for photo in self.edited_stems.get(key, ())}


def _called(name: str) -> Iterator[Key]:
    """What a sidecar of that name, less ".json", may call its photo: the longest first."""
    for base, number in dict.fromkeys(((name, 0), _copy(name))):
        folded = base.lower()
        for length in range(len(SUPPLEMENTAL) + 1):
            if folded.endswith(SUPPLEMENTAL[:length]):
                yield base[: len(base) - length], number


def _copy(name: str) -> Key:
    """IMG(1) -> IMG, 1."""
    found = _COPY.fullmatch(name)
    return (found[1], int(found[2])) if found and int(found[2]) else (name, 0)


def _originals(stem: str) -> set[Key]:
    """IMG-edited -> IMG; IMG-edited(1) and IMG(1)-edited -> IMG, 1: without the suffix."""
    outer, number = _copy(stem)
    inner = _without_edited(outer)
    if inner is None:
        return set()
    base, inner_number = _copy(inner)
    return {(inner, number), (base, number or inner_number)}


def _stems(photos: Iterable[str]) -> set[str]:
    return {os.path.splitext(photo)[0] for photo in photos}


def _without_edits(photos: list[str]) -> list[str]:
    """Less the edited copies of others among them, whose names begin as those do."""
    stems = set(map(fold, _stems(photos)))

    def is_edit(photo: str) -> bool:
        originals = _originals(os.path.splitext(photo)[0])
        return any(fold(f"{name}({number})" if number else name) in stems for name, number in originals)

    return [photo for photo in photos if not is_edit(photo)]


def _without_edited(stem: str) -> str | None:
    normal = unicodedata.normalize("NFC", stem)
    is_cut = _is_cut(normal)  # ...-edi.jpg
    for place in (place for place, character in enumerate(normal) if character == "-" and place):
        word = normal[place + 1 :].casefold()
        if word in _EDITED or (is_cut and any(full.startswith(word) for full in _EDITED)):
            return normal[:place]
    return None


def _is_cut(name: str) -> bool:
    return len(name) in CUT or len(name.encode("utf-8", "surrogateescape")) in CUT
