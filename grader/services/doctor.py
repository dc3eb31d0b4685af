"""`grader doctor`: each thing that can be wrong, looked at, and said in plain words with what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grader.services import external
from grader.services.condition import status
from grader.services.errors import ServiceError
from grader.services.places import home, places
from grader.services.programs import check_platform, programs


@dataclass(frozen=True)
class Finding:
    well: bool
    said: str


def examine() -> list[Finding]:
    """Looks without starting, stopping or repairing anything."""
    checks: list[Callable[[], Iterator[Finding]]] = [_python, _packages, _home, _room, _servers, _outside]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings.extend(check())
        except ServiceError as error:
            findings.append(Finding(False, str(error)))
    return findings


def _python() -> Iterator[Finding]:
    check_platform()
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(True, f"Python {version} at {sys.executable}")
    scripts = os.path.dirname(sys.executable)
    if scripts not in os.environ.get("PATH", "").split(os.pathsep):
        yield Finding(
            True,
            f"{scripts} is not on PATH: `make lab` puts it there, nbgrader alone needs it; see the README.",
        )


def _packages() -> Iterator[Finding]:
    found = programs(places())
    yield Finding(True, f"PostgreSQL program: {found.postgres}")
    yield Finding(True, f"Valkey program: {found.valkey}")


def _home() -> Iterator[Finding]:
    here = places()
    if not os.access(here.home, os.W_OK):
        yield Finding(False, f"{here.home} cannot be written; set GRADER_HOME to a folder of yours.")
    else:
        yield Finding(True, f"State is kept in {here.home}")
    if here.state != here.home:
        yield Finding(True, f"The servers' data are in {here.state}, because they may not enter {here.home}")
    for kept in sorted(here.state.glob("postgres.incomplete-*")):
        yield Finding(False, f"{kept} was set aside as incomplete; look through it and delete it.")


def _room() -> Iterator[Finding]:
    for folder, needed in ((home(), 2), ("/tmp", 1)):
        free = shutil.disk_usage(folder).free / (1 << 30)
        if free < needed:
            yield Finding(
                False, f"Only {free:.1f} GB are free around {folder}; {needed} GB are wanted. Free some."
            )
        else:
            yield Finding(True, f"{free:.0f} GB free around {folder}")


def _servers() -> Iterator[Finding]:
    for condition in status():
        if condition.state == "killed":
            yield Finding(
                False, f"{condition.name} was killed; `grader up` starts it again, its data are kept."
            )
        elif condition.state == "starting":
            yield Finding(
                False,
                f"{condition.name} runs (pid {condition.pid}) but does not answer at {condition.where}; "
                "`grader up` waits for it, or starts it anew if its socket is gone.",
            )
        elif condition.state == "stopped":
            yield Finding(True, f"{condition.name} is not running; `grader up` starts it.")
        else:
            yield Finding(True, f"{condition.name} is {condition.state} at {condition.where}")


def _outside() -> Iterator[Finding]:
    if url := os.environ.get("DATABASE_URL"):
        yield Finding(True, f"DATABASE_URL: PostgreSQL {external.postgres(url).version} answers")
    if url := os.environ.get("REDIS_URL"):
        yield Finding(True, f"REDIS_URL: version {external.redis(url)[0].version} answers")
