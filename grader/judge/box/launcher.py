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

from grader.checks.exercise import InfrastructureFault
from grader.judge.box import disk, wall
from grader.judge.box.answer_servers import AnswerServers
from grader.judge.box.compartment import Plan
from grader.judge.box.slot import Running, Slot
from grader.judge.box.template import Template, ensure_template
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
        self._servers: AnswerServers | None = None
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

    def servers(self) -> AnswerServers:
        """This answer's or submission's servers, started if there are none."""
        if self._servers is None:
            self._servers = AnswerServers(self.slot(), self._template, self._wants_redis)
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


class BoxedPlace:
    """Implements `launch.Place` for one answer: each worker in a compartment of its own."""

    owned = True

    def __init__(self, slot: Slot, servers: AnswerServers, template: Path) -> None:
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
