"""What runs, as `grader status` and `grader doctor` show it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from grader.services.cluster import Record
from grader.services.external import without_password
from grader.services.fleet import embedded, records
from grader.services.places import Places, places


@dataclass(frozen=True)
class Condition:
    """One server as `grader status` shows it. state: running, starting, stopped, killed or elsewhere."""

    name: str
    state: str
    where: str
    pid: int | None = None


def status() -> list[Condition]:
    """What runs, without starting or changing anything."""
    conditions = []
    here = places()
    known = {record.name: record for _, record in records(here)}
    for name in ("postgres", "judge", "redis", "judge-redis"):
        outside = os.environ.get("REDIS_URL" if "redis" in name else "DATABASE_URL")
        if outside:
            conditions.append(Condition(name, "elsewhere", without_password(outside)))
            continue
        conditions.append(_condition(here, name, known.pop(name, None)))
    for name, record in known.items():
        if record.process.alive():
            conditions.append(Condition(name, "running", record.socket, record.process.pid))
    return conditions


def _condition(here: Places, name: str, record: Record | None) -> Condition:
    server = embedded(here, name)
    if record is None:
        return Condition(name, "stopped", str(server.socket))
    if not record.process.alive():
        return Condition(name, "killed", str(server.socket))
    ready = server.ask().state == "ready"
    return Condition(name, "running" if ready else "starting", str(server.socket), record.process.pid)
