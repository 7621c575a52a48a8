"""The server's program: routes, the guard before them, errors as documents, and what is opened and closed with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from devise.config import WebConfig, user_cache
from devise.errors import CheckpointError, DeviseError, LibraryError, VectorsError, WriteError
from devise.library import Library
from devise.library.listing import Columns
from devise.web import pages
from devise.web.api import Api, Json
from devise.web.guard import Guard
from devise.web.indexing import IndexRun
from devise.web.measures import Measures
from devise.web.parameters import RequestError
from devise.web.routes import ENDPOINTS, openapi
from devise.web.service import Service
from devise.web.thumbnails import Thumbnails
from devise.web.workers import Workers

STATIC = Path(__file__).parent / "static"
# Of errors of the library: what was asked is at fault, it cannot be done now, or the machine is at fault
STATUSES: tuple[tuple[type[DeviseError], int], ...] = (
    (WriteError, 503), (CheckpointError, 503), (VectorsError, 503), (LibraryError, 409), (DeviseError, 400),
)  # fmt: skip
SEE_API = "see /openapi.json"
END_SECONDS = 10.0  # what an indexing run has to store its batch when the server ends
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """hosts: names that are answered, with their ports; token: what everybody has to know, None for nobody.

    thumbnails: where they are kept, None for the user's cache; columns: see ServeOptions.
    """

    hosts: tuple[str, ...]
    token: str | None = None
    is_read_only: bool = False
    limits: WebConfig = WebConfig()
    thumbnails: Path | None = None
    columns: Columns = field(default_factory=dict)


def app(library: Library, options: ServerOptions) -> Starlette:
    """The program that answers for one library, for uvicorn or a test.

    The library should be opened with `PhotoConfig(is_library_only=True)`, else queries may name any file here.
    """
    limits, measures = options.limits, Measures()
    workers, run = Workers(limits.max_waiting), IndexRun(library)
    thumbnails = Thumbnails(options.thumbnails or user_cache() / "thumbnails", limits.thumbnail_bytes)
    service = Service(library, limits, thumbnails, options.columns)
    api = Api(service, workers, run, limits, options.is_read_only)

    async def metrics(request: Request) -> Response:
        text = measures.text(await workers.search(lambda: len(library)))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def describe(request: Request) -> Response:
        return Json(openapi())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        run.join(END_SECONDS)
        workers.close()

    routes = [
        Route(endpoint.path, _measured(getattr(api, endpoint.function), endpoint.path, measures),
              methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]  # fmt: skip
    routes += [Route("/metrics", metrics), Route("/openapi.json", describe)]
    routes += [Route(path, pages.show(page)) for path, page in pages.PAGES.items()]
    program = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Guard, hosts=options.hosts, token=options.token)],
        exception_handlers={
            RequestError: _request_error,
            DeviseError: _devise_error,
            HTTPException: _http_error,
            ClientDisconnect: _left,
            Exception: _bug,
        },
        lifespan=lifespan,
    )
    program.state.is_ending = False
    return program


def _measured(function: Handler, path: str, measures: Measures) -> Handler:
    async def measured(request: Request) -> Response:
        begun, status = time.perf_counter(), 500
        try:
            response = await function(request)
            status = response.status_code
            return response
        except RequestError as error:
            status = error.status
            raise
        except DeviseError as error:
            status = _status(error)
            raise
        except asyncio.CancelledError:  # uvicorn waits no longer for a slow answer, and would print where it was
            status = 503
            raise RequestError("the server is ending", "ask again when it is back", 503) from None
        finally:
            measures.add(f"{request.method} {path}", status, time.perf_counter() - begun)

    return measured


def _status(error: DeviseError) -> int:
    return next(status for kind, status in STATUSES if isinstance(error, kind))


async def _request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    is_for_people = pages.is_for_people(request.url.path, request.headers)
    return pages.problem(error) if is_for_people else Json(error.to_json(), error.status)


async def _devise_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DeviseError)
    return await _request_error(request, RequestError.of(error, _status(error)))


async def _http_error(request: Request, error: Exception) -> Response:
    """Of what Starlette itself refuses: paths and methods that are none."""
    assert isinstance(error, HTTPException)
    what = {404: "there is nothing here", 405: "this cannot be done here"}.get(error.status_code, error.detail)
    remedy = "choose one of the pages above" if pages.is_for_people(request.url.path, request.headers) else SEE_API
    return await _request_error(request, RequestError(what, remedy, error.status_code))


async def _left(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _bug(request: Request, error: Exception) -> Response:
    """The log has it; whoever asked is told no more than that."""
    return await _request_error(request, RequestError("that was a bug of ours", "see what devise serve prints", 500))
