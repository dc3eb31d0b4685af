"""One PostgreSQL cluster of ours: its data, its process, its socket."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from grader.services.errors import ServiceError, in_words
from grader.services.process import Process, boot_id, pause, spawn, stop, working_in
from grader.services.server import PostgresServer, RedisServer
from grader.services.settings import as_arguments
from grader.services.wire import Answer, ask_postgres, ask_redis

Progress = Callable[[str], None]
UNIX_PORT = 5432  # only part of the socket's name, unless TCP is asked for
_PATIENCE = 120.0  # seconds a cluster may spend on crash recovery
_STOP = (signal.SIGINT, signal.SIGQUIT)


@dataclass
class Record:
    """What is written down about a process we started, so that another command can find and stop it."""

    name: str
    process: Process
    data: str
    socket: str
    owner: Process | None = None  # a throw-away server ends with the process that wanted it
    boot: str = field(default_factory=boot_id)

    def write(self, folder: Path) -> None:
        path = folder / f"{self.name}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        try:
            data = json.loads(path.read_text())
            owner = Process(**data.pop("owner")) if data["owner"] else data.pop("owner")
            return cls(process=Process(**data.pop("process")), owner=owner, **data)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def await_ready(
    process: Process, probe: Callable[[], Answer], log: Path, name: str, progress: Progress | None = None
) -> Answer:
    """Asks until the server answers. Raises `ServiceError` with the log's last complaint if it ends instead."""
    began, told = time.monotonic(), False
    while (answer := probe()).state != "ready":
        if not process.alive():
            raise ServiceError(f"{name} did not start: {complaint(log)}")
        waited = time.monotonic() - began
        if waited > _PATIENCE:
            raise ServiceError(
                f"{name} did not answer within {_PATIENCE:.0f} s ({answer.problem}); see {log}."
            )
        if waited > 1 and not told and progress:
            recovering = answer.state == "starting"
            progress(f"{name} is {'recovering after a crash' if recovering else 'starting'} ...")
            told = True
        pause(0.002 if waited < 0.5 else 0.02, process.pid)
    return answer


def complaint(log: Path) -> str:
    """The last thing a server complained about, as a sentence with what to do."""
    try:
        lines = log.read_text(errors="replace")[-20_000:].splitlines()
    except OSError:
        lines = []
    if any("No space left on device" in line for line in lines[-20:]):
        return "the disk is full; free some space and try again."
    if any("could not bind" in line and "Address already in use" in line for line in lines[-20:]):
        return "its port is taken by another program; choose another one or stop that program."
    worst = [line for line in lines[-40:] if any(word in line for word in ("FATAL", "PANIC", "# ", "error"))]
    said = (worst or lines or ["it said nothing"])[-1]
    return f"{said.split(':  ')[-1].strip().rstrip('.')}; see {log}."


@dataclass
class Cluster:
    """A PostgreSQL data directory that can be started, killed and started again.

    port: a TCP port on 127.0.0.1, None for the unix socket alone.
    """

    name: str
    data: Path
    sockets: Path
    log: Path
    program: Path
    uid: int | None
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None

    @property
    def socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{self.port or UNIX_PORT}"

    def ask(self) -> Answer:
        return ask_postgres(self.socket)

    def start(self) -> Process:
        """Starts the server and returns at once; `await_ready` follows."""
        for remnant in working_in(self.data):  # backends that outlive a killed server for a moment
            if not remnant.wait(10):
                stop(remnant, [signal.SIGQUIT], patience=5)
        (self.data / "postmaster.pid").unlink(missing_ok=True)  # nobody works in the folder: it is stale
        self.socket.unlink(missing_ok=True)
        # Left by a killed server; PostgreSQL takes it for a live one's while its process is not reaped yet.
        self.socket.with_name(f"{self.socket.name}.lock").unlink(missing_ok=True)
        self.log.write_bytes(self.log.read_bytes()[-100_000:] if self.log.exists() else b"")
        listen = "127.0.0.1" if self.port else ""
        command: list[str | Path] = [
            self.program,
            "-D",
            self.data,
            "-k",
            self.sockets,
            "-h",
            listen,
            "-p",
            str(self.port or UNIX_PORT),
        ]
        with in_words(self.log):
            return spawn(
                [*command, *as_arguments(self.settings)],
                log=self.log,
                uid=self.uid,
                cwd=Path("/"),
                environ={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            )

    def stop(self, process: Process) -> None:
        stop(process, _STOP)

    def server(self, version: str) -> PostgresServer:
        return PostgresServer(str(self.sockets), self.port or UNIX_PORT, version)


@dataclass
class Valkey:
    """A Valkey server of ours. durable: keeps an append-only file, written out every second."""

    name: str
    data: Path
    sockets: Path
    log: Path
    program: Path
    uid: int | None
    durable: bool = False

    @property
    def socket(self) -> Path:
        return self.sockets / "redis.sock"

    def ask(self) -> Answer:
        return ask_redis(self.socket)

    def start(self) -> Process:
        self.socket.unlink(missing_ok=True)
        self.log.write_bytes(b"")
        keep = ["--appendonly", "yes"] if self.durable else ["--appendonly", "no", "--save", ""]
        with in_words(self.log):
            return spawn(
                [
                    self.program,
                    "--port",
                    "0",
                    "--unixsocket",
                    self.socket,
                    "--dir",
                    self.data,
                    *keep,
                    "--databases",
                    "256",
                    "--daemonize",
                    "no",
                    "--loglevel",
                    "warning",
                ],
                log=self.log,
                uid=self.uid,
                cwd=Path("/"),
                environ={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            )

    def stop(self, process: Process) -> None:
        stop(process, [signal.SIGTERM], patience=10)

    def server(self, version: str) -> RedisServer:
        return RedisServer(f"unix://{self.socket}?db=0", version)
