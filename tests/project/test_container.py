"""What the Dockerfile and the compose file say of the project is so: it is not built here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from devise.cli.main import app
from devise.config import default_library, user_cache, user_data
from devise.web import health

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["devise"]


def said(instruction: str) -> list[str]:
    """Its arguments, in the order of the file."""
    return re.findall(rf"^{instruction} (.+?)$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)


def command(instruction: str) -> list[str]:
    return json.loads(re.search(r"\[.*\]", said(instruction)[-1])[0])


def test_what_is_copied_is_there_and_is_what_a_wheel_needs() -> None:
    copied = {name for line in said("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    target = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    shipped = [name.lstrip("/") for name in target["include"]]
    assert {name.split("/")[0] for name in shipped} | {"pyproject.toml", PROJECT["project"]["readme"]} <= copied
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {*shipped, "requirements.lock"} <= {*kept}


def test_python_and_extras_are_the_projects() -> None:
    (version,) = {re.match(r"python:(\d+\.\d+)-slim", line)[1] for line in said("FROM")}
    least = re.match(r">=(\d+\.\d+)", PROJECT["project"]["requires-python"])[1]
    assert tuple(map(int, version.split("."))) >= tuple(map(int, least.split(".")))
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert '".[${EXTRAS}]"' in DOCKERFILE
    assert {"web"} <= {*extras.split(",")} <= {*PROJECT["project"]["optional-dependencies"]}


def test_port_user_and_places_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    port = said("EXPOSE")[0]
    assert command("CMD")[command("CMD").index("--port") + 1] == port == command("HEALTHCHECK")[-1]
    assert COMPOSE["command"] == command("CMD")
    assert [one.split(":")[-1] for one in COMPOSE["ports"]] == [port]
    assert command("HEALTHCHECK")[:3] == ["python", "-m", health.__name__]
    assert command("ENTRYPOINT") == ["devise"]
    assert said("USER") == ["devise"]
    for name, value in re.findall(r"(\w+)=(\S+)", said("ENV")[-1]):
        if name.startswith(("DEVISE", "XDG")):
            monkeypatch.setenv(name, value)
    (volume,) = said("VOLUME")
    assert all(str(place).startswith(f"{volume}/") for place in (default_library(), user_data(), user_cache()))
    assert f"data:{volume}" in COMPOSE["volumes"]
    assert [one.split(":")[-2:] for one in COMPOSE["volumes"] if "PHOTOS" in one] == [["/photos", "ro"]]


def test_the_command_is_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as it stands; only what it would start is another thing."""
    asked: list[object] = []
    monkeypatch.setattr("devise.web.serve.serve", lambda library, options, tell: asked.append(options))
    app(command("CMD"), standalone_mode=False)
    assert (asked[0].host, str(asked[0].port), asked[0].opens_browser) == ("0.0.0.0", said("EXPOSE")[0], False)  # type: ignore[attr-defined]
