"""Where a library is: in a folder, or under a name on servers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from devise.config import default_library
from devise.errors import LibraryError

SCHEME = "milvus://"
PORT = 19530  # Milvus's own
CATALOG = "DEVISE_CATALOG"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)  # good as a part of names in PostgreSQL and in Milvus
_WRITE = "write milvus://HOST:19530/NAME"


@dataclass(frozen=True)
class Address:
    """A library on servers: its vectors are searched by Milvus, all else is in PostgreSQL.

    catalog: the address of that, postgresql://...; user: of Milvus, as "name:password". Both are in no message.
    """

    host: str
    port: int
    name: str
    catalog: str = field(repr=False)
    user: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{SCHEME}{self.host}:{self.port}/{self.name}"


Location: TypeAlias = Path | Address


def location(given: str | Path | Address | None) -> Location:
    """None: DEVISE_LIBRARY, or the one in the user's data folder. Raises LibraryError for an address that is none."""
    given = default_library() if given is None else given
    if isinstance(given, str) and given.startswith(SCHEME):
        return _address(given)
    return given if isinstance(given, Address) else Path(os.path.abspath(given))


def _address(given: str) -> Address:
    try:
        parts = urlsplit(given)
        port = parts.port or PORT
    except ValueError as error:
        raise LibraryError(f"the address of the library is none ({error}); {_WRITE}") from error
    name, plain = parts.path.strip("/"), f"{SCHEME}{parts.hostname or ''}:{port}{parts.path}"
    if not parts.hostname:
        raise LibraryError(f"the address {plain} names no computer; {_WRITE}")
    if not _NAME.fullmatch(name):
        raise LibraryError(
            f"the address {plain} names no library; {_WRITE}, NAME of small letters, digits and _, 40 at most"
        )
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Address(parts.hostname, port, name, _catalog(parts, plain), user)


def _catalog(parts: SplitResult, plain: str) -> str:
    """All behind "catalog=", for it has a query of its own; else what DEVISE_CATALOG says."""
    key, _, given = parts.query.partition("=")
    if parts.query and key != "catalog":
        raise LibraryError(f'the address {plain} has an option "{key}"; there is only ?catalog=postgresql://...')
    given = given if "://" in given else unquote(given)
    found = given or os.environ.get(CATALOG, "")
    if not found.startswith(("postgresql://", "postgres://")):
        lacks = "names no PostgreSQL for its catalogue" if not found else "has a catalogue that is no PostgreSQL"
        raise LibraryError(f"the library {plain} {lacks}; set {CATALOG}=postgresql://USER@HOST/DATABASE")
    return found
