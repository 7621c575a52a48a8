"""All that the server answers, in one table: what is routed, and what the OpenAPI document says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from devise.version import version

FILTERS = ("in", "after", "before", "type", "larger", "text")
_PARAMETERS = {
    "q": "words, phrases, signs and weights, as docs/queries.md tells; photos by the end of their path",
    "k": "how many, at most",
    "average": "1: the mean of the terms' scores counts",
    "min_score": "least probability, 0 to 1; 0 shows the nearest, however unlikely",
    "like": "a class of the model to compare by",
    "why": "1: with what each term gives a photo",
    "by": "what photos of a group have in common: likeness, folder",
    "space": "where photos are compared: features (looks), words (meaning), or one that was imported",
    "id": "a photo of the library",
    "name": "the end of the path of a photo of the library",
    "in": "only photos in a folder",
    "after": "only photos taken since 2020, 2020-05 or 2020-05-13",
    "before": "only photos taken before that",
    "type": "only jpg, png, ...",
    "larger": "only photos of at least 10MP of pixels, or 5MB of bytes",
    "text": "only photos with these words in their names, folders or captions",
    "any": "1: any word, not only what the model has learnt and what can be seen",
    "sure": "least probability of a word",
    "start": "how many to leave out at the beginning",
    "up_to": "which kinds: same, near (the usual), similar",
    "ids": "photos of the library, with commas",
}


@dataclass(frozen=True)
class Endpoint:
    """One path and method. function: of devise.web.api.Api; sent, given: what kind of body goes in and comes out."""

    method: str
    path: str
    function: str
    says: str
    parameters: tuple[str, ...] = ()
    sent: str = ""
    given: str = "application/json"


ENDPOINTS = (
    Endpoint("GET", "/api/search", "search", "Photos for words: what devise search --json prints, with ids, and notes.",
             ("q", "k", "average", "min_score", "like", "space", "why", *FILTERS)),
    Endpoint("POST", "/api/search", "search", "The same with a photo that is sent, beside the words.",
             ("q", "k", "average", "min_score", "like", "space", "why", *FILTERS), sent="image/*"),
    Endpoint("GET", "/api/similar", "similar", "Photos like one of the library.",
             ("id", "name", "k", "space", "like", *FILTERS)),
    Endpoint("POST", "/api/similar", "similar", "Photos like one that is sent.",
             ("k", "space", "like", *FILTERS), sent="image/*"),
    Endpoint("GET", "/api/tag", "tag", "Words for a photo of the library, as devise tag --json.",
             ("id", "name", "k", "any", "sure")),
    Endpoint("POST", "/api/tag", "tag", "Words for a photo that is sent.", ("k", "any", "sure"), sent="image/*"),
    Endpoint("GET", "/api/words", "words", "Words near words, as devise words --json.", ("q", "k")),
    Endpoint("GET", "/api/explain", "explain", "What each term gives a photo, as devise explain --json.", ("id", "q")),
    Endpoint("GET", "/api/photos", "photos", "All photos, the latest first.", ("k", "start", *FILTERS)),
    Endpoint("GET", "/api/photos/{id}", "photo", "What the library knows of a photo."),
    Endpoint("GET", "/api/info", "info", "What is in the library."),
    Endpoint("GET", "/api/folders", "folders", "The folders with photos, and how many each has."),
    Endpoint("GET", "/api/skipped", "skipped", "Files that cannot be read as photos, and why."),
    Endpoint("GET", "/api/tags", "tags", "The words that are true of most photos, of a sample of them."),
    Endpoint("GET", "/api/duplicates", "duplicates", "Groups of one picture, as devise duplicates --json, with ids.",
             ("up_to",)),
    Endpoint("GET", "/api/map", "map", "Groups, and where each photo stands, as devise map --json.", ("space", "by")),
    Endpoint("GET", "/api/zip", "zip", "Photos as one archive.", ("ids",), given="application/zip"),
    Endpoint("GET", "/api/mark", "marks", "What was said of answers, as devise mark --list --json."),
    Endpoint("POST", "/api/mark", "mark", "Say which photos are good or bad answers: query, ids, mark.",
             sent="application/json"),
    Endpoint("DELETE", "/api/mark", "undo_mark", "Take back what was said last."),
    Endpoint("GET", "/api/index", "index", "How far indexing is."),
    Endpoint("POST", "/api/index", "index", "Bring the library up to date with its folders."),
    Endpoint("GET", "/api/events", "events", "How far indexing is, and that photos have come or gone, as it happens.",
             given="text/event-stream"),
    Endpoint("GET", "/thumbnails/{id}", "thumbnail", "A photo of 480 pixels.", given="image/jpeg"),
    Endpoint("GET", "/photos/{id}", "picture", "A photo of 2048 pixels, upright.", given="image/jpeg"),
    Endpoint("GET", "/photos/{id}/heat", "heat", "A photo, lit where it shows what was asked for.", ("q",),
             given="image/jpeg"),
    Endpoint("GET", "/photos/{id}/original", "original", "The file itself.", given="image/*"),
)  # fmt: skip

_ERROR = {
    "type": "object",
    "required": ["error", "remedy"],
    "properties": {"error": {"type": "string"}, "remedy": {"type": "string"}},
}


def openapi() -> dict[str, Any]:
    """The document that describes all of them (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "devise", "version": version(), "description": "The photos of one library, by meaning."},
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "query", "description": _PARAMETERS[name], "schema": {"type": "string"}}
        for name in endpoint.parameters
    ]
    if "{id}" in endpoint.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}})
    failed = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}_{endpoint.function}",
        "summary": endpoint.says,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": {endpoint.given: {}}},
            "default": {"description": "What is wrong, and what to do", "content": failed},
        },
    }
    if endpoint.sent:
        operation["requestBody"] = {"required": True, "content": {endpoint.sent: {}}}
    return operation
