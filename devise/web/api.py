"""The HTTP API: each endpoint reads a request, asks the service in a thread, and answers with its document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from devise.config import TagConfig, WebConfig
from devise.web import parameters
from devise.web.indexing import IndexRun
from devise.web.parameters import RequestError
from devise.web.service import Service, packed
from devise.web.workers import Workers

T = TypeVar("T")
FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # an id never gets another content
PHOTO_TYPES = ("image/", "application/octet-stream")


class Json(Response):
    """ASCII alone: file names that are no UTF-8 stand in it as Python has them."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class Api:
    """The endpoints, by the names that devise.web.routes has."""

    def __init__(self, service: Service, workers: Workers, run: IndexRun, limits: WebConfig, read_only: bool) -> None:
        self.service, self._workers, self._run, self._limits = service, workers, run, limits
        self.is_read_only = read_only

    async def search(self, request: Request) -> Response:
        asked = parameters.asked(request.query_params, self._limits)
        photo = await self._photo(request) if request.method == "POST" else None
        return await self._found(lambda: self.service.search(asked, photo))

    async def similar(self, request: Request) -> Response:
        asked = parameters.asked(request.query_params, self._limits)
        photo = await self._which(request)
        return await self._found(lambda: self.service.similar(photo(), asked))

    async def tag(self, request: Request) -> Response:
        given = request.query_params
        k = parameters.number(given, "k", TagConfig.k, 1, 100)
        any_word, sure = parameters.flag(given, "any"), parameters.fraction(given, "sure")
        photo = await self._which(request)
        return await self._found(lambda: self.service.tag(photo(), k, any_word=any_word, sure=sure))

    async def words(self, request: Request) -> Response:
        query = parameters.text(request.query_params, "q")
        k = parameters.number(request.query_params, "k", 10, 1, 1_000)
        return await self._found(lambda: self.service.words(query, k))

    async def explain(self, request: Request) -> Response:
        photo_id = parameters.photo_id(request.query_params.get("id", ""))
        query = parameters.text(request.query_params, "q")
        return await self._found(lambda: self.service.explain(photo_id, query))

    async def photos(self, request: Request) -> Response:
        where = parameters.where(request.query_params)
        k = parameters.number(request.query_params, "k", 60, 1, self._limits.max_k)
        start = parameters.number(request.query_params, "start", 0, 0, 10**9)
        return await self._found(lambda: self.service.latest(where, k, start))

    async def photo(self, request: Request) -> Response:
        photo_id = parameters.photo_id(request.path_params["id"])
        return await self._found(lambda: self.service.photo(photo_id))

    async def thumbnail(self, request: Request) -> Response:
        return await self._picture(request, self._limits.sizes[0])

    async def picture(self, request: Request) -> Response:
        return await self._picture(request, self._limits.sizes[-1])

    async def _picture(self, request: Request, size: int) -> Response:
        photo_id = parameters.photo_id(request.path_params["id"])
        jpeg = await self._workers.draw(lambda: self.service.thumbnail(photo_id, size))
        return Response(jpeg, media_type="image/jpeg", headers=FOR_EVER)

    async def heat(self, request: Request) -> Response:
        photo_id = parameters.photo_id(request.path_params["id"])
        query, size = parameters.text(request.query_params, "q"), self._limits.sizes[0]
        jpeg = await self._workers.draw(lambda: self.service.heat(photo_id, query, size))
        return Response(jpeg, media_type="image/jpeg")

    async def original(self, request: Request) -> Response:
        photo_id = parameters.photo_id(request.path_params["id"])
        data, name, media_type = await self._workers.draw(lambda: self.service.original(photo_id))
        shown = "attachment" if media_type == "application/octet-stream" else "inline"
        disposition = f"{shown}; filename*=utf-8''{quote(name.encode('utf-8', 'replace'), safe='')}"
        return Response(data, media_type=media_type, headers={"content-disposition": disposition})

    async def zip(self, request: Request) -> Response:
        ids = parameters.ids(request.query_params, self._limits.max_zip_photos)
        files = await self._workers.draw(lambda: self.service.files(ids))
        headers = {"content-disposition": 'attachment; filename="photos.zip"'}
        return StreamingResponse(packed(files), media_type="application/zip", headers=headers)

    async def info(self, request: Request) -> Response:
        document = await self._workers.search(self.service.info)
        return Json(document | {"read_only": self.is_read_only, "max_k": self._limits.max_k})

    async def folders(self, request: Request) -> Response:
        return await self._found(self.service.folders)

    async def skipped(self, request: Request) -> Response:
        return await self._found(self.service.skipped)

    async def tags(self, request: Request) -> Response:
        return Json(await self._workers.draw(self.service.tags))

    async def duplicates(self, request: Request) -> Response:
        up_to = parameters.text(request.query_params, "up_to") or "near"
        if up_to not in ("same", "near", "similar"):
            raise RequestError(f'up_to="{up_to[:40]}" is no kind of duplicates', "give same, near or similar")
        return Json(await self._workers.draw(lambda: self.service.duplicates(up_to)))

    async def map(self, request: Request) -> Response:
        space = parameters.text(request.query_params, "space") or "words"
        by = parameters.text(request.query_params, "by") or "likeness"
        return Json(await self._workers.draw(lambda: self.service.map(space, by)))

    async def marks(self, request: Request) -> Response:
        return await self._found(self.service.marks)

    async def mark(self, request: Request) -> Response:
        self._may_write()
        given = await self._document(request)
        query, ids, word = given.get("query"), given.get("ids"), given.get("mark")
        if not isinstance(query, str) or word not in ("good", "bad") or not isinstance(ids, list) or not ids:
            raise RequestError("that is no judgement", 'send {"query": "sofa", "ids": [1, 2], "mark": "good" or "bad"}')
        if len(ids) > self._limits.max_k:
            raise RequestError(f"{len(ids):,} ids were given", f"give at most {self._limits.max_k:,}")
        text, photos = parameters.text({"q": query}, "q"), [parameters.photo_id(str(each)) for each in ids]
        return await self._found(lambda: self.service.mark(text, photos, word == "good"))

    async def undo_mark(self, request: Request) -> Response:
        self._may_write()
        return await self._found(self.service.undo_mark)

    async def index(self, request: Request) -> Response:
        if request.method == "GET":
            return Json(self._run.state.to_json())
        self._may_write()
        return Json(self._run.start().to_json(), 202)

    async def events(self, request: Request) -> Response:
        """Server-sent events: "index" whenever a run has got on, "library" whenever photos have come or gone."""
        return StreamingResponse(self._told(request), media_type="text/event-stream")

    async def _told(self, request: Request) -> AsyncIterator[bytes]:
        number, revision, silent = -1, await self._revision(), 0
        while not (request.app.state.is_ending or await request.is_disconnected()):
            state = self._run.state
            if state.number != number:
                number, silent = state.number, 0
                yield _event("index", state.to_json())
            if (now := await self._revision()) != revision:
                revision, silent = now, 0
                yield _event("library", {"revision": now})
            silent += 1
            if silent % 15 == 0:  # so that whoever has left is noticed
                yield b": still here\n\n"
            await asyncio.sleep(0.25 if state.is_running else self._limits.poll_seconds)

    async def _revision(self) -> int | None:
        try:
            return await self._workers.search(self.service.revision)
        except Exception:  # too busy, or no library yet: the next look will tell
            return None

    async def _found(self, work: Callable[[], Any]) -> Response:
        return Json(await self._workers.search(work))

    async def _which(self, request: Request) -> Callable[[], str | bytes]:
        """The photo that is asked with: sent, or of the library by ?id= or ?name=."""
        if request.method == "POST":
            data = await self._photo(request)
            return lambda: data
        given = request.query_params
        if "id" in given:
            photo_id = parameters.photo_id(given["id"])
            return lambda: self.service.path(photo_id)
        if name := parameters.text(given, "name"):
            return lambda: self.service.library.listing.named(name)
        raise RequestError("no photo was given", "add ?id= or ?name= of one in the library, or send one with POST")

    async def _photo(self, request: Request) -> bytes:
        """The photo in the body. Browsers send its type only to whom they know: a form of another site cannot."""
        media_type = request.headers.get("content-type", "").lower()
        if not media_type.startswith(PHOTO_TYPES):
            remedy = "send the bytes of a photo with the header Content-Type: image/jpeg or application/octet-stream"
            raise RequestError(f'a body of the type "{media_type[:60]}" is no photo', remedy, 415)
        return await _body(request, self._limits.max_upload_bytes)

    async def _document(self, request: Request) -> dict[str, Any]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestError("the body is no JSON", "send it with the header Content-Type: application/json", 415)
        try:
            document = json.loads(await _body(request, self._limits.max_body_bytes))
        except (ValueError, RecursionError) as error:
            raise RequestError("the body is no JSON", "send one object") from error
        if not isinstance(document, dict):
            raise RequestError("the body is no object", "send one object of JSON")
        return document

    def _may_write(self) -> None:
        if self.is_read_only:
            raise RequestError("this server only reads", "start it without --read-only", 403)


async def _body(request: Request, most: int) -> bytes:
    """Raises RequestError for more bytes than `most`, before they are all there."""
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > most:
            raise RequestError(f"more than {most / 1e6:g} MB were sent", "send a smaller copy", 413)
        pieces.append(piece)
    if not length:
        raise RequestError("the body is empty", "send the bytes of a photo, or a document")
    return b"".join(pieces)


def _event(name: str, document: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()
