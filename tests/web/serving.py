"""A library of six photos, a server for it in a thread, and a client that says exactly what it is told."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from fakes import FakeEncoder
from test_library import write_words

from devise.config import PhotoConfig, Settings
from devise.library import Library
from devise.web.app import ServerOptions, app
from devise.web.serve import _bound, _Server

SETTINGS = Settings(photos=PhotoConfig(is_library_only=True))


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    port: int
    timeout_seconds: float = 60  # loading what draws a map takes half of that on a machine with a load of 20

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, /, **parameters: object) -> Reply:
        return self.ask("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def send(self, path: str, photo: bytes, /, **parameters: object) -> Reply:
        return self.ask("POST", f"{path}?{urlencode(parameters)}", photo, {"content-type": "image/png"})

    def post(self, path: str, document: object) -> Reply:
        return self.ask("POST", path, json.dumps(document).encode(), {"content-type": "application/json"})


@contextmanager
def serving(library: Library, folder: Path, **options: Any) -> Iterator[Client]:
    """folder: for thumbnails. options: of the server."""
    with _bound("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        chosen = replace(ServerOptions(hosts=(f"127.0.0.1:{port}",), thumbnails=folder), **options)
        program = app(library, chosen)
        server = _Server(uvicorn.Config(program, log_level="warning", timeout_graceful_shutdown=3), program)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield Client(port)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def six_photos(place: Path | str, album: Path, settings: Settings = SETTINGS) -> Iterator[Library]:
    """A library at that place, of the album indexed."""
    with Library(place, settings=settings) as opened:
        opened.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        yield opened


@pytest.fixture
def client(library: Library, tmp_path: Path) -> Iterator[Client]:
    """Of a server for the library of the tests that ask for it."""
    with serving(library, tmp_path / "thumbnails") as client:
        yield client
