"""What is asked of a library in a folder by its pages, its API and `devise watch`, asked of one on servers.

Needs servers: make test-scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import servers
import test_answers
import test_api
import test_watch
from serving import SETTINGS, client, six_photos  # noqa: F401 (a fixture)
from test_server_library import SMALL
from test_watch import watched  # noqa: F401 (a fixture)

from devise import Library

LEFT_OUT = (
    *("test_what_a_prompt_shows", "test_all_vectors"),  # these ask for other folders beside the library's
    "test_a_picture_is_turned_upright",  # asks with a file that is not in the library, which pages may not
)


@pytest.fixture
def library(album: Path) -> Iterator[Library]:
    """As the modules' own, but that Milvus is asked."""
    settings = replace(SETTINGS, index=SMALL.index, search=SMALL.search)
    with servers.address() as at, six_photos(at, album, settings) as opened:
        yield opened


def asked_by(module: ModuleType) -> dict[str, object]:
    return {
        name: test
        for name, test in vars(module).items()
        if name.startswith("test_") and callable(test) and name not in LEFT_OUT
    }


globals().update(asked_by(test_api) | asked_by(test_watch) | asked_by(test_answers))
