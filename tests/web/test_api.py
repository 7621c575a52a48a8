"""The HTTP API: the library's own answers, photos by their ids, and errors that say what to do."""

from __future__ import annotations

import csv
import http.client
import io
import os
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from serving import Client, serving

from devise.library import Library, Where
from devise.web.routes import ENDPOINTS


def id_of(client: Client, name: str) -> int:
    found = client.get("/api/photos", k=100).json["photos"]
    return next(photo["id"] for photo in found if photo["path"].endswith(name))


def test_a_search_answers_what_the_command_line_prints(client: Client, library: Library) -> None:
    reply = client.get("/api/search", q="red green", k=3, why=1)
    assert reply.status == 200
    ids = [match.pop("id") for match in reply.json["matches"]]
    assert len(set(ids)) == 3
    found = client.get("/api/search", q="red green", k=3, why=1).json
    without_ids = [{key: value for key, value in match.items() if key != "id"} for match in found["matches"]]
    assert without_ids == library.search("red green", 3).to_json(why=True)
    assert found["notes"] == []


def test_filters_and_options_are_those_of_the_library(client: Client, library: Library, album: Path) -> None:
    found = client.get("/api/search", q="blue", **{"in": str(album / "below")}).json["matches"]
    assert [match["path"] for match in found] == [str(album / "below/blue.png")]
    nothing = client.get("/api/search", q="blue", after="2020-05").json
    assert nothing["matches"] == []
    assert [note["kind"] for note in nothing["notes"]] == ["nothing"]
    averaged = client.get("/api/search", q="red blue", average=1, k=2).json["matches"]
    assert [match["path"] for match in averaged] == [
        match.path for match in library.search("red blue", 2, average=True)
    ]
    assert client.get("/api/photos", type="png", larger="1KB").json["total"] == library.count(Where(larger="1KB"))


def test_photos_like_one_by_id_by_name_and_sent(client: Client, album: Path) -> None:
    red = id_of(client, "red.png")
    by_id = client.get("/api/similar", id=red, k=2).json
    assert by_id == client.get("/api/similar", name="red.png", k=2).json
    assert by_id == client.send("/api/similar", (album / "red.png").read_bytes(), k=2).json
    assert str(album / "red.png") not in [match["path"] for match in by_id["matches"]]
    mixed = client.send("/api/search", (album / "red.png").read_bytes(), q="green", k=1).json["matches"]
    assert mixed[0]["path"] == str(album / "yellow.png")


def test_tags_words_and_reasons(client: Client, album: Path) -> None:
    green = id_of(client, "green.png")
    (tagged,) = client.get("/api/tag", id=green, k=1).json
    assert (tagged["path"], tagged["tags"][0]["word"]) == (str(album / "green.png"), "green")
    assert client.send("/api/tag", (album / "green.png").read_bytes(), k=1).json[0]["tags"] == tagged["tags"]
    assert {"word", "score"} <= set(client.get("/api/words", q="red", k=1).json[0])
    assert client.get("/api/tags").json["looked_at"] == 6


def test_photos_by_number(client: Client, album: Path, tmp_path: Path) -> None:
    everything = client.get("/api/photos").json
    assert everything["total"] == 6
    pages = [client.get("/api/photos", k=4, start=start).json["photos"] for start in (0, 4)]
    assert [*pages[0], *pages[1]] == everything["photos"]
    blue = id_of(client, "blue.png")
    info = client.get(f"/api/photos/{blue}").json
    assert info["paths"] == [str(album / "below/blue.png")]
    assert (info["pixels"], info["kind"], info["id"]) == (64 * 48, "png", blue)
    for path in (f"/thumbnails/{blue}", f"/photos/{blue}"):
        reply = client.get(path)
        assert Image.open(io.BytesIO(reply.body)).size == (64, 48)
        assert "immutable" in reply.headers["cache-control"]
    original = client.get(f"/photos/{blue}/original")
    assert original.body == (album / "below/blue.png").read_bytes()
    assert original.headers["content-type"] == "image/png"
    assert len(list((tmp_path / "thumbnails").glob("*/*.jpg"))) == 2


def test_a_photo_that_is_gone_or_another_one_is_not_served(client: Client, album: Path) -> None:
    red = id_of(client, "red.png")
    Image.new("RGB", (9, 9)).save(album / "red.png")
    for path in (f"/photos/{red}/original", f"/thumbnails/{red}", f"/photos/{red}/heat?q=red"):
        assert client.get(path).status == 410
    assert client.get("/thumbnails/999").json["error"] == "no photo of the library has the id 999"


def test_photos_as_one_archive(client: Client, album: Path) -> None:
    ids = [id_of(client, name) for name in ("red.png", "blue.png")]
    reply = client.get("/api/zip", ids=",".join(map(str, ids)))
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["red.png", "blue.png"]
        assert archive.read("red.png") == (album / "red.png").read_bytes()


def test_marking_and_taking_it_back(client: Client, library: Library) -> None:
    red = id_of(client, "red.png")
    assert client.post("/api/mark", {"query": "green", "ids": [red], "mark": "bad"}).status == 200
    assert red not in [match["id"] for match in client.get("/api/search", q="green").json["matches"]]
    assert [mark["mark"] for mark in client.get("/api/mark").json] == ["bad"]
    assert client.ask("DELETE", "/api/mark").status == 200
    assert client.get("/api/mark").json == []
    assert client.post("/api/mark", {"query": "green", "ids": [999], "mark": "bad"}).status == 404


def test_indexing_is_told_as_it_goes(client: Client, library: Library, album: Path) -> None:
    Image.new("RGB", (20, 20), (5, 5, 120)).save(album / "new.png")
    (album / "broken.jpg").write_bytes(b"no photo")
    assert client.post("/api/index", {}).status == 202
    until = time.monotonic() + 10
    while client.get("/api/index").json["stage"] not in ("done", "failed") and time.monotonic() < until:
        time.sleep(0.02)
    state = client.get("/api/index").json
    assert (state["stage"], state["report"]["added"]) == ("done", 1)
    assert client.get("/api/photos").json["total"] == 7
    assert [one["path"] for one in client.get("/api/skipped").json] == [str(album / "broken.jpg")]
    assert client.get("/api/info").json["library"]["num_skipped"] == 1


def test_duplicates_and_the_map(library: Library, client: Client, album: Path, tmp_path: Path) -> None:
    assert client.get("/api/duplicates").status == 409, "a library by this encoder alone has no looks"
    assert client.get("/api/duplicates", up_to="x").status == 400
    found = client.get("/api/map").json
    assert len(found["id"]) == len(found["x"]) == len(found["y"]) == len(found["group"]) == 6
    assert sum(group["photos"] for group in found["groups"]) == 6
    assert client.get("/api/map", by="folder").json["groups"][0] == {"name": album.name, "photos": 5}
    assert client.get("/api/map", by="year").json["error"] == 'a map has no groups by "year"'


def test_a_map_by_what_a_table_says(library: Library, album: Path, tmp_path: Path) -> None:
    columns = {"mood": {str(album / "red.png"): "warm", str(album / "below" / "blue.png"): "cold"}}
    with serving(library, tmp_path / "thumbnails", columns=columns) as client:
        assert client.get("/api/info").json["map_by"] == ["likeness", "folder", "mood"]
        groups = client.get("/api/map", by="mood").json["groups"]
        assert {group["name"]: group["photos"] for group in groups} == {"no label": 4, "warm": 1, "cold": 1}


def test_a_server_that_only_reads(library: Library, tmp_path: Path) -> None:
    with serving(library, tmp_path / "thumbnails", is_read_only=True) as client:
        red = id_of(client, "red.png")
        for reply in (client.post("/api/index", {}), client.ask("DELETE", "/api/mark"),
                      client.post("/api/mark", {"query": "red", "ids": [red], "mark": "good"})):  # fmt: skip
            assert (reply.status, reply.json["error"]) == (403, "this server only reads")


def test_errors_have_a_remedy_and_the_right_status(client: Client) -> None:
    red = id_of(client, "red.png")
    for path, status in {
        "/api/search?q=zzyzzx": 400,
        "/api/search?q=red&k=0": 400,
        "/api/search?q=red&k=1001": 400,
        "/api/search?q=red&after=someday": 400,
        "/api/search?q=red&in=relative": 400,
        "/api/search?q=red&min_score=2": 400,
        "/api/similar": 400,
        f"/api/similar?id={red}&space=none": 409,
        "/api/photos/0": 404,
        "/nothing": 404,
    }.items():
        reply = client.get(path)
        assert (reply.status, set(reply.json)) == (status, {"error", "remedy"}), path
        assert reply.json["error"], path
    assert client.ask("PUT", "/api/search").status == 405


def test_errors_that_people_meet_are_pages(client: Client) -> None:
    asked = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing", "/photos/99/original", "/thumbnails/99"):
        reply = client.ask("GET", path, headers=asked)
        assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
        page = reply.body.decode()
        assert "<nav" in page
        assert "<!--" not in page
    assert "There is nothing here" in client.ask("GET", "/nothing", headers=asked).body.decode()
    assert client.ask("GET", "/api/photos/99", headers=asked).json["error"], "programs get documents, whatever they say"


def test_a_photo_that_is_gone_is_told_on_a_page(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    name = os.fsencode(folder) + b"/<b>\xff.png"
    Image.new("RGB", (9, 9), (99, 9, 9)).save(folder / "first.png")
    os.rename(folder / "first.png", name)
    library.index([folder])
    with serving(library, tmp_path / "thumbnails") as client:
        photo_id = id_of(client, os.fsdecode(name))
        os.unlink(name)
        reply = client.ask("GET", f"/photos/{photo_id}/original", headers={"accept": "text/html"})
        assert reply.status == 410
        assert r"/&lt;b&gt;\udcff.png is gone or has changed" in reply.body.decode()


def test_streams_of_events_end_with_the_server(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(library, tmp_path / "thumbnails") as client:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
        connection.request("GET", "/api/events")
        assert connection.getresponse().readline() == b"event: index\n"
    connection.close()
    assert capsys.readouterr().err == ""


def test_the_document_describes_every_endpoint(client: Client) -> None:
    described = client.get("/openapi.json").json
    assert {(method.upper(), path) for path, methods in described["paths"].items() for method in methods} == {
        (endpoint.method, endpoint.path) for endpoint in ENDPOINTS
    }


def test_measures(client: Client) -> None:
    client.get("/api/search", q="red")
    text = client.get("/metrics").body.decode()
    assert 'devise_requests_total{route="GET /api/search",status="200"} 1' in text
    assert "devise_photos 6" in text
    assert list(csv.reader([text.splitlines()[0]]))


def test_pages_and_what_they_load(client: Client) -> None:
    for path in ("/", "/map", "/tags", "/duplicates", "/library"):
        page = client.get(path).body.decode()
        assert 'aria-current="page"' in page or "aria-current=page" in page
        assert "://" not in page, "nothing is loaded from elsewhere"
        for name in ("app.css", "icon.svg"):
            assert client.get(f"/static/{name}").status == 200


def test_tags_are_counted_once_a_library(
    library: Library, client: Client, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, tag = [], Library.tag
    monkeypatch.setattr(Library, "tag", lambda self, photo, *given: asked.append(photo) or tag(self, photo, *given))
    first = client.get("/api/tags").json
    assert len(asked) == first["photos"]
    assert client.get("/api/tags").json == first
    assert len(asked) == first["photos"]
    (album / "red.png").unlink()
    library.index()
    assert client.get("/api/tags").json["photos"] == first["photos"] - 1


def test_captions_are_shown_as_they_are_written(library: Library, client: Client, album: Path) -> None:
    """Not as they are searched: without the day, which is added there, and with letters as they were."""
    (album / "red.txt").write_text("Straße 家族写真", encoding="utf-8")
    os.rename(album / "red.png", album / "2009-01-02 red.png")
    os.rename(album / "red.txt", album / "2009-01-02 red.txt")
    library.index()
    about = client.get(f"/api/photos/{id_of(client, 'red.png')}").json
    assert about["captions"] == ["Straße 家族写真"]
    assert about["taken"] == "2009-01-02T00:00:00"
