"""Further servers that live for one `with` block: ready in a tenth of a second, in memory if there is room."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.services.cluster import Cluster, Record, Valkey, await_ready
from grader.services.errors import ServiceError
from grader.services.lock import locked
from grader.services.places import Places, places, reachable
from grader.services.process import Process
from grader.services.programs import programs
from grader.services.server import PostgresServer, RedisServer
from grader.services.settings import THROWAWAY
from grader.services.supervise import new_data

_numbers = itertools.count(1)


@dataclass(frozen=True)
class _Running:
    """What a throw-away server is besides its address."""

    here: Places
    engine: Cluster | Valkey
    processes: list[Process]  # the last one is the present one

    def start(self) -> str:
        process = self.engine.start()
        self.processes.append(process)
        me = Process.of(os.getpid())
        name = self.engine.name
        Record(name, process, str(self.engine.data), str(self.engine.socket), me).write(self.here.records)
        return await_ready(process, self.engine.ask, self.engine.log, name).version

    def stop(self) -> None:
        self.engine.stop(self.processes[-1])

    def kill(self) -> None:
        self.processes[-1].signal(signal.SIGKILL)
        self.processes[-1].wait(10)


@dataclass(frozen=True)
class ThrowawayPostgres(PostgresServer):
    """A cluster of the caller's own, gone at the end of the block."""

    control: _Running | None = None

    @property
    def data(self) -> Path:
        return _control(self).engine.data

    @property
    def pid(self) -> int:
        return _control(self).processes[-1].pid

    def kill(self) -> None:
        """SIGKILL: the crash a database must survive (here without fsync, so only a process crash)."""
        _control(self).kill()

    def stop(self) -> None:
        """A fast shutdown, as a service manager does it."""
        _control(self).stop()

    def restart(self) -> None:
        """Stops it if it runs and starts it on the same data and socket; returns when it answers."""
        _control(self).stop()
        _control(self).start()


@dataclass(frozen=True)
class ThrowawayRedis(RedisServer):
    """A Valkey of the caller's own, gone at the end of the block. Keeps nothing across a restart."""

    control: _Running | None = None

    @property
    def pid(self) -> int:
        return _control(self).processes[-1].pid

    def kill(self) -> None:
        _control(self).kill()

    def stop(self) -> None:
        _control(self).stop()

    def restart(self) -> None:
        _control(self).stop()
        _control(self).start()


def _control(server: ThrowawayPostgres | ThrowawayRedis) -> _Running:
    assert server.control is not None
    return server.control


@contextmanager
def throwaway_postgres(
    directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
) -> Iterator[ThrowawayPostgres]:
    """A further PostgreSQL cluster, fsync off, with the roles of every other.

    directory: where to put the data (must not exist; for root, beneath a folder that other users can pass
    through), else in memory. settings: server settings over the usual ones. port: also listen on 127.0.0.1.
    Raises `ServiceError`.
    """
    with _named("postgres") as (here, name):
        base = here.folder(here.volatile)
        data = directory.resolve() if directory else base / name
        if data.exists():
            raise ServiceError(f"{data} exists already; name a folder that does not.")
        if directory and here.uid is not None and not reachable(data.parent):
            raise ServiceError(f"{data.parent} is closed to the servers' user; name a folder it can enter.")
        with locked(here.home / "lock"):
            new_data(here, data, {}, durable=False)
        engine = Cluster(
            name,
            data,
            here.socket_folder(name),
            here.logs / f"{name}.log",
            programs(here).postgres,
            here.uid,
            {**THROWAWAY, **(settings or {})},
            port,
        )
        running = _Running(here, engine, [])
        try:
            version = running.start()
            yield ThrowawayPostgres(str(engine.sockets), port or 5432, version, control=running)
        finally:
            _remove(running)


@contextmanager
def throwaway_redis() -> Iterator[ThrowawayRedis]:
    """A further Valkey, empty, on a unix socket of its own. Raises `ServiceError`."""
    with _named("redis") as (here, name):
        data = here.folder(here.folder(here.volatile) / name)
        log = here.logs / f"{name}.log"
        engine = Valkey(name, data, here.socket_folder(name), log, programs(here).valkey, here.uid)
        running = _Running(here, engine, [])
        try:
            version = running.start()
            yield ThrowawayRedis(f"unix://{engine.socket}?db=0", version, control=running)
        finally:
            _remove(running)


@contextmanager
def _named(kind: str) -> Iterator[tuple[Places, str]]:
    yield places(), f"t{os.getpid()}-{next(_numbers)}-{kind}"


def _remove(running: _Running) -> None:
    if running.processes:
        quick = signal.SIGQUIT if isinstance(running.engine, Cluster) else signal.SIGKILL
        running.processes[-1].signal(quick)  # its data is worth nothing: no checkpoint
        if not running.processes[-1].wait(10):
            running.kill()
    (running.here.records / f"{running.engine.name}.json").unlink(missing_ok=True)
    shutil.rmtree(running.engine.data, ignore_errors=True)
    shutil.rmtree(running.engine.sockets, ignore_errors=True)
    running.engine.log.unlink(missing_ok=True)
