"""Requests that make little sense, to see what a server makes of them."""

from __future__ import annotations

import random
from urllib.parse import quote

from serving import Client

from devise.web.pages import PAGES
from devise.web.routes import ENDPOINTS

TEXTS = (
    *(
        "",
        "red",
        "red -blue",
        '"',
        "@",
        "@/etc/passwd",
        "../..",
        "\0",
        "\ud800x",
        "1e999:red",
        "-",
        "é" * 50,
        "<script>",
    ),
    *(
        "%00",
        "NaN",
        "-1",
        "0",
        "1",
        "99999999999999999999",
        "1,2,3",
        "2020-13",
        "²",
        "a" * 20_000,
        "red.png",
        "text:*",
        "*",
    ),
)
BODIES = (
    *(None, b"", b"{}", b"[]", b"[" * 100_000, b'{"query": 1}', b'{"query": "red", "ids": ["x"], "mark": "good"}'),
    b'{"query": "\\ud800", "ids": [1], "mark": "bad"}',
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\0" * 5_000),
)
TYPES = ("application/json", "image/png", "application/octet-stream", "text/plain", "", "image/")


def fuzzed(client: Client, count: int, chosen: random.Random) -> list[str]:
    """The requests that broke something: a bug's status, a secret in the reply, or markup of theirs on a page."""
    broken = []
    for _ in range(count):
        method, path, body, headers = odd_request(chosen)
        try:
            reply = client.ask(method, path, body, headers)
        except (ValueError, OSError):  # this client does not say such things
            continue
        is_markup = "html" in reply.headers.get("content-type", "") and b"<script>" in reply.body
        if reply.status == 500 or b"root:x:" in reply.body or is_markup:
            broken.append(f"{method} {path} {headers} {body!r}"[:500])
    return broken


def odd_request(chosen: random.Random) -> tuple[str, str, bytes | None, dict[str, str]]:
    endpoint = chosen.choice([endpoint for endpoint in ENDPOINTS if endpoint.function not in ("events", "undo_mark")])
    path = endpoint.path if chosen.random() < 0.9 else chosen.choice([*PAGES, "/metrics", "/static/x", "//", "/photos"])
    path = path.replace("{id}", quote(chosen.choice(TEXTS).encode("utf-8", "surrogatepass"))[:2_000])
    names = chosen.choices([*endpoint.parameters, "q", "id", "k", "token"], k=chosen.randrange(5))
    pairs = [f"{quote(name)}={quote(chosen.choice(TEXTS).encode('utf-8', 'surrogatepass'))}" for name in names]
    headers = {"content-type": chosen.choice(TYPES)}
    if chosen.random() < 0.1:
        headers[chosen.choice(["Range", "Cookie", "Origin", "Accept", "Sec-Fetch-Site"])] = chosen.choice(TEXTS[:5])
    if chosen.random() < 0.2:
        headers["Accept"] = "text/html"
    method = endpoint.method if chosen.random() < 0.9 else chosen.choice(["HEAD", "PUT", "PATCH", "OPTIONS", "POST"])
    body = chosen.choice(BODIES) if method not in ("GET", "HEAD") or chosen.random() < 0.1 else None
    return method, path + ("?" + "&".join(pairs) if pairs else ""), body, headers
