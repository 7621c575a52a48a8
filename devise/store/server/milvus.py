"""An index of a library's vectors in Milvus: a collection for each space that is compared by cosine.

Derived from the rows in PostgreSQL, as the graphs of embedded libraries are: whatever happens to it, nothing is lost.
The home of pymilvus.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np

from devise.errors import DeviseError, LibraryError, WriteError
from devise.spaces import Space
from devise.store.location import Address
from devise.vectors import Ids, Vector

TIMEOUT_SECONDS = 20.0  # of a request: a search takes milliseconds, a thousand rows a second
MAX_NEAR = 16_384  # results of a search: Milvus names no more
PUT_BYTES = 5 << 20  # of rows a request: a thousand of features; 64 MB are too many for Milvus
_DISK = re.compile(r"no space left|disk quota|quota exceeded|disk.{0,20}full", re.IGNORECASE)
_LACKS = re.compile(r"collection not found|can't find collection|collection not exist|not loaded", re.IGNORECASE)


class Kind(NamedTuple):
    """How rows are indexed: docs/scale.md has what was measured."""

    name: str
    build: Mapping[str, int]


GRAPH: Final = Kind("HNSW", {"M": 16, "efConstruction": 200})
EF = 256  # of a graph, at least
# Words are far from all photos: a graph leads them astray, and so do lists, with which Milvus answers until it has made
# the index that it was asked for: of a thousand candidates up to half were others than the nearest
WHOLE: Final = Kind("FLAT", {})


def kind_of(space: Space) -> Kind:
    return WHOLE if space.vectors is not None else GRAPH


class MilvusIndex:
    """Think of it as a table a space, of content id and vector, that finds near ones. Connects when it is asked."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._opened: Any = None

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def near(self, space: Space, vectors: Vector, k: int) -> list[Ids]:
        """For each vector (n, dim) up to k ids, the nearest first."""
        params = {"ef": max(EF, k)} if kind_of(space) is GRAPH else {}
        with self._telling(space):
            found = self._client().search(
                self.collection(space), data=list(np.asarray(vectors, np.float32)), limit=min(k, MAX_NEAR),
                search_params={"metric_type": "IP", "params": params}, consistency_level="Eventually",
                timeout=TIMEOUT_SECONDS,
            )  # fmt: skip
        return [np.fromiter((hit["id"] for hit in hits), np.int64) for hits in found]

    def put(self, space: Space, ids: Ids, rows: Vector) -> None:
        """In place of what it has of these ids."""
        with self._telling(space):
            at_once = max(1, PUT_BYTES // (4 * space.dim))
            for start in range(0, len(ids), at_once):
                some = zip(ids[start : start + at_once].tolist(), rows[start : start + at_once], strict=True)
                data = [{"id": content_id, "row": row} for content_id, row in some]
                self._client().upsert(self.collection(space), data, timeout=TIMEOUT_SECONDS)

    def delete(self, space: Space, ids: Ids) -> None:
        with self._telling(space):
            if len(ids) and self._has(space):
                self._client().delete(self.collection(space), ids=ids.tolist(), timeout=TIMEOUT_SECONDS)

    def ids(self, space: Space) -> Ids:
        """All that it has, ascending, what was written this moment too."""
        with self._telling(space):
            if not self._has(space):
                return np.empty(0, np.int64)
            found, last = list[int](), 0
            while some := self._client().query(
                self.collection(space), filter=f"id > {last} and id <= {last + MAX_NEAR}", output_fields=["id"],
                consistency_level="Strong", timeout=TIMEOUT_SECONDS,
            ) or self._more(space, last):  # fmt: skip
                found += sorted(row["id"] for row in some if "id" in row)
                last += MAX_NEAR
        return np.array(found, np.int64)

    def count(self, space: Space) -> int:
        """How many rows it has, after everything that was written before this was asked."""
        with self._telling(space):
            if not self._has(space):
                return 0
            rows = self._client().query(self.collection(space), filter="", output_fields=["count(*)"],
                                        consistency_level="Strong", timeout=TIMEOUT_SECONDS)  # fmt: skip
            return int(rows[0]["count(*)"])

    def drop(self, space: Space) -> None:
        with self._telling(space):
            if self._has(space):
                self._client().drop_collection(self.collection(space), timeout=TIMEOUT_SECONDS)

    def flush(self, space: Space) -> None:
        """Have what was written in the index soon, not only in the log: after many rows."""
        with self._telling(space):
            if self._has(space):
                self._client().flush(self.collection(space), timeout=10 * TIMEOUT_SECONDS)

    def collection(self, space: Space) -> str:
        return f"devise_{self.address.name}_{re.sub(r'[^a-zA-Z0-9]', '_', space.name)}"

    def _more(self, space: Space, last: int) -> list[dict[str, int]]:
        """Whether there are any behind a gap: one that says nothing of its own."""
        rows = self._client().query(self.collection(space), filter=f"id > {last}", output_fields=["id"], limit=1,
                                    consistency_level="Strong", timeout=TIMEOUT_SECONDS)  # fmt: skip
        return [{"gap": 1}] if rows else []

    def _has(self, space: Space) -> bool:
        return bool(self._client().has_collection(self.collection(space), timeout=TIMEOUT_SECONDS))

    def ensure(self, space: Space) -> None:
        """A collection with its index, loaded, whoever began to make it; one of an earlier model's width is replaced.

        For one program at a time.
        """
        with self._telling(space):
            client, name, wait = self._client(), self.collection(space), 6 * TIMEOUT_SECONDS
            if self._has(space):
                fields = client.describe_collection(name, timeout=TIMEOUT_SECONDS)["fields"]
                if all(int(field.get("params", {}).get("dim", space.dim)) != space.dim for field in fields[1:]):
                    client.drop_collection(name, timeout=TIMEOUT_SECONDS)
            if not self._has(space):
                client.create_collection(name, schema=self._schema(space), timeout=wait)
            if not client.list_indexes(name):
                kind, params = kind_of(space), client.prepare_index_params()
                params.add_index("row", index_type=kind.name, metric_type="IP", params=dict(kind.build))
                client.create_index(name, params, timeout=wait)
            client.load_collection(name, timeout=wait)

    def _schema(self, space: Space) -> Any:
        from pymilvus import DataType

        schema = self._client().create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("row", DataType.FLOAT_VECTOR, dim=space.dim)
        return schema

    def _client(self) -> Any:
        if self._opened is None:
            os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it tells of lost connections on its own
            from pymilvus import MilvusClient  # half a second, with pandas

            for name in [name for name in logging.root.manager.loggerDict if name.startswith("pymilvus")]:
                logging.getLogger(name).disabled = True  # what it logs, tracebacks and all, it raises as well
            self._opened = MilvusClient(f"http://{self.address.host}:{self.address.port}", token=self.address.user,
                                        timeout=TIMEOUT_SECONDS)  # fmt: skip
        return self._opened

    @contextmanager
    def _telling(self, space: Space) -> Iterator[None]:
        """Turn the client's errors into ours; it has no names for what went wrong, but texts."""
        try:
            yield
        except DeviseError:
            raise
        except Exception as error:
            if not type(error).__module__.startswith(("pymilvus", "grpc")):
                raise
            self._opened = None  # whatever happened to the connection, the next request makes another
            raise _told(self.address, space, str(getattr(error, "message", error))) from error


def _told(address: Address, space: Space, said: str) -> DeviseError:
    server, fact = f"{address.host}:{address.port}", " ".join(said.split())[:160]
    if _DISK.search(said):
        return WriteError(
            f"Milvus at {server} has no room for the vectors of {address}; free space there and run the same command "
            "again, nothing is lost"
        )
    if _LACKS.search(said):
        return LibraryError(
            f"Milvus at {server} has no index of {space.name} for the library {address}; make it again with: "
            "devise check --repair"
        )
    return LibraryError(
        f"Milvus at {server} does not answer for the library {address} ({fact}); see that it runs, and run the same "
        "command again, nothing is lost"
    )
