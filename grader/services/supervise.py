"""Bringing the servers of a home up, finding them again, taking them down."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from grader.services import external
from grader.services.cluster import Cluster, Progress, Record, Valkey, await_ready
from grader.services.errors import ServiceError, in_words
from grader.services.fleet import Embedded, clear_orphans, embedded, halt, records
from grader.services.lock import locked
from grader.services.places import Places, places
from grader.services.process import Process, boot_id
from grader.services.programs import programs
from grader.services.server import PostgresServer, RedisServer, Services
from grader.services.settings import LEARNER, Settings, as_file
from grader.services.template import copy, template

_PG_LABEL, _REDIS_LABEL = "PostgreSQL", "Valkey"


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
    found = {name: embedded(here, name).server(version) for name, version in versions.items()}
    judged = outside_postgres or _as_postgres(found["judge"])
    reds = outside_redis or (_as_redis(found["redis"]), _as_redis(found["judge-redis"]))
    return Services(outside_postgres or _as_postgres(found["postgres"]), judged, *reds)


def down(progress: Progress | None = None) -> list[str]:
    """Stops every server this home started, and nothing else. Returns the names of those stopped."""
    here = places()
    stopped = []
    with locked(here.home / "lock"):
        for path, record in records(here):
            if record.process.alive():
                if progress:
                    progress(f"Stopping {record.name} ...")
                halt(here, record)
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


def _running(here: Places, names: list[str]) -> dict[str, str] | None:
    """The servers' versions if all of them run and answer, else None."""
    versions = {}
    for name in names:
        record = Record.read(here.records / f"{name}.json")
        if record is None or not record.process.alive():
            return None
        answer = embedded(here, name).ask()
        if answer.state != "ready":
            return None
        versions[name] = answer.version
    return versions


def _bring_up(here: Places, names: list[str], progress: Progress | None) -> dict[str, str]:
    clear_orphans(here)
    starting: list[tuple[str, Embedded, Process]] = []
    for name in names:
        server = embedded(here, name)
        record = Record.read(here.records / f"{name}.json")
        if record and record.process.alive():
            if server.ask().state != "absent":
                starting.append((name, server, record.process))
                continue
            halt(here, record)  # it runs, but its socket was swept away
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
    settings = {} if throwaway else LEARNER
    new_data(here, server.data, settings, durable=not throwaway, progress=progress)


def new_data(
    here: Places, data: Path, settings: Settings, *, durable: bool, progress: Progress | None = None
) -> None:
    """A fresh cluster at `data`, copied from the home's template. The caller holds the lock."""
    found = programs(here)
    if progress and not any(here.state.glob("template-*")):
        progress("Creating the PostgreSQL cluster ...")
    copy(template(here, found), data, as_file(settings), durable=durable)


def _require_same_version(data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != "18":
        raise ServiceError(
            f"The data in {data} was made by PostgreSQL {made_by} and cannot be read by version 18; "
            "move that folder away and run `grader up` again."
        )


def _as_postgres(server: PostgresServer | RedisServer) -> PostgresServer:
    assert isinstance(server, PostgresServer)
    return server


def _as_redis(server: PostgresServer | RedisServer) -> RedisServer:
    assert isinstance(server, RedisServer)
    return server
