"""Who may ask, and what browsers may do with what they get: hosts, origins, tokens, and the headers of safety.

A page of another site can make a browser ask us. It cannot read the answer, unless its name is made to lead to this
machine (DNS rebinding): so only our own names are answered. It could still make us do something (CSRF): so whatever
comes from another site is refused, but for a link to a page, and what changes something has to come from our own pages
or from a program.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devise.web.pages import is_for_people, refusal
from devise.web.parameters import RequestError

SAFE = ("GET", "HEAD")
COOKIE = "devise_token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """ASGI middleware. hosts: the only names that are answered, with their ports; token: what everybody has to know.

    A token comes as `Authorization: Bearer TOKEN`, as a cookie, or once as ?token=TOKEN, which becomes that cookie.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None = None) -> None:
        self._app, self._hosts, self._token = app, frozenset(hosts), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
            answer = self._entrance(scope, headers)
        except RequestError as error:
            is_page = is_for_people(scope["path"], headers)
            answer = refusal(error) if is_page else JSONResponse(error.to_json(), error.status)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Raises RequestError for what another site may have asked."""
        host = headers.get("host", "").lower()
        if host not in self._hosts or len(headers.getlist("host")) != 1:
            raise RequestError("this server does not go by that name", "use the address that devise serve printed", 421)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        is_link = scope["method"] in SAFE and headers.get("sec-fetch-mode") == "navigate" and _is_page(scope)
        if site not in ("none", "same-origin") and not is_link:
            raise RequestError("another site asked", "open the page itself", 403)
        if origin is not None and _host(origin) not in self._hosts:
            raise RequestError(f"{origin[:100]} is another site", "open the page itself", 403)

    def _entrance(self, scope: Scope, headers: Headers) -> Response | None:
        """Whoever brings the token in the address gets it as a cookie. Raises RequestError for whoever lacks it."""
        if self._token is None:
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._is_token(query.get("token", [""])[0]) and scope["method"] in SAFE:
            place = "/" + str(scope["path"]).lstrip("/\\")  # "//name" would lead to another site
            response = RedirectResponse(place if _is_page(scope) else "/", 303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", path="/")
            return response
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if (scheme.lower() == "bearer" and self._is_token(bearer)) or self._is_token(_cookie(headers)):
            return None
        remedy = "open the address that devise serve printed, or send the header Authorization: Bearer TOKEN"
        raise RequestError("the token is missing or wrong", remedy, 401)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode()) and bool(given)


def _host(origin: str) -> str:
    """With its port; nothing for "null" and what is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_page(scope: Scope) -> bool:
    path = str(scope["path"])
    return not path.startswith(("/api/", "/photos/", "/thumbnails/", "/static/", "/metrics"))


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
