"""Servers that tests may use, where the environment names some: `make test-scale` starts them.

DEVISE_TEST_CATALOG: postgresql://USER@HOST/DATABASE; DEVISE_TEST_MILVUS: HOST:PORT.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from uuid import uuid4

import pytest

from devise.store.location import Address


def why_not() -> str | None:
    """What is missing; None: nothing is."""
    if not (os.environ.get("DEVISE_TEST_CATALOG") and os.environ.get("DEVISE_TEST_MILVUS")):
        return "no PostgreSQL and no Milvus (DEVISE_TEST_CATALOG, DEVISE_TEST_MILVUS); run: make test-scale"
    lacks = [package for package in ("psycopg", "pymilvus") if find_spec(package) is None]
    return f"{' and '.join(lacks)} not installed; run: make test-scale" if lacks else None


def url() -> str:
    """Of a library that is not there yet."""
    return f"milvus://{os.environ['DEVISE_TEST_MILVUS']}/t{uuid4().hex[:12]}"


@contextmanager
def address() -> Iterator[Address]:
    """A library's place of its own, which is swept afterwards."""
    if reason := why_not():
        pytest.skip(reason)
    host, _, port = os.environ["DEVISE_TEST_MILVUS"].partition(":")
    at = Address(host, int(port), url().rpartition("/")[2], os.environ["DEVISE_TEST_CATALOG"])
    try:
        yield at
    finally:
        sweep(at)


def sweep(at: Address) -> None:
    from devise.store.server.database import Database
    from devise.store.server.milvus import MilvusIndex
    from devise.store.server.served import ServedIndex
    from devise.store.server.vectors import ServerVectors

    with closing(Database(at)) as db, closing(MilvusIndex(at)) as milvus:
        if db.exists():
            for space in ServedIndex(db, ServerVectors(db), milvus)._spaces():
                milvus.drop(space)
            db.execute(f'DROP SCHEMA "{db.schema}" CASCADE')
