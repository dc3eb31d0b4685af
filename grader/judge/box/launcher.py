"""The boxed launcher: the same interface as the trusted one, behind a wall.

with BoxLauncher() as launcher:
    judge_answer("04-transactions", "transfer", source, launcher=launcher)     # servers of its own
    with launcher.submission():                                                # or: of a whole submission
        ...
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from grader.checks.exercise import InfrastructureFault
from grader.judge.box import disk, wall
from grader.judge.box.compartment import Plan
from grader.judge.box.servers import BoxedRedis, start_postgres, start_redis
from grader.judge.box.slot import Running, Slot
from grader.judge.box.template import TRACES, Template, ensure_template, take_ready
from grader.judge.launch import LIMITS
from grader.services.server import PostgresServer

_WORKER_LIMITS = {**LIMITS, "processes": 192, "file_size": 64 << 20}
_WORKER_TMP = 96 << 20  # bytes an answer may write to its /tmp


class BoxLauncher:
    """Boxes for one judging process. level: "bubblewrap", "landlock", or None for the best this machine gives."""

    def __init__(self, level: str | None = None, template: Template | None = None) -> None:
        if level == "bubblewrap" and (problem := wall.bubblewrap_problem()):
            raise wall.BoxUnavailable(problem)
        self.name = level or wall.choose_level()
        self._template = template or ensure_template()
        self._slot: Slot | None = None
        self._servers: Servers | None = None
        self._kept = False
        self._wants_redis = False  # an earlier answer used Valkey, so the next probably will

    def __enter__(self) -> BoxLauncher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def slot(self) -> Slot:
        """The box, started if there is none or the last one ended."""
        if self._slot is not None and not self._slot.alive():
            self._discard()
            self._slot.close()
            self._slot = None
        if self._slot is None:
            self._slot = Slot(self.name, self._template.folder)
        return self._slot

    def servers(self) -> Servers:
        """This answer's or submission's servers, started if there are none."""
        if self._servers is None:
            self._servers = Servers(self.slot(), self._template, self._wants_redis)
        return self._servers

    @contextmanager
    def submission(self) -> Iterator[None]:
        """Answers judged in this block share their servers, as long as none of them left a trace."""
        self._discard()
        self._kept = True
        try:
            yield
        finally:
            self._kept = False
            self._discard()

    @contextmanager
    def open(self) -> Iterator[BoxedPlace]:
        place = BoxedPlace(self.slot(), self.servers(), self._template.data)
        clean = False
        # What the judge puts into the box's folders (sockets of its instruments) is for another uid to use;
        # the folder around them lets nobody else in.
        mask = os.umask(0) if os.getuid() == 0 else None
        try:
            yield place
            clean = True
        finally:
            if mask is not None:
                os.umask(mask)
            place.close()
            if not (clean and self._kept and self._reusable()):
                self._discard()

    def _reusable(self) -> bool:
        if self.name != "bubblewrap":  # what an answer detached can be ended only together with the servers
            self.slot().sweep()
            return False
        return self._servers is not None and self._servers.reusable()

    def close(self) -> None:
        self._discard()
        if self._slot is not None:
            self._slot.close()
            self._slot = None

    def end(self) -> None:
        """From another thread: kills the box under whatever runs in it, which then sees its servers gone."""
        if self._slot is not None:
            self._slot.kill()

    def _discard(self) -> None:
        servers, self._servers = self._servers, None
        if servers is not None:
            self._wants_redis |= servers.redis_used
            servers.close()
        if self._slot is not None:
            self._slot.sweep()


class Servers:
    """The servers of one answer or submission. Valkey starts beside Postgres if expected, else when asked for."""

    def __init__(self, slot: Slot, template: Template, redis: bool = False) -> None:
        self._slot = slot
        self._template = template
        # A box that copies its data directory has left them out.
        self._ready = {k: list(v) for k, v in template.ready.items()} if slot.level == "bubblewrap" else {}
        self._admin: psycopg.Connection[Any] | None = None
        self._postgres = start_postgres(slot, template)
        self._redis: BoxedRedis | None = start_redis(slot) if redis else None
        self.redis_used = False

    def postgres(self) -> PostgresServer:
        self._postgres.await_ready()
        return self._postgres.server

    def database(self, template: str) -> str | None:
        """The name of a fresh database of that kind if one is left of those made before. Raises psycopg.Error."""
        if not self._ready.get(template):
            return None
        name = self._ready[template].pop()
        take_ready(self._as_admin(), name)
        return name

    def _as_admin(self) -> psycopg.Connection[Any]:
        """The judge's own connection for what only an administrator may do; one for all answers of a submission."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.postgres().url(), connect_timeout=5, autocommit=True)
        return self._admin

    def redis_url(self) -> str:
        self.redis_used = True
        if self._redis is None:
            self._redis = start_redis(self._slot)
        self._redis.await_ready()
        return self._redis.server.url

    def reusable(self) -> bool:
        """Whether the next answer would find the servers as the last one did. A used Valkey is replaced."""
        if self._redis is not None and self.redis_used:
            self._redis.boxed.close()
            self._redis = None
        if not self._postgres.boxed.ready:
            return True
        try:
            admin = self._as_admin()
            admin.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid, 2000) FROM pg_catalog.pg_stat_activity "
                "WHERE usename = 'learner'"
            )
            return admin.execute(TRACES).fetchone() == (self._template.traces,)
        except psycopg.Error:
            return False

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()
        self._postgres.boxed.close()
        if self._redis is not None:
            self._redis.boxed.close()


class BoxedPlace:
    """Implements `launch.Place` for one answer: each worker in a compartment of its own."""

    owned = True

    def __init__(self, slot: Slot, servers: Servers, template: Path) -> None:
        self._slot = slot
        self._servers = servers
        self.template = template
        self._workers: dict[int, Running] = {}
        self._folders: list[Path] = []

    @property
    def postgres(self) -> PostgresServer:
        return self._servers.postgres()

    @property
    def redis_url(self) -> str:
        return self._servers.redis_url()

    def database(self, template: str) -> str | None:
        return self._servers.database(template)

    def fork(self) -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair()
        try:
            plan = self._plan()
            own = plan.writable[0] if plan.writable else "/tmp"
            request = {"kind": "worker", "directory": own, "environ": {"HOME": own, "TMPDIR": own}}
            running = self._slot.start(request, plan, [theirs.fileno()])
        except InfrastructureFault:
            ours.close()
            raise
        finally:
            theirs.close()
        self._workers[running.pid] = running
        if self._slot.level != "bubblewrap":
            disk.watch(running.pidfd, Path(own), _WORKER_TMP)
        return ours, running.pid

    def _plan(self) -> Plan:
        limits = tuple(_WORKER_LIMITS.items())
        if self._slot.level == "bubblewrap":
            return Plan(
                "namespaces",
                hidden=(wall.TEMPLATE,),
                readonly=(str(self._slot.inside), *wall.code_below("/tmp", "/dev/shm")),
                tmpfs=(("/tmp", _WORKER_TMP), ("/dev/shm", 16 << 20)),
                limits=limits,
            )
        folder = self._slot.new_folder("w")
        self._folders.append(folder)
        readable = (*wall.weak_readable(), str(self._slot.inside))
        return Plan("landlock", readable=readable, writable=(str(folder), "/dev/null"), limits=limits)

    def kill(self, pid: int) -> None:
        if (running := self._workers.get(pid)) is not None:
            running.kill()

    def scratch(self) -> Path:
        folder = self._slot.scratch()
        self._folders.append(folder)
        return folder

    def close(self) -> None:
        for running in self._workers.values():
            with contextlib.suppress(OSError):
                running.close()
        self._workers.clear()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
