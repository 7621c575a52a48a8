"""Serve one library from this machine: a socket, a token where others can reach it, and a browser."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette

from devise.config import WebConfig
from devise.errors import DeviseError
from devise.library import Library
from devise.library.listing import Columns
from devise.web.app import ServerOptions, app

KEEP_ALIVE_SECONDS = 30  # a connection of a browser that says nothing
SWITCH_SECONDS = 0.001  # that a search keeps others waiting for Python, who reads requests among them; by itself 0.005.
# With eight clients 99 of 100 answers came in 0.73 and 0.83 of the time, half of them in 0.70 and 0.75 (docs/web.md)
MIN_TOKEN = 16  # characters of one that somebody chose
BACKLOG = 128  # connections that wait to be taken


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """host: the address to be reached at; port: 0 is any that is free; watches: the folders, while it serves.

    names: other names that this machine is reached by, as behind another server or out of a container. columns: of a
    table, column -> path -> label, that maps can be coloured by.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    port: int = 0
    is_read_only: bool = False
    opens_browser: bool = True
    watches: bool = False
    limits: WebConfig = WebConfig()
    columns: Columns = field(default_factory=dict)


def serve(library: Library, options: ServeOptions, tell: Callable[[str], None]) -> None:
    """Answer until a signal comes. tell: gets lines for people. Raises DeviseError where the address cannot be had."""
    with _bound(options.host, options.port) as bound:
        port = bound.getsockname()[1]
        is_local = is_loopback(options.host)
        token = None if is_local else _token()
        server = ServerOptions(
            hosts=tuple(_names(options.host, port) | _others(options.names, port)),
            token=token,
            is_read_only=options.is_read_only,
            limits=options.limits,
            columns=options.columns,
        )
        program = app(library, server)
        config = uvicorn.Config(
            program, log_level="warning", access_log=False, server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=3, lifespan="on",
        )  # fmt: skip
        known = "DEVISE_TOKEN" if os.environ.get("DEVISE_TOKEN") else token  # which a log should not have
        link = f"http://{_shown(options.host)}:{port}/" + (f"?token={known}" if token else "")
        tell(f"the library {library.path} is at {link}")
        if options.opens_browser:
            webbrowser.open(link)
        sys.setswitchinterval(SWITCH_SECONDS)
        with _watching(library, tell) if options.watches else nullcontext():
            _Server(config, program).run(sockets=[bound])


class _Server(uvicorn.Server):
    """Streams of events never end by themselves: it tells them to before it waits for whoever is connected."""

    def __init__(self, config: uvicorn.Config, program: Starlette) -> None:
        super().__init__(config)
        self._program = program

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._program.state.is_ending = True
        await super().shutdown(sockets)


@contextmanager
def _watching(library: Library, tell: Callable[[str], None]) -> Iterator[None]:
    """The library follows its folders meanwhile."""
    stop = threading.Event()

    def run() -> None:
        try:
            library.watch(tell, stop=stop)
        except DeviseError as error:
            tell(str(error))

    thread = threading.Thread(target=run, name="devise-watch")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _token() -> str:
    """Of DEVISE_TOKEN, else one that nobody knows. Raises DeviseError for one that is soon guessed."""
    chosen = os.environ.get("DEVISE_TOKEN", "")
    if not chosen:
        return secrets.token_urlsafe(24)
    if len(chosen) < MIN_TOKEN or not (chosen.isascii() and chosen.isprintable()) or " " in chosen:
        raise DeviseError(
            f"DEVISE_TOKEN has {len(chosen)} characters; give {MIN_TOKEN} or more, letters and digits without spaces"
        )
    return chosen


def _others(names: tuple[str, ...], port: int) -> set[str]:
    """As browsers say them: a name alone is also one with our port."""
    return {form for name in map(str.lower, names) for form in (name, f"{name}:{port}")}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
        return bound
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise DeviseError(f"cannot serve at {host}:{port}: {reason}; choose another --host or --port") from error


def _names(host: str, port: int) -> set[str]:
    """What browsers call us; of an address that means all of this machine's, each of those that are known."""
    names = {"localhost", "127.0.0.1", "[::1]"} if is_loopback(host) or _is_any(host) else {_bracketed(host)}
    if _is_any(host):
        names |= {socket.gethostname().lower(), *map(_bracketed, _own_addresses())}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


def _own_addresses() -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return set()


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _shown(host: str) -> str:
    return socket.gethostname().lower() if _is_any(host) else _bracketed(host)
