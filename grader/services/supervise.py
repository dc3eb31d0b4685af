"""Bringing the servers of a home up, finding them again, taking them down."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.services import external
from grader.services.cluster import Cluster, Progress, Record, Valkey, await_ready
from grader.services.errors import ServiceError, in_words
from grader.services.lock import locked
from grader.services.places import Places, memory_left, places
from grader.services.process import Process, boot_id
from grader.services.programs import programs
from grader.services.server import PostgresServer, RedisServer, Services
from grader.services.settings import LEARNER, THROWAWAY, as_file
from grader.services.template import copy, template

Embedded = Cluster | Valkey
_PG_LABEL, _REDIS_LABEL = "PostgreSQL", "Valkey"


@dataclass(frozen=True)
class Condition:
    """One server as `grader status` shows it. state: running, starting, stopped, killed or elsewhere."""

    name: str
    state: str
    where: str
    pid: int | None = None


def up(progress: Progress | None = None) -> Services:
    """Makes sure that the servers run and returns where they are. Safe to call from several processes.

    Starts what is missing, restarts what was killed with its data kept. Raises `ServiceError`.
    """
    postgres_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    outside_postgres = external.postgres(postgres_url) if postgres_url else None
    outside_redis = external.redis(redis_url) if redis_url else None
    if outside_postgres and outside_redis:
        return Services(outside_postgres, outside_postgres, *outside_redis)
    here = places()
    names = [*([] if outside_postgres else ["postgres", "judge"])]
    names += [*([] if outside_redis else ["redis", "judge-redis"])]
    versions = _running(here, names)
    if versions is None:
        with locked(here.home / "lock"), in_words(here.home):
            versions = _bring_up(here, names, progress)
    found = {name: _embedded(here, name).server(version) for name, version in versions.items()}
    judged = outside_postgres or _as_postgres(found["judge"])
    reds = outside_redis or (_as_redis(found["redis"]), _as_redis(found["judge-redis"]))
    return Services(outside_postgres or _as_postgres(found["postgres"]), judged, *reds)


def down(progress: Progress | None = None) -> list[str]:
    """Stops every server this home started, and nothing else. Returns the names of those stopped."""
    here = places()
    stopped = []
    with locked(here.home / "lock"):
        for path, record in _records(here):
            if record.process.alive():
                if progress:
                    progress(f"Stopping {record.name} ...")
                _halt(here, record)
                stopped.append(record.name)
            path.unlink(missing_ok=True)
        for folder in (here.volatile, here.sockets):
            if folder.exists():
                shutil.rmtree(folder)
    return stopped


def forget() -> None:
    """Deletes what a stopped home keeps outside its own folder (only for root, where it had to)."""
    here = places()
    if here.state != here.home and here.state.exists():
        shutil.rmtree(here.state)


def status() -> list[Condition]:
    """What runs, without starting or changing anything."""
    conditions = []
    here = places()
    records = {record.name: record for _, record in _records(here)}
    for name in ("postgres", "judge", "redis", "judge-redis"):
        outside = os.environ.get("REDIS_URL" if "redis" in name else "DATABASE_URL")
        if outside:
            conditions.append(Condition(name, "elsewhere", external.without_password(outside)))
            continue
        conditions.append(_condition(here, name, records.pop(name, None)))
    for name, record in records.items():
        if record.process.alive():
            conditions.append(Condition(name, "running", record.socket, record.process.pid))
    return conditions


def _condition(here: Places, name: str, record: Record | None) -> Condition:
    server = _embedded(here, name)
    if record is None:
        return Condition(name, "stopped", str(server.socket))
    if not record.process.alive():
        return Condition(name, "killed", str(server.socket))
    ready = server.ask().state == "ready"
    return Condition(name, "running" if ready else "starting", str(server.socket), record.process.pid)


def _running(here: Places, names: list[str]) -> dict[str, str] | None:
    """The servers' versions if all of them run and answer, else None."""
    versions = {}
    for name in names:
        record = Record.read(here.records / f"{name}.json")
        if record is None or not record.process.alive():
            return None
        answer = _embedded(here, name).ask()
        if answer.state != "ready":
            return None
        versions[name] = answer.version
    return versions


def _bring_up(here: Places, names: list[str], progress: Progress | None) -> dict[str, str]:
    clear_orphans(here)
    starting: list[tuple[str, Embedded, Process]] = []
    for name in names:
        server = _embedded(here, name)
        record = Record.read(here.records / f"{name}.json")
        if record and record.process.alive():
            if server.ask().state != "absent":
                starting.append((name, server, record.process))
                continue
            _halt(here, record)  # it runs, but its socket was swept away
        _prepare(here, name, server, record, progress)
        here.socket_folder(name)
        process = server.start()
        Record(name, process, str(server.data), str(server.socket)).write(here.records)
        starting.append((name, server, process))
    versions = {}
    for name, server, process in starting:
        label = _PG_LABEL if isinstance(server, Cluster) else _REDIS_LABEL
        versions[name] = await_ready(process, server.ask, server.log, label, progress).version
    return versions


def _prepare(
    here: Places, name: str, server: Embedded, record: Record | None, progress: Progress | None
) -> None:
    """A data directory fit to start from; what is not is moved aside, never deleted, if it is a learner's."""
    if isinstance(server, Valkey):
        if not server.durable:
            here.folder(here.volatile)
        here.folder(server.data)
        return
    throwaway = name == "judge"
    if throwaway:
        here.folder(here.volatile)
        if server.data.exists() and (record is None or record.boot != boot_id()):
            shutil.rmtree(server.data)  # written without fsync: worth nothing after the machine stopped
    if (server.data / "global/pg_control").exists() and (server.data / "PG_VERSION").exists():
        _require_same_version(server.data)
        return
    if server.data.exists() and any(server.data.iterdir()):
        aside = server.data.with_name(f"{server.data.name}.incomplete-{time.strftime('%Y%m%d-%H%M%S')}")
        server.data.rename(aside)
        if progress:
            progress(f"The data directory was incomplete; it is kept as {aside}, a new one is made.")
    elif server.data.exists():
        server.data.rmdir()
    new_data(here, server.data, durable=not throwaway, progress=progress)
    if not throwaway:
        with (server.data / "postgresql.conf").open("a") as file:
            file.write(as_file(LEARNER))


def new_data(here: Places, data: Path, *, durable: bool, progress: Progress | None = None) -> None:
    """A fresh cluster at `data`, copied from the home's template. The caller holds the lock."""
    found = programs(here)
    if progress and not any(here.state.glob("template-*")):
        progress("Creating the PostgreSQL cluster ...")
    copy(template(here, found), data, durable=durable)


def _require_same_version(data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != "18":
        raise ServiceError(
            f"The data in {data} was made by PostgreSQL {made_by} and cannot be read by version 18; "
            "move that folder away and run `grader up` again."
        )


def _embedded(here: Places, name: str) -> Embedded:
    found = programs(here)
    sockets, log = here.sockets / name, here.logs / f"{name}.log"
    if name == "postgres":
        # Parallel queries share memory there; containers often have 64 MB of it.
        cramped = {"dynamic_shared_memory_type": "mmap"} if memory_left() < 256 << 20 else {}
        data = here.state / "postgres"
        return Cluster(name, data, sockets, log, found.postgres, here.uid, cramped, _tcp_port())
    if name == "judge":
        return Cluster(name, here.volatile / "judge", sockets, log, found.postgres, here.uid, THROWAWAY)
    durable = name == "redis"
    data = (here.state if durable else here.volatile) / name
    return Valkey(name, data, sockets, log, found.valkey, here.uid, durable=durable)


def _tcp_port() -> int | None:
    asked = os.environ.get("GRADER_POSTGRES_PORT", "")
    if not asked:
        return None
    if not asked.isdigit() or not 1024 <= int(asked) <= 65535:
        raise ServiceError(f"GRADER_POSTGRES_PORT must be a number from 1024 to 65535, not {asked!r}.")
    return int(asked)


def _records(here: Places) -> Iterator[tuple[Path, Record]]:
    for path in sorted(here.records.glob("*.json")):
        if record := Record.read(path):
            yield path, record


def _halt(here: Places, record: Record) -> None:
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
    for path, record in _records(here):
        if record.owner is not None and not record.owner.alive():
            _halt(here, record)
            shutil.rmtree(record.data, ignore_errors=True)
            shutil.rmtree(Path(record.socket).parent, ignore_errors=True)
            path.unlink(missing_ok=True)


@contextmanager
def guarded(here: Places) -> Iterator[None]:
    with locked(here.home / "lock"):
        yield


def _as_postgres(server: PostgresServer | RedisServer) -> PostgresServer:
    assert isinstance(server, PostgresServer)
    return server


def _as_redis(server: PostgresServer | RedisServer) -> RedisServer:
    assert isinstance(server, RedisServer)
    return server
