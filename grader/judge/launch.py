"""Where answers run. A launcher opens a place for one answer; a place starts workers and names its servers.

`TrustedLauncher` forks workers from a warm parent as the same user: for a learner judging their own code.
The sandbox (`grader.judge.box`) offers the same interface with namespaces and servers of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from grader import services
from grader.checks.exercise import InfrastructureFault

LIMITS = {"memory": 4 << 30, "cpu": 60, "files": 1024, "file_size": 256 << 20}


class Place(Protocol):
    """The servers one answer may use, and a way to start its workers."""

    @property
    def postgres(self) -> services.PostgresServer: ...

    @property
    def redis_url(self) -> str: ...

    def database(self, template: str) -> str | None:
        """The name of a fresh database made before from that template of the shop, None if there is none left."""
        ...

    @property
    def owned(self) -> bool:
        """Whether the servers are this answer's alone, to be thrown away with the place."""
        ...

    def fork(self) -> tuple[socket.socket, int]:
        """A new process waiting to become a worker: our end of its socket, and its pid."""
        ...

    def kill(self, pid: int) -> None:
        """SIGKILL the worker and what it started. Idempotent."""
        ...

    def scratch(self) -> Path:
        """A new folder visible at the same path inside the place, short enough for unix sockets."""
        ...


class Launcher(Protocol):
    @property
    def name(self) -> str:
        """Recorded in every result: "trusted", "bubblewrap", "landlock"."""
        ...

    def open(self) -> AbstractContextManager[Place]: ...


class Zygote:
    """The judge's handle on a warm parent process."""

    def __init__(self, command: list[str] | None = None) -> None:
        ours, theirs = socket.socketpair()
        command = command or [sys.executable, "-m", "grader.judge.zygote"]
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        self._lock = threading.Lock()
        self._ready = False
        self._said = b""
        self._begun = self._told = 0  # workers asked for, and those whose pid has been told
        self._pids: dict[int, int] = {}  # told and not asked for yet, by the worker's number from 1

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, request: dict[str, Any]) -> tuple[socket.socket, int]:
        """Our end of a new worker's socket, and its pid. Raises InfrastructureFault if the parent is gone."""
        sock, number = self.begin(request)
        try:
            return sock, self.pid(number)
        except InfrastructureFault:
            sock.close()
            raise

    def begin(self, request: dict[str, Any]) -> tuple[socket.socket, int]:
        """As `fork`, without waiting: `pid` tells the worker's pid by the number. Raises InfrastructureFault."""
        ours, theirs = socket.socketpair()
        try:
            with self._lock:
                self._control.settimeout(30)
                while not self._ready:
                    self._ready = self._expect() == "ready"
                socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno()])
                self._begun += 1
                return ours, self._begun
        except OSError as error:
            ours.close()
            raise InfrastructureFault(f"the process that starts workers is gone ({error})") from error
        finally:
            theirs.close()

    def pid(self, number: int) -> int:
        """Raises InfrastructureFault if the parent is gone."""
        try:
            with self._lock:
                while number not in self._pids:
                    self._told += 1
                    self._pids[self._told] = int(self._expect())
                return self._pids.pop(number)
        except (OSError, ValueError) as error:
            raise InfrastructureFault(f"the process that starts workers is gone ({error})") from error

    def _expect(self) -> str:
        """The next line it says."""
        while b"\n" not in self._said:
            chunk = self._control.recv(64)
            if not chunk:
                raise OSError("its socket closed")
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


class TrustedLauncher:
    """Workers of the judge's own user on the judge's own servers. For one's own code only."""

    name = "trusted"

    def __init__(self) -> None:
        self._zygote: Zygote | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def warm(self) -> None:
        """Start the warm parent now, so that the first check does not wait for its imports."""
        self.zygote()

    def zygote(self) -> Zygote:
        with self._lock:
            if self._zygote is None or not self._zygote.alive():
                self._zygote = Zygote()
            return self._zygote

    @contextmanager
    def open(self) -> Iterator[Place]:
        running = services.up()
        place = _TrustedPlace(self, running.judge_postgres, running.judge_redis.url)
        try:
            yield place
        finally:
            place.close()

    def close(self) -> None:
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None


class _TrustedPlace:
    owned = False

    def __init__(self, launcher: TrustedLauncher, postgres: services.PostgresServer, redis_url: str) -> None:
        self._launcher = launcher
        self.postgres = postgres
        self.redis_url = redis_url
        self._pids: list[int] = []
        self._folders: list[Path] = []
        self._spare: tuple[Zygote, socket.socket, int] | None = None

    def database(self, template: str) -> str | None:
        return None

    def fork(self) -> tuple[socket.socket, int]:
        """Where there was one worker before, one more is begun meanwhile: checks that crash workers need many."""
        zygote, sock, number = self._take_spare() or self._begin()
        try:
            pid = zygote.pid(number)
        except InfrastructureFault:
            sock.close()
            raise
        if self._pids:
            self._spare = self._begin()
        self._pids.append(pid)
        return sock, pid

    def _begin(self) -> tuple[Zygote, socket.socket, int]:
        zygote = self._launcher.zygote()
        return (zygote, *zygote.begin({"limits": LIMITS, "directory": str(self.scratch())}))

    def _take_spare(self) -> tuple[Zygote, socket.socket, int] | None:
        spare, self._spare = self._spare, None
        if spare is not None and (not spare[0].alive() or select.select([spare[1]], [], [], 0)[0]):
            spare[1].close()  # it is gone, or its parent is
            return None
        return spare

    def kill(self, pid: int) -> None:
        # The worker leads its own session, so its whole process group goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

    def scratch(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bm-"))
        self._folders.append(folder)
        return folder

    def close(self) -> None:
        if self._spare is not None:
            self._spare[1].close()  # it ends when nobody is there any more
        for pid in self._pids:
            self.kill(pid)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
