"""Which sidecar belongs to which photo: all the names of Google's export, and never the wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from devise.photos import Found, details, find
from devise.photos.takeout import SUPPLEMENTAL, owners

STEM = "a_name_so_long_that_the_export_cuts_it_somewhere_in_here"[:47]


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG.jpg", "IMG.jpg.json"),
        ("IMG.jpg", "IMG.jpg.supplemental-metadata.json"),
        *(("IMG.jpg", f"IMG.jpg{SUPPLEMENTAL[:length]}.json") for length in range(1, len(SUPPLEMENTAL))),
        ("IMG(1).jpg", "IMG.jpg(1).json"),
        ("IMG(1).jpg", "IMG.jpg.supplemental-metadata(1).json"),
        ("IMG(12).jpg", "IMG.jpg.suppl(12).json"),
        ("IMG(1).jpg", "IMG(1).jpg.json"),
        ("IMG(1).jpg", "IMG(1).json"),
        (f"{STEM}.jpg", f"{STEM[:46]}.json"),
        (f"{STEM}(1).jpg", f"{STEM[:46]}(1).json"),
        (f"{STEM[:45]}.jpg", f"{STEM[:45]}..json"),
        ("IMG.JPG", "IMG.jpg.json"),
        ("IMG.jpg", "IMG.JPG.supplemental-metadata.JSON"),
        ("IMG.jpg", "IMG.json"),
        ("IMG.jpg", "IMG.supplemental-metadata.json"),
        ("IMG-edited.jpg", "IMG.jpg.json"),
        ("IMG-edited(1).jpg", "IMG.jpg.supplemental-metadata(1).json"),
        ("IMG-bearbeitet.jpg", "IMG.jpg.json"),
        ("IMG-modifié.jpg", "IMG.jpg.json"),
        ("IMG-modifie\u0301.jpg", "IMG.jpg.json"),
        ("IMG-編集済み.jpg", "IMG.jpg.json"),
        ("IMG-已编辑.jpg", "IMG.jpg.supplemental-metadata.json"),
        ("IMG-đã chỉnh sửa.jpg", "IMG.jpg.json"),
        ("IMG-ha editado(2).jpg", "IMG.jpg.suppl(2).json"),
        ("IMG-na-edit.jpg", "IMG.jpg.json"),
        ("long_" * 10 + ".jpg", ("long_" * 10 + ".jpg")[:44] + ".json"),
        ("long_" * 12 + ".jpg", ("long_" * 12 + ".jpg")[:51] + ".json"),
        ("京都旅行の写真その一二三四五六七八.jpg", "京都旅行の写真その一二三四五六.json"),  # 45 bytes
        ("京都旅行の写真その一二三四五六七八(1).jpg", "京都旅行の写真その一二三四五六(1).json"),
        (f"{STEM[:45]}-e.jpg", f"{STEM[:45]}..json"),
        ("Überfahrt.jpg", "U\u0308berfahrt.jpg.json"),
    ],
)
def test_names_of_sidecars(photo: str, sidecar: str) -> None:
    assert owners([photo, "other.jpg"], [sidecar]) == {photo: [sidecar]}


@pytest.mark.parametrize(
    ("photos", "sidecars", "found"),
    [
        (["trap.jpg", "trap(1).jpg"], ["trap.jpg.json"], {"trap.jpg": ["trap.jpg.json"]}),
        (["trap(1).jpg"], ["trap.jpg.json", "trap.json"], {}),
        (["trap.jpg"], ["trap.jpg(1).json", "trap(1).jpg.json"], {}),
        (["a.jpg", "a-cat.jpg"], ["a.jpg.json"], {"a.jpg": ["a.jpg.json"]}),
        (["a.jpg", "a-edited.jpg"], ["a.jpg.txt"], {"a.jpg": ["a.jpg.txt"]}),
        (
            ["a.jpg", "a-edited.jpg"],
            ["a.jpg.json", "a-edited.jpg.json"],
            {"a.jpg": ["a.jpg.json"], "a-edited.jpg": ["a-edited.jpg.json"]},
        ),
        (["a.JPG", "a.jpg"], ["a.JPG.json"], {"a.JPG": ["a.JPG.json"]}),
        (["a.png", "a.jpg"], ["a.jpg.json"], {"a.jpg": ["a.jpg.json"]}),
        ([f"{STEM[:46]}A.jpg", f"{STEM[:46]}B.jpg"], [f"{STEM[:46]}.json"], {}),  # of either
        ([f"{STEM}.jpg"], [f"{STEM[:30]}.json"], {}),
        (
            [f"{STEM}.jpg", f"{STEM}(1).jpg"],
            [f"{STEM[:46]}.json", f"{STEM[:46]}(1).json"],
            {f"{STEM}.jpg": [f"{STEM[:46]}.json"], f"{STEM}(1).jpg": [f"{STEM[:46]}(1).json"]},
        ),
        (["a.nef", "a.jpg"], ["a.xmp"], {"a.nef": ["a.xmp"], "a.jpg": ["a.xmp"]}),
        (
            ["IMG.heic", "IMG-edited.jpg"],
            ["IMG.heic.json"],
            {"IMG.heic": ["IMG.heic.json"], "IMG-edited.jpg": ["IMG.heic.json"]},
        ),
        (
            ["IMG(2).heic", "IMG-edited(2).jpg"],
            ["IMG.heic(2).json"],
            {"IMG(2).heic": ["IMG.heic(2).json"], "IMG-edited(2).jpg": ["IMG.heic(2).json"]},
        ),
        (
            ["IMG.jpg", "IMG-edited(1).jpg"],
            ["IMG.jpg.supplemental-metadata.json"],
            {
                "IMG.jpg": ["IMG.jpg.supplemental-metadata.json"],
                "IMG-edited(1).jpg": ["IMG.jpg.supplemental-metadata.json"],
            },
        ),
        (
            ["IMG.jpg", "IMG(1).jpg", "IMG-edited(1).jpg"],
            ["IMG.jpg.json", "IMG.jpg(1).json"],
            {
                "IMG.jpg": ["IMG.jpg.json"],
                "IMG(1).jpg": ["IMG.jpg(1).json"],
                "IMG-edited(1).jpg": ["IMG.jpg(1).json"],
            },
        ),
        (["IMG.jpg", "IMG(1).jpg", "IMG-edited(1).jpg"], ["IMG.jpg.json"], {"IMG.jpg": ["IMG.jpg.json"]}),
        (
            ["2013-12-23(1).jpg"],
            ["2013-12-23.supplemental-metadata(1).json"],
            {"2013-12-23(1).jpg": ["2013-12-23.supplemental-metadata(1).json"]},
        ),
        (["IMG.heic", "IMG.png", "IMG-edited.jpg"], ["IMG.heic.json"], {"IMG.heic": ["IMG.heic.json"]}),  # of either
        (
            [f"{'long_' * 13}.jpg", f"{'long_' * 13}-a.jpg"],
            [f"{'long_' * 13}.jpg.json"],
            {f"{'long_' * 13}.jpg": [f"{'long_' * 13}.jpg.json"]},
        ),
        (
            ["京都旅行の写真その一二三四五六七.jpg", "京都旅行の写真その一二三四五六八.jpg"],
            ["京都旅行の写真その一二三四五六.json"],
            {},
        ),
        (["京都旅行の写真その一二三四五六七八.jpg"], ["京都旅行の写真その一二.json"], {}),
        (["IMG(0).jpg"], ["IMG.jpg.json"], {}),
        (
            [f"{STEM}.jpg", f"{STEM}-edited.jpg"],  # of which the first was cut
            [f"{STEM[:46]}.json"],
            {f"{STEM}.jpg": [f"{STEM[:46]}.json"], f"{STEM}-edited.jpg": [f"{STEM[:46]}.json"]},
        ),
        ([f"{STEM}.jpg", f"{STEM[:-1]}x.jpg", f"{STEM}-edited.jpg"], [f"{STEM[:46]}.json"], {}),
        (["a.jpg"], ["metadata.json", "b.json", ".json", "(1).json"], {}),
    ],
)
def test_a_sidecar_never_goes_to_the_wrong_photo(
    photos: list[str], sidecars: list[str], found: dict[str, list[str]]
) -> None:
    assert owners(photos, sidecars) == found


def test_photos_are_told_what_their_own_sidecar_says(tmp_path: Path) -> None:
    for number, name in enumerate(("IMG.jpg", "IMG(1).jpg", "IMG-edited.jpg")):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name)
    for name, said in (("IMG.jpg.supplemental-meta.json", "first"), ("IMG.jpg.supplemental-meta(1).json", "second")):
        taken = {"timestamp": "1262304000"}
        (tmp_path / name).write_text(json.dumps({"title": "IMG.jpg", "description": said, "photoTakenTime": taken}))
    told = {
        Path(found.path).name: details(found.path, beside=found.beside)
        for found in find([tmp_path])
        if isinstance(found, Found)
    }
    assert {name: about.text.split()[-1] for name, about in told.items()} == {
        "IMG.jpg": "first",
        "IMG(1).jpg": "second",
        "IMG-edited.jpg": "first",
    }
    assert {about.taken for about in told.values()} == {"2010-01-01T00:00:00"}


def test_many_photos_and_sidecars_of_one_folder() -> None:
    names = [f"IMG_{number}.jpg" for number in range(5_000)]
    found = owners(names, [f"{name}.supplemental-metadata.json" for name in names])
    assert len(found) == 5_000
