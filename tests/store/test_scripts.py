"""Names and captions in every script are found: accents in two forms, words without spaces, folded letters."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image

from devise.library import Library, Where
from devise.store.scripts import MAX_SPELLINGS, searchable, spellings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", model=FakeEncoder())


def photo(path: Path, caption: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = abs(hash(str(path)))
    Image.new("RGB", (8, 8), (shade % 256, shade // 256 % 256, shade // 65536 % 256)).save(path)
    if caption:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")


def found(library: Library, text: str) -> list[str]:
    return [Path(match.path).stem for match in library.search(where=Where(text=text))]


WORDS = ["Überlingen", "Café", "йога", "ガーデン", "바다여행", "Ångström", "Việt", "Đà Nẵng"]


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize("word", WORDS)
def test_both_forms_of_accents_are_one(library: Library, tmp_path: Path, word: str, stored: str, asked: str) -> None:
    name, query = unicodedata.normalize(stored, word), unicodedata.normalize(asked, word)
    photo(tmp_path / "album" / f"{name}.png")
    photo(tmp_path / "album" / name / "within.png")
    photo(tmp_path / "album" / "told.png", f"a day in {name}")
    photo(tmp_path / "album" / "other.png")
    with library:
        library.index([tmp_path / "album"])
        assert sorted(found(library, query)) == sorted([name, "within", "told"])
        assert library.count(Where(inside=tmp_path / "album" / query)) == 1


@pytest.mark.parametrize(
    ("name", "queries", "others"),
    [
        ("家族写真", ["家族写真", "家族", "写真", "族写", "写*"], ["写家", "犬"]),
        ("京都旅行2019", ["京都", "旅行", "2019", "京都旅行2019"], ["東京"]),
        ("桜とガーデン", ["桜", "ガーデン", "ｶﾞｰﾃﾞﾝ"], ["ガデン"]),
        ("바다여행", ["바다", "여행", "바다여행"], ["산"]),
        ("กรุงเทพมหานคร", ["กรุงเทพ", "มหานคร"], ["เชียงใหม่"]),
        ("全家在海边", ["海边", "全家"], ["山"]),
        ("Straße", ["Straße", "strasse", "STRASSE", "STRAẞE"], ["strase"]),
        ("İstanbul", ["istanbul", "İstanbul", "ISTANBUL"], ["stanbul"]),
        ("Ærø", ["ærø", "aero", "ÆRØ"], ["ero"]),
        ("Łódź", ["łódź", "lodz"], ["odz"]),
        ("Ελλάδα", ["ελλαδα", "ΕΛΛΑΔΑ", "Ελλάδα"], ["ελλα"]),
        ("ёлка", ["елка", "ЁЛКА", "Ёлка"], ["елк"]),
        ("йога", ["Йога"], ["иога"]),  # another letter, not an accent
        ("ＡＢＣ", ["abc", "ＡＢＣ"], ["abcd"]),
        ("été", ["été", "ete"], ["et"]),
        ("O’Brien", ["O’Brien", "O'Brien", "brien"], ["obrien2"]),
        ("my_dog_rex", ["dog"], ["cat"]),
    ],
)
def test_words_within_names(library: Library, tmp_path: Path, name: str, queries: list[str], others: list[str]) -> None:
    photo(tmp_path / "album" / f"{name}.png")
    photo(tmp_path / "album" / "tree.png")
    with library:
        library.index([tmp_path / "album"])
        for query in queries:
            assert found(library, query) == [name], query
        for query in others:
            assert found(library, query) == [], query


def test_a_path_has_few_spellings() -> None:
    assert spellings("/a/b") == ["/a/b"]
    assert len(spellings("/é/ü")) == 4
    assert len(spellings("/é" * 12)) <= MAX_SPELLINGS + 1


def test_plain_text_is_left_as_it_is() -> None:
    assert searchable("SummerTrip2019 tom") == "SummerTrip2019 tom"
    assert searchable("été à Zürich") == "été à Zürich"
