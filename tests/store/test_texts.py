"""Texts beside pictures: what files say about themselves, how it is looked up, and which photos a search is about."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder, of_format_3, put_content
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_cli import devise, encoder, fails, indexed, tiny  # noqa: F401 (fixtures)
from test_cli_queries import names
from typer.testing import Result

from devise.config import IndexConfig, SearchConfig, Settings
from devise.errors import DeviseError
from devise.index.deferred import DeferredIndex
from devise.library import Library, Where
from devise.photos import Found, details, find
from devise.photos.sidecars import Sidecar
from devise.progress import Progress
from devise.search import maintain
from devise.search.searcher import Searcher
from devise.store.records import Photo
from devise.store.sqlite.filters import match
from devise.store.sqlite.store import Store
from devise.vectors import unit

Run = Callable[..., Result]
search = DeferredIndex.search
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:x="u" x:secret="hidden"><dc:subject><rdf:Bag>
<rdf:li>heron</rdf:li><rdf:li>reeds</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def photo(path: Path, size: tuple[int, int] = (40, 30), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 40, 40)).save(path, **options)
    return path


def exif(date: str = "2020:05:13 10:11:12") -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = "a boat on a lake"
    made[0x9C9E] = "holiday;garda\0".encode("utf-16-le")
    made.get_ifd(0x8769)[0x9003] = date
    return made


def with_iptc(path: Path, *records: tuple[int, str]) -> Path:
    """Put IPTC-IIM records (2:number) into a JPEG."""
    iim = b"".join(b"\x1c\x02" + struct.pack(">BH", n, len(t.encode())) + t.encode() for n, t in records)
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iim)) + iim + b"\0" * (len(iim) % 2)
    segment = b"Photoshop 3.0\0" + block
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:])
    return path


def beside(path: Path) -> tuple[Sidecar, ...]:
    (found,) = find([path])
    assert isinstance(found, Found)
    return found.beside


def test_what_a_file_says_about_itself(tmp_path: Path) -> None:
    path = with_iptc(photo(tmp_path / "a.jpg", exif=exif(), xmp=XMP), (120, "Überfahrt"), (25, "ferry"), (25, "wind"))
    told = details(str(path))
    assert (told.taken, told.pixels, told.kind) == ("2020-05-13T10:11:12", 1200, "jpeg")
    assert {*told.text.split("\n")} == {
        *("a boat on a lake", "holiday;garda", "Überfahrt", "ferry", "wind", "heron", "reeds")
    }
    assert "hidden" not in told.text
    assert details(str(path), path.read_bytes()) == told


def test_a_date_in_iptc(tmp_path: Path) -> None:
    path = with_iptc(photo(tmp_path / "a.jpg"), (55, "20200513"), (60, "101112+0200"))
    assert details(str(path)).taken == "2020-05-13T10:11:12"
    path = with_iptc(photo(tmp_path / "b.jpg"), (55, "20200513"))
    assert details(str(path)).taken == "2020-05-13T00:00:00"


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("IMG_20200513_101112.png", "2020-05-13T10:11:12"),
        ("2020-05-13 10.11.12.png", "2020-05-13T10:11:12"),
        ("IMG-20200513-WA0007.png", "2020-05-13T00:00:00"),
        ("20201301.png", None),  # no such month
        ("120200513.png", None),
        ("tom.png", None),
    ],
)
def test_the_day_in_a_name(tmp_path: Path, name: str, taken: str | None) -> None:
    assert details(str(photo(tmp_path / name))).taken == taken


def test_a_date_that_is_none_and_captions_that_are_damaged_cost_nothing_else(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", exif=exif("0000:00:00 00:00:00"), xmp=b"<x:xmpmeta")
    assert details(str(path)).taken is None
    assert "a boat" in details(str(path)).text
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):  # never raises
        details("a.jpg", whole[:cut])


def test_a_billion_laughs_in_xmp_are_not_laughed(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x><title>&b;</title></x>'
    assert details(str(photo(tmp_path / "a.jpg", xmp=bomb))).text == ""


def test_sidecars(tmp_path: Path) -> None:
    path = photo(tmp_path / "tom.jpg")
    (tmp_path / "tom.txt").write_text("\ufeffTom on\nthe wall", encoding="utf-8")
    (tmp_path / "tom.jpg.json").write_text(
        json.dumps({"description": "our cat", "people": [{"name": "Ada"}], "url": "example.org", "tags": ["x", 3]})
    )
    (tmp_path / "tom.jpg.supplemental-metadata.json").write_text('{"photoTakenTime": {"timestamp": "1589364672"}}')
    assert [os.path.basename(sidecar.path) for sidecar in beside(path)] == [
        *("tom.txt", "tom.jpg.json", "tom.jpg.supplemental-metadata.json")
    ]
    (found,) = (found for found in find([tmp_path]))
    assert isinstance(found, Found)
    assert found.beside == beside(path)  # alone, or in its folder
    told = details(str(path), beside=found.beside)
    assert told.text == "Tom on the wall\nour cat Ada x"
    assert told.taken == "2020-05-13T10:11:12"


@pytest.mark.parametrize("text", [b"{", b"[" * 5000, b"\xff\xfe\0", b"17", b"{}", b'{"photoTakenTime": 3, "tags": {}}'])
def test_sidecars_that_say_nothing(tmp_path: Path, text: bytes) -> None:
    path = photo(tmp_path / "tom.jpg")
    (tmp_path / "tom.json").write_bytes(text)
    assert details(str(path), beside=beside(path)).text == ""


@pytest.fixture
def library(tmp_path: Path, encoder: FakeEncoder) -> Library:  # noqa: F811
    return Library(tmp_path / "library", model=encoder)


def texts(library: Library) -> dict[str, tuple[str, str]]:
    with sqlite3.connect(library.path / "library.db") as db:
        rows = db.execute("SELECT path, names, captions FROM texts").fetchall()
    return {os.path.basename(path): (names, captions) for path, names, captions in rows}


def test_the_texts_follow_the_photos(tmp_path: Path, library: Library) -> None:
    path = photo(tmp_path / "album/SummerTrip2019/tom.png")
    with library:
        library.index([tmp_path / "album"])
        assert texts(library) == {"tom.png": ("album SummerTrip2019 tom Summer Trip 2019", "")}
        (path.parent / "tom.txt").write_text("a caption")
        assert library.index().unchanged == 1
        assert texts(library)["tom.png"][1] == "a caption"
        (path.parent / "tom.txt").unlink()
        path.rename(path.with_name("ada.png"))
        assert library.index().moved == 1
        assert texts(library) == {"ada.png": ("album SummerTrip2019 ada Summer Trip 2019", "")}
        photo(path.with_name("ada.png"), (10, 10))
        assert library.index().updated == 1
        assert len(texts(library)) == 1
        path.with_name("ada.png").write_bytes(b"no photo")
        library.index()
        assert texts(library) == {}


def test_unchanged_photos_are_not_opened_for_their_texts(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(tmp_path / "album/tom.png")
    (tmp_path / "album/tom.txt").write_text("a caption")
    with library:
        library.index([tmp_path / "album"])
        monkeypatch.setattr("devise.library.ingest.run.details", None)
        assert library.index().unchanged == 1


def test_a_library_of_format_3_gets_its_texts_at_the_next_run(tmp_path: Path, library: Library) -> None:
    photo(tmp_path / "album/tom.jpg", exif=exif())
    with library:
        library.index([tmp_path / "album"])
    with sqlite3.connect(library.path / "library.db") as db:
        of_format_3(db)
        db.execute("UPDATE meta SET value = 3 WHERE key = 'format'")
    with library:
        assert library.index().unchanged == 1
        assert library.count(Where(after="2020", text="boat")) == 1


@pytest.fixture
def telling(tmp_path: Path, devise: Run, encoder: FakeEncoder) -> Path:  # noqa: F811
    """Photos with texts, dates and sizes, indexed."""
    album = tmp_path / "album"
    for name, colour in (("red", (220, 30, 30)), ("yellow", (230, 220, 40)), ("blue", (30, 50, 210))):
        (album / "lake" if name != "red" else album).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), colour).save(album / "lake" / f"{name}.png" if name != "red" else album / "red.png")
    Image.new("RGB", (2000, 1000), (220, 30, 30)).save(album / "large.jpg", exif=exif())
    (album / "lake" / "blue.txt").write_text("Zugspitze in the snow")
    assert devise("index", album).exit_code == 0
    return album


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("red", "--in", "{album}/lake"), ["yellow", "blue"]),
        (("red", "--type", "jpg"), ["large"]),
        (("red", "--type", "PNG"), ["red", "yellow", "blue"]),
        (("red", "--larger", "1.5MP"), ["large"]),
        (("red", "--larger", "1KB"), ["large"]),
        (("red", "--after", "2020-05-13"), ["large"]),
        (("red", "--after", "2020-05", "--before", "2020-06"), ["large"]),
        (("red", "--before", "2020-05-13"), []),
        (("red", "--text", "lake"), ["large", "yellow", "blue"]),
        (("--text", "snow"), ["blue"]),
        (("--text", "sno*"), ["blue"]),
        (("--text", "May 2020"), ["large"]),
        (("--text", '"in the snow"'), ["blue"]),
        (("--text", '"snow the in"'), []),
        (("red", "zugspitze"), ["blue"]),
        (("red", "--text", "LAKE", "--type", "png"), ["yellow", "blue"]),
    ],
)
def test_which_photos_a_search_is_about(devise: Run, telling: Path, options: tuple[str, ...], found: list[str]) -> None:  # noqa: F811
    options = tuple(option.format(album=telling) for option in options)
    assert names(devise("search", "--paths", *options)) == found


def test_a_word_that_only_texts_know_is_told(devise: Run, telling: Path) -> None:  # noqa: F811
    result = devise("search", "red", "zugspitze")
    assert '"zugspitze" has no word vector; it is in the names or captions of 1 photos: only those' in result.stderr
    assert names(devise("search", "--paths", "--", "red", "-zugspitze")) == ["red", "large", "yellow"]
    assert names(devise("search", "--paths", "zugspitze")) == ["blue"]  # ranked by BM25
    fails(devise("search", "nowherespelt"), "no word vector")


def test_similar_takes_them_too(devise: Run, telling: Path) -> None:  # noqa: F811
    assert names(devise("similar", telling / "red.png", "--paths", "--in", telling / "lake")) == ["yellow", "blue"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("red", "--after", "last year"), "--after last year is no date"),
        (("red", "--before", "2020-13"), "--before 2020-13 is no date"),
        (("red", "--larger", "much"), '--larger much is no size; write "10MP"'),
        (("red", "--type", "mp3"), 'photos are never of the type "mp3"; there are: jpeg'),
        (("--text", '"open'), "a quote is not closed"),
        (("--text", " - "), "has no word"),
    ],
)
def test_filters_that_say_nothing(devise: Run, telling: Path, options: tuple[str, ...], said: str) -> None:  # noqa: F811
    fails(devise("search", *options), said)


def test_a_copy_elsewhere_is_not_shown(devise: Run, telling: Path) -> None:  # noqa: F811
    (telling / "lake" / "copy.png").write_bytes((telling / "red.png").read_bytes())
    assert devise("index").exit_code == 0
    assert names(devise("search", "red", "-k", "1", "--paths", "--in", telling / "lake")) == ["copy"]


@given(st.text(max_size=30))
def test_any_text_is_a_query_of_fts5_or_an_error(text: str) -> None:
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE VIRTUAL TABLE texts USING fts5(names)")
        try:
            asked = match(text)
        except DeviseError:
            return
        db.execute("SELECT * FROM texts WHERE texts MATCH ?", (asked,)).fetchall()


def test_names_that_are_no_utf8(tmp_path: Path, library: Library) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path / "album") + b"/\xff lake")
    try:
        photo(Path(folder) / "tom.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    photo(tmp_path / "album" / "ada.png", (20, 20))
    with library:
        library.index([tmp_path / "album"])
        assert library.count(Where(inside=folder)) == 1
        assert [Path(m.path).name for m in library.search(where=Where(text="lake"))] == ["tom.png"]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.9])
def test_a_filter_on_many_photos_finds_what_a_full_scan_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """Few are scored one by one, of more whole photos are scanned, of most the graph is asked for more."""
    settings = Settings(
        index=IndexConfig(exact_below=50),
        search=SearchConfig(exact_filtered=10, min_candidates=4, candidates=1),
    )
    random = np.random.default_rng(3)
    store = Store(tmp_path, write=True)
    store.set_model(FakeEncoder().info, ())
    rows = unit(random.normal(size=(600, 4)))
    with store.transaction():
        for i, row in enumerate(rows):
            content = put_content(store, str(i).encode(), {"words": row})
            store.put_photo(Photo(f"/{i:03}.png", content, 1, 1))
    maintain.update(store, Progress(), settings.index)
    chosen = np.flatnonzero(random.random(600) < share)
    with store.transaction():
        store.db.execute_many("UPDATE photos SET kind = 'png' WHERE path = ?", [(f"/{i:03}.png",) for i in chosen])
    asked = []
    monkeypatch.setattr(DeferredIndex, "search", lambda self, *args: asked.append(args) or search(self, *args))
    for row in rows[::50]:
        found = Searcher(store, settings).nearest(row, 5, space="words", where=Where(kind="png"))
        assert [m.path for m in found] == [f"/{i:03}.png" for i in chosen[np.argsort(-rows[chosen] @ row)[:5]]]
    assert bool(asked) == (share == 0.9)


def test_queries_of_words_that_only_texts_know_and_signs(devise: Run, telling: Path) -> None:  # noqa: F811
    fails(devise("search", "--", "-zugspitze"), "only says what to push away")
    assert names(devise("search", "--min-score", "0", "--paths", "--", "zugspitze", "-red")) == ["blue"]
    assert names(devise("search", "--paths", "--text", "lake", "--", "-red")) == ["blue", "yellow", "large"]
    assert "without those" in devise("search", "--", "red", "-zugspitze").stderr


def test_a_photo_that_cannot_be_read_for_a_moment_keeps_its_texts(
    telling: Path,
    devise: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (telling / "large.txt").write_text("new words")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.open", refuse)
        assert devise("index").exit_code == 0
    assert names(devise("search", "--text", "boat", "--paths")) == ["large"]
    assert devise("index").exit_code == 0  # looked at again
    assert names(devise("search", "--text", "words", "--type", "jpg", "--paths")) == ["large"]


def test_a_png_is_not_decoded_for_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photo(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert details(str(path)).kind == "png"


@pytest.mark.parametrize("date", ["2020-05 13", "2020 10", "2020T10", "2020-5"])
def test_half_dates_with_a_time(devise: Run, telling: Path, date: str) -> None:  # noqa: F811
    fails(devise("search", "red", "--after", date), "is no date")


def test_photos_whose_texts_nobody_read_are_not_left_out(devise: Run, telling: Path, tmp_path: Path) -> None:  # noqa: F811
    with sqlite3.connect(tmp_path / "library" / "library.db") as db:
        db.execute("UPDATE photos SET text_id = NULL WHERE path LIKE '%yellow%'")
    assert "yellow" in names(devise("search", "--paths", "--", "red", "-zugspitze"))
