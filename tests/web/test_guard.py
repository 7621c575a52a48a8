"""What keeps others out: names of other sites, requests of other sites, paths, sizes, names that are markup."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEncoder
from odd_requests import fuzzed
from PIL import Image
from serving import SETTINGS, Client, serving
from test_library import write_words

from devise.config import WebConfig
from devise.errors import DeviseError
from devise.library import Library
from devise.web.health import is_well
from devise.web.serve import _names, _others, _token, is_loopback

HOSTILE = ("<img src=x onerror=alert(1)>.png", '"><svg onload=alert(1)>.png', "a\nb\rc.png", "\u202egnp.exe.png")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", ""])
def test_another_name_is_not_answered(client: Client, host: str) -> None:
    reply = client.ask("GET", "/api/info", headers={"Host": host.format(port=client.port)})
    assert reply.status in (400, 421)
    assert b"library" not in reply.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:{other}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_are_refused(client: Client, headers: dict[str, str]) -> None:
    headers = {name: value.format(other=client.port + 1) for name, value in headers.items()}
    for method, path in (("POST", "/api/index"), ("DELETE", "/api/mark"), ("GET", "/api/info"), ("GET", "/photos/1")):
        assert client.ask(method, path, headers=headers).status == 403


def test_our_own_pages_programs_and_links_are_not(client: Client) -> None:
    own = {"Origin": f"http://127.0.0.1:{client.port}", "Sec-Fetch-Site": "same-origin"}
    assert client.ask("GET", "/api/info", headers=own).status == 200
    assert client.ask("GET", "/api/info").status == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.ask("GET", "/", headers=link).status == 200
    assert client.ask("GET", "/photos/1/original", headers=link).status == 403


def test_a_form_of_another_site_can_send_no_photo_and_no_document(client: Client) -> None:
    for media_type in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""):
        headers = {"content-type": media_type}
        assert client.ask("POST", "/api/similar", b"x", headers).status == 415
        assert client.ask("POST", "/api/mark", b"{}", headers).status == 415


def test_headers_of_every_reply(client: Client) -> None:
    for path in ("/", "/api/info", "/nothing", "/static/photos.js", "/thumbnails/1"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_token(library: Library, tmp_path: Path) -> None:
    with serving(library, tmp_path / "thumbnails", token="secret") as client:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer "},
            {"Cookie": "devise_token=x"},
        ):
            for path in ("/", "/api/info", "/static/app.css", "/thumbnails/1"):
                assert client.ask("GET", path, headers=headers).status == 401
        assert client.get("/", token="wrong").status == 401
        told = client.ask("GET", "/", headers={"accept": "text/html"})
        assert (told.status, "<h1>The token is missing or wrong</h1>" in told.body.decode()) == (401, True)
        assert client.ask("GET", "/api/info", headers={"Authorization": "Bearer secret"}).status == 200
        reply = client.get("//evil.example/", token="secret")
        assert (reply.status, reply.headers["location"]) == (303, "/evil.example/")
        cookie = reply.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.ask("GET", "/api/info", headers={"Cookie": cookie.partition(";")[0]}).status == 200


def test_whom_a_host_lets_in() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "192.168.1.5", "nas")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert _names("127.0.0.1", 8000) == {"localhost:8000", "127.0.0.1:8000", "[::1]:8000"}
    assert _names("192.168.1.5", 8000) == {"192.168.1.5:8000"}


PATHS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "%2e%2e/%2e%2e/app.py",
    "..%2fapp.py",
    "....//app.py",
    "%00",
    "1%00",
    "1/..",
)


@pytest.mark.parametrize("start", ["/static/", "/photos/", "/thumbnails/", "/api/photos/", "/photos/1/"])
def test_no_path_leads_out(client: Client, start: str) -> None:
    for path in PATHS:
        reply = client.ask("GET", start + path)
        assert reply.status in (400, 404), (start, path)
        assert b"root:" not in reply.body
        assert b"import" not in reply.body


def test_a_query_reads_no_file_of_this_machine(client: Client, tmp_path: Path) -> None:
    """Not even whether there is one: what is there and what is not are refused in the same words."""
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "secret.png")
    said = set()
    for name in ("secret.png", "absent.png"):
        path = str(tmp_path / name)
        for reply in (client.get("/api/search", q=path), client.get("/api/search", q=f'@"{path}"'),
                      client.get("/api/similar", name=path), client.get("/api/tag", name=path)):  # fmt: skip
            assert reply.status == 400
            said.add(reply.json["error"].replace(path, ""))
    assert said == {": there is no such photo in the library"}
    assert client.get("/api/search", q="red.png").status == 200


def test_limits(library: Library, tmp_path: Path) -> None:
    limits = WebConfig(max_upload_bytes=1_000, max_body_bytes=100, max_k=5, max_zip_photos=2)
    with serving(library, tmp_path / "thumbnails", limits=limits) as client:
        assert client.send("/api/similar", b"x" * 1_001).status == 413
        assert client.post("/api/mark", {"query": "x" * 200}).status == 413
        assert client.get("/api/search", q="red", k=6).status == 400
        assert client.get("/api/zip", ids="1,2,3").status == 400
        assert client.get("/api/search", q="x" * 10_001).status == 414
        assert client.send("/api/similar", b"no photo").json["remedy"]
    with serving(library, tmp_path / "thumbnails", limits=WebConfig(max_waiting=0)) as client:
        assert client.get("/api/search", q="red").status == 503


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Library]:
    folder = tmp_path / "<b>album"
    folder.mkdir()
    names = [*HOSTILE, os.fsdecode(b"\xff\xfe.png")]
    for at, name in enumerate(names):
        Image.new("RGB", (8, 8), (40 * at, 9, 9)).save(folder / name)
    (folder / "caption.png.txt").write_text("<script>alert(2)</script>")
    Image.new("RGB", (8, 8), (0, 250, 9)).save(folder / "caption.png")
    with Library(tmp_path / "hostile", settings=SETTINGS) as opened:
        opened.index([folder], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


def test_hostile_names(hostile: Library, tmp_path: Path) -> None:
    """They are in documents alone, which no browser takes for a page; test_pages.py shows them in one."""
    with serving(hostile, tmp_path / "thumbnails") as client:
        found = client.get("/api/search", q="red", k=10).json["matches"]
        assert len(found) == 6
        for match in found:
            assert client.get(f"/api/photos/{match['id']}").json["paths"] == [match["path"]]
            original = client.get(f"/photos/{match['id']}/original")
            assert original.status == 200
            assert "\n" not in original.headers["content-disposition"]
        ids = ",".join(str(match["id"]) for match in found)
        assert client.get("/api/zip", ids=ids).status == 200
        assert client.get("/api/search", q="<script>").headers["content-type"] == "application/json"
        assert client.get("/api/folders").headers["x-content-type-options"] == "nosniff"


def test_odd_requests_are_refused_and_never_break(client: Client) -> None:
    """A hundred; tests.endurance.requests asks ten thousand."""
    assert fuzzed(client, 150, random.Random(23)) == []


def test_health(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a container: the API answers, with the token where there is one."""
    with serving(library, tmp_path / "thumbnails", token="a token of some length") as client:
        monkeypatch.delenv("DEVISE_TOKEN", raising=False)
        assert is_well(client.port)  # it says that a token is needed
        monkeypatch.setenv("DEVISE_TOKEN", "a token of some length")
        assert is_well(client.port)
        monkeypatch.setenv("DEVISE_TOKEN", "another")
        assert not is_well(client.port)
        assert not is_well(1)


def test_a_token_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVISE_TOKEN", "0123456789abcdef")
    assert _token() == "0123456789abcdef"
    monkeypatch.setenv("DEVISE_TOKEN", "secret")
    with pytest.raises(DeviseError, match="6 characters; give 16"):
        _token()
    assert _others(("Photos.example", "a:8443"), 80) >= {"photos.example", "photos.example:80", "a:8443"}
