"""Whether a server here is well: python -m devise.web.health PORT, for containers. Its API has to answer in time."""

from __future__ import annotations

import os
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SECONDS = 5.0  # to answer what is in the library: it takes some milliseconds
LACKS_TOKEN = 401  # said by the API itself, to whoever does not know a token that was made up


def is_well(port: int) -> bool:
    """Whether it tells what is in its library, or that a token is needed where DEVISE_TOKEN does not say which."""
    token = os.environ.get("DEVISE_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/api/info", headers=headers), timeout=SECONDS) as reply:
            return bool(reply.status == 200 and reply.read())
    except HTTPError as error:
        return not token and error.code == LACKS_TOKEN
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_well(int(sys.argv[1])))
