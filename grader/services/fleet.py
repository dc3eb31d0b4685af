"""The four servers of a home, as objects; and the records of what was started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from grader.services.cluster import UNIX_PORT, Cluster, Record, Valkey
from grader.services.errors import ServiceError
from grader.services.places import Places, memory_left
from grader.services.programs import programs
from grader.services.settings import THROWAWAY

Embedded = Cluster | Valkey


def embedded(here: Places, name: str) -> Embedded:
    """The server "postgres", "judge", "redis" or "judge-redis", running or not."""
    found = programs(here)
    sockets, log = here.sockets / name, here.logs / f"{name}.log"
    if name == "postgres":
        # Parallel queries share memory there; containers often have 64 MB of it.
        cramped = {"dynamic_shared_memory_type": "mmap"} if memory_left() < 256 << 20 else {}
        data = here.state / "postgres"
        return Cluster(name, data, sockets, log, found.postgres, here.uid, cramped, _tcp_port(here))
    if name == "judge":
        return Cluster(name, here.volatile / "judge", sockets, log, found.postgres, here.uid, THROWAWAY)
    durable = name == "redis"
    data = (here.state if durable else here.volatile) / name
    return Valkey(name, data, sockets, log, found.valkey, here.uid, durable=durable)


def _tcp_port(here: Places) -> int | None:
    """The port asked for, else the one the running cluster was started with: it stays until `down`."""
    asked = os.environ.get("GRADER_POSTGRES_PORT", "")
    if not asked:
        record = Record.read(here.records / "postgres.json")
        port = int(record.socket.rpartition(".")[2]) if record else UNIX_PORT
        return None if port == UNIX_PORT else port
    if not asked.isdigit() or not 1024 <= int(asked) <= 65535 or int(asked) == UNIX_PORT:
        raise ServiceError(
            f"GRADER_POSTGRES_PORT must be a number from 1024 to 65535 other than {UNIX_PORT}, not {asked!r}."
        )
    return int(asked)


def records(here: Places) -> Iterator[tuple[Path, Record]]:
    """Every readable record with its file."""
    for path in sorted(here.records.glob("*.json")):
        if record := Record.read(path):
            yield path, record


def halt(here: Places, record: Record) -> None:
    """Stops what the record names, if it is still the same process."""
    found = programs(here)
    data, sockets = Path(record.data), Path(record.socket).parent
    log = here.logs / f"{record.name}.log"
    server: Embedded
    if record.socket.endswith("redis.sock"):
        server = Valkey(record.name, data, sockets, log, found.valkey, here.uid)
    else:
        server = Cluster(record.name, data, sockets, log, found.postgres, here.uid)
    server.stop(record.process)


def clear_orphans(here: Places) -> None:
    """Stops throw-away servers whose makers are gone and removes what they left."""
    for path, record in records(here):
        if record.owner is not None and not record.owner.alive():
            halt(here, record)
            shutil.rmtree(record.data, ignore_errors=True)
            shutil.rmtree(Path(record.socket).parent, ignore_errors=True)
            path.unlink(missing_ok=True)
