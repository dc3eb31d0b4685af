"""docker-compose.yml and Dockerfile, as far as they can be held to account without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
PINNED = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?-?[\w.-]*")
# The part of the compose specification that is used here: key -> type.
SERVICE_KEYS = {
    "image": str,
    "build": dict,
    "init": bool,
    "environment": dict,
    "command": list,
    "ports": list,
    "volumes": list,
    "healthcheck": dict,
    "restart": str,
    "depends_on": dict,
    "shm_size": str,
}


def test_the_file_keeps_to_the_compose_specification():
    assert set(COMPOSE) <= {"name", "services", "volumes"}
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[a-z]+", name)
        assert ("image" in service) != ("build" in service)
        for key, value in service.items():
            assert isinstance(value, SERVICE_KEYS[key]), f"{name}.{key}"
        assert all(isinstance(value, str) for value in service["environment"].values())


def test_official_images_are_pinned():
    assert SERVICES["postgres"]["image"].startswith("postgres:18.")
    assert SERVICES["redis"]["image"].startswith("redis:8.")
    base = [line.split()[1] for line in DOCKERFILE if line.startswith("FROM ")]
    assert base and base[0].startswith("python:3.11.")
    for image in [*base, *(s["image"] for s in SERVICES.values() if "image" in s)]:
        assert PINNED.fullmatch(image), f"{image} names no version"


def test_ports_are_published_on_this_machine_alone():
    for name, service in SERVICES.items():
        assert service["ports"], name
        for port in service["ports"]:
            assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)


def test_every_service_is_checked_for_health_and_waited_for():
    for name, service in SERVICES.items():
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL"), name
        assert check["retries"] and re.fullmatch(r"\d+s", check["interval"])
    assert SERVICES["lab"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in SERVICES if name != "lab"
    }


def test_every_volume_is_declared_and_used():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])


def environment_read_by_the_code() -> set[str]:
    names: set[str] = set()
    for source in (ROOT / "grader").rglob("*.py"):
        names |= set(re.findall(r"""["'](DATABASE_URL|REDIS_URL|GRADER_[A-Z_]+)["']""", source.read_text()))
    return names


def test_the_lab_is_given_only_names_the_code_reads():
    known = environment_read_by_the_code()
    given = {name for name in SERVICES["lab"]["environment"] if name.isupper()}
    assert {"DATABASE_URL", "REDIS_URL", "GRADER_HOME", "GRADER_ROOT"} == given <= known
    in_image = set(re.findall(r"(GRADER_[A-Z]+)=", "\n".join(DOCKERFILE)))
    assert in_image <= known


def default(text: str) -> str:
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


def test_the_addresses_name_the_services_with_their_passwords():
    environment = SERVICES["lab"]["environment"]
    password = default(SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"])
    assert default(environment["DATABASE_URL"]) == f"postgresql://postgres:{password}@postgres:5432/postgres"
    assert (
        default(environment["REDIS_URL"])
        == f"redis://:{default(SERVICES['redis']['command'][-1])}@redis:6379/0"
    )


def copied() -> list[str]:
    lines = [line.split() for line in DOCKERFILE if line.startswith("COPY ")]
    return [source for words in lines for source in words[1:-1] if not source.startswith("--")]


@pytest.mark.parametrize("source", copied())
def test_every_copied_path_exists_and_is_not_ignored(source):
    assert (ROOT / source).exists()
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert source in kept


def test_the_image_installs_by_hash_and_runs_as_an_ordinary_user():
    text = "\n".join(DOCKERFILE)
    assert "--require-hashes -r requirements.lock" in text
    user = [line.split()[1] for line in DOCKERFILE if line.startswith("USER ")]
    assert user[-1] not in ("root", "0")
