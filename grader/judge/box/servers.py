"""A Postgres and a Valkey of one answer's own, each in a compartment, seen from the judge's side."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from grader.checks.exercise import InfrastructureFault
from grader.judge.box import disk, wall
from grader.judge.box.compartment import Plan
from grader.judge.box.slot import Running, Slot
from grader.judge.box.template import Template
from grader.services.server import PostgresServer, RedisServer
from grader.services.settings import THROWAWAY, as_arguments

DISK = 768 << 20  # bytes of data a boxed server may hold; it is memory
_LIMITS = (("memory", 4 << 30), ("processes", 400), ("files", 4096), ("file_size", 512 << 20))
_SETTINGS = {
    **THROWAWAY,
    "log_min_messages": "fatal",
    "max_connections": "100",
    "temp_file_limit": "256MB",
    "max_wal_size": "128MB",
    "listen_addresses": "",
    # What follows makes a start cheap: most of its time goes into clearing shared memory and into processes.
    "io_method": "sync",
    "io_max_concurrency": "8",
    "wal_buffers": "256kB",
    "max_logical_replication_workers": "0",
    "pg_stat_statements.max": "200",
    "pg_stat_statements.save": "off",
    "max_pred_locks_per_transaction": "16",
    "max_pred_locks_per_relation": "32",  # what the default above would have made it: when locks are coarsened
}
_PATIENCE = 20.0  # seconds; a safety net
# What an answer may not do to a Redis server even if it is its own: the rest is undone by replacing it.
_WITHHELD = (
    "-shutdown -debug -replicaof -slaveof -module -acl -failover -cluster -migrate -bgsave -save -bgrewriteaof "
    "-psync -sync -client|pause -client|kill"
)


@dataclass
class Boxed:
    """A server process in a compartment and the folder of its socket."""

    running: Running
    sockets: Path
    log: Path
    ready: bool = False

    def close(self) -> None:
        self.running.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        self.log.unlink(missing_ok=True)

    def await_ready(self, ask: Callable[[], bool], name: str) -> None:
        """Asks every few milliseconds until the server answers. Raises InfrastructureFault if it ends first."""
        if self.ready:
            return
        deadline = time.monotonic() + _PATIENCE
        while not ask():
            if self.running.wait(0.003) or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace").strip().splitlines()[-1:]
                raise InfrastructureFault(
                    f"the boxed {name} did not start: {said[0] if said else 'it said nothing'}"
                )
        self.ready = True


@dataclass
class BoxedPostgres:
    boxed: Boxed
    server: PostgresServer

    def await_ready(self) -> None:
        self.boxed.await_ready(self._answers, "Postgres")

    def _answers(self) -> bool:
        if not (self.boxed.sockets / ".s.PGSQL.5432").exists():
            return False
        try:
            psycopg.connect(self.server.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass
class BoxedRedis:
    boxed: Boxed
    server: RedisServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = RedisServer(f"unix://{self.boxed.sockets}/redis?db=0")

    def await_ready(self) -> None:
        self.boxed.await_ready(self._answers, "Valkey")

    def _answers(self) -> bool:
        import socket

        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(f"{self.boxed.sockets}/redis")
            sock.sendall(b"PING\r\n")
            return sock.recv(16).startswith(b"+PONG")
        return False


def start_postgres(slot: Slot, template: Template) -> BoxedPostgres:
    """Begins starting a fresh Postgres; `await_ready` when it is needed."""
    sockets = slot.new_folder("p")
    data = _data_folder(slot)
    plan = _plan(slot, sockets, (template.data, data))
    command = [str(wall.server_programs().postgres), "-D", f"{data}/data", "-k", str(sockets)]
    boxed = _start(slot, plan, [*command, *as_arguments(_SETTINGS)], sockets, {"LC_ALL": "C", "TZ": "UTC"})
    if slot.level != "bubblewrap":
        disk.watch(boxed.running.pidfd, Path(data), template.size + DISK)
    users = {
        "admin": ("postgres", template.passwords["admin"]),
        "judge": ("judge", template.passwords["judge"]),
        "learner": ("learner", ""),
    }
    return BoxedPostgres(boxed, PostgresServer(str(sockets), 5432, template.version, users))


def start_redis(slot: Slot) -> BoxedRedis:
    """Begins starting an empty Valkey; `await_ready` when it is needed."""
    sockets = slot.new_folder("r")
    data = _data_folder(slot)
    command = [str(wall.server_programs().valkey), "--port", "0", "--unixsocket", f"{sockets}/redis"]
    command += ["--unixsocketperm", "777", "--dir", data, "--save", "", "--appendonly", "no"]
    command += [
        "--databases",
        "16",
        "--loglevel",
        "warning",
        "--maxmemory",
        "256mb",
        "--busy-reply-threshold",
        "1000",
    ]
    command += ["--user", "default", "on", "nopass", "~*", "&*", "+@all", *_WITHHELD.split()]
    plan = _plan(slot, sockets, None, tmpfs=data)
    return BoxedRedis(_start(slot, plan, command, sockets, {"LC_ALL": "C", "TZ": "UTC"}))


def _data_folder(slot: Slot) -> str:
    return wall.DATA if slot.level == "bubblewrap" else str(slot.new_folder("d"))


def _plan(slot: Slot, sockets: Path, data: tuple[Path, str] | None, tmpfs: str = "") -> Plan:
    if slot.level == "bubblewrap":
        return Plan(
            "namespaces",
            readonly=(str(slot.inside), *wall.code_below("/tmp", "/dev/shm")),
            writable=(str(sockets),),
            hidden=(wall.TEMPLATE,) if data is None else (),
            tmpfs=(("/tmp", 16 << 20), ("/dev/shm", 64 << 20), *(((tmpfs, 64 << 20),) if tmpfs else ())),
            data=(wall.TEMPLATE, data[1], DISK) if data else None,
            limits=_LIMITS,
        )
    own = ("/dev/null", str(sockets), data[1] if data else tmpfs)
    copied = (str(data[0]), f"{data[1]}/data", DISK) if data else None
    return Plan("landlock", readable=wall.weak_readable(), writable=own, data=copied, limits=_LIMITS)


def _start(slot: Slot, plan: Plan, command: list[str], sockets: Path, environ: dict[str, str]) -> Boxed:
    log = slot.folder / f"{sockets.name}.log"
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        request = {"kind": "program", "command": command, "environ": environ, "directory": "/"}
        return Boxed(slot.start(request, plan, [fd]), sockets, log)
    finally:
        os.close(fd)
