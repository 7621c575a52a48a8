"""Start a PostgreSQL and a Milvus of one's own, run a command beside them, stop and sweep them: `make test-scale`.

    python -m recipes.servers python -m pytest tests/store

Debian's PostgreSQL (apt-get install postgresql) and PyPI's `milvus` 2.3, a whole Milvus in one process, without
containers. Servers that the environment names already (DEVISE_TEST_CATALOG, DEVISE_TEST_MILVUS) are used instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CATALOG, MILVUS = "DEVISE_TEST_CATALOG", "DEVISE_TEST_MILVUS"
ROOT_ID = 0  # PostgreSQL runs as any user but this one
START_SECONDS = 300  # 8 on a machine that is idle, most of it to unpack its programs
MILVUS_MAIN = (
    "import sys, signal; from milvus import default_server as server; server.set_base_dir(sys.argv[1]); "
    "server.listen_port = int(sys.argv[2]); server.start(); print('listening', flush=True); signal.pause()"
)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def wait_for(port: int) -> None:
    """Until a server that was killed has left it: PyPI's Milvus takes another one instead, and tells nobody."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), socket.socket() as bound:
            bound.bind(("127.0.0.1", port))
            return
        time.sleep(1)


@contextmanager
def postgres(place: Path, port: int = 0) -> Iterator[str]:
    """The address of a database: a new one, or that of a server that was stopped or killed at this place."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    tools = found[-1].parent if found else Path(shutil.which("pg_ctl") or sys.exit("apt-get install postgresql")).parent
    port, data = port or free_port(), place / "postgresql"
    place.chmod(0o755)
    is_new = not data.exists()
    data.mkdir(exist_ok=True)
    as_user: list[str] = []
    if os.getuid() == ROOT_ID:
        shutil.chown(data, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    user = "postgres"
    begin = [tools / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", user]
    if is_new:
        subprocess.run([*as_user, *begin], check=True, stdout=subprocess.DEVNULL, cwd=data)
    control = [*as_user, tools / "pg_ctl", "-D", data, "-w"]
    options = f"-p {port} -k {data} -c fsync=off"
    log = data / "log"
    subprocess.run([*control, "-o", options, "-l", log, "start"], check=True, stdout=subprocess.DEVNULL, cwd=data)
    try:
        yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL, cwd=data)


@contextmanager
def milvus(place: Path, port: int = 0) -> Iterator[str]:
    """Where it listens. One at a time on a computer: its etcd takes port 2380 and no other."""
    port, log = port or free_port(), (place / "milvus.log").open("w")
    wait_for(port)
    command = [sys.executable, "-c", MILVUS_MAIN, place / "milvus", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + START_SECONDS
        while "listening" not in (place / "milvus.log").read_text():
            if server.poll() is not None or time.monotonic() > end:
                sys.exit(f"Milvus does not start: {(place / 'milvus.log').read_text()[-500:]}")
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # somebody killed it, or it has ended by itself
            os.killpg(server.pid, 15)
        server.wait(START_SECONDS)
        log.close()


@contextmanager
def both() -> Iterator[dict[str, str]]:
    """What the environment is to say."""
    if os.environ.get(CATALOG) and os.environ.get(MILVUS):
        yield {name: os.environ[name] for name in (CATALOG, MILVUS)}
        return
    with (
        tempfile.TemporaryDirectory(prefix="devise-servers-", ignore_cleanup_errors=True) as place,
        postgres(Path(place)) as catalog,
        milvus(Path(place)) as index,
    ):
        yield {CATALOG: catalog, MILVUS: index}


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    with both() as said:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **said}, check=False).returncode)
