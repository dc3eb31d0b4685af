"""The judge's handle on one box: a warm parent behind a wall, and the compartments started in it."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.checks.exercise import InfrastructureFault
from grader.judge.box import cgroups, wall
from grader.judge.box.compartment import Plan

MEMORY = 4 << 30  # bytes a whole box may use, where control groups work
PROCESSES = 1024
_PATIENCE = 30.0  # seconds; a safety net, starting a compartment takes milliseconds
_PREFIX = "bm-box-"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Running:
    """One compartment's first process. Killing it kills everything in its PID namespace."""

    pid: int
    pidfd: int

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def alive(self) -> bool:
        return not select.select([self.pidfd], [], [], 0)[0]

    def wait(self, seconds: float = 10.0) -> bool:
        return bool(select.select([self.pidfd], [], [], seconds)[0])

    def close(self) -> None:
        """Kills it, waits for its end and forgets it."""
        self.kill()
        self.wait()
        os.close(self.pidfd)


class Slot:
    """One box. Not shared by threads that use it at the same time for different answers."""

    def __init__(self, level: str, template: Path) -> None:
        self.level = level
        self.folder, self._lock_file = _new_folder(level)
        self.inside = self.folder / "b"  # all of it that the box sees
        self.inside.mkdir(mode=0o755)
        self.cgroup = cgroups.Cgroup(self.folder.name, memory=MEMORY, processes=PROCESSES)
        (self.folder / ".cgroups").write_text("\n".join(map(str, self.cgroup.folders)))
        self._lock = threading.Lock()
        self._ready = False
        self._shared = self.new_folder("s", private=True)
        self._start(template)

    def _start(self, template: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            if self.level == "bubblewrap":
                command, options = wall.strong_command(theirs.fileno(), self.inside, template)
            else:
                command, options = wall.weak_command(theirs.fileno())
            with open(self.folder / ".log", "wb") as log:
                self._process = subprocess.Popen(
                    self.cgroup.wrap(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **options,
                )
            wall.close_all(fd for fd in options["pass_fds"] if fd != theirs.fileno())
        finally:
            theirs.close()
        self._control = ours

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def new_folder(self, name: str, *, private: bool = False) -> Path:
        """A folder at the same path inside and outside; the box's user owns it unless it is `private`."""
        folder = self.inside / f"{name}{next(_numbers)}"
        folder.mkdir(mode=0o755)
        if os.getuid() == 0 and not private:
            os.chown(folder, wall.BOX_UID, wall.BOX_UID)
        return folder

    def scratch(self) -> Path:
        """A new folder the judge writes and answers may only read (and connect to sockets in)."""
        folder = self._shared / str(next(_numbers))
        folder.mkdir(mode=0o755)
        return folder

    def start(self, request: dict[str, Any], plan: Plan, fds: Sequence[int]) -> Running:
        """Starts a compartment. Raises InfrastructureFault if the box is gone or refuses."""
        message = json.dumps({**request, "plan": plan.to_json()}).encode()
        try:
            with self._lock:
                self._await_ready()
                socket.send_fds(self._control, [message], list(fds))
                reply, received, _, _ = socket.recv_fds(self._control, 65536, 1)
        except OSError as error:
            raise InfrastructureFault(f"the box does not answer: {error}") from error
        if not reply:
            raise InfrastructureFault("the box ended")
        if refusal := json.loads(reply).get("error"):
            raise InfrastructureFault(f"a compartment could not be made: {refusal}")
        return Running(_pid_of(received[0]), received[0])

    def sweep(self) -> None:
        """Without PID namespaces: kill what an answer detached. All compartments of the box end."""
        if self.level == "bubblewrap" or not self._ready:
            return
        with self._lock, contextlib.suppress(OSError):
            self._await_ready()
            self._control.send(b'{"kind": "sweep"}')
            self._control.recv(16)

    def close(self) -> None:
        with contextlib.suppress(InfrastructureFault):  # one that never started has nothing to sweep
            self.sweep()
        self.kill()
        self._process.wait()
        self._await_end()
        self._control.close()
        self.cgroup.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock_file)

    def kill(self) -> None:
        """SIGKILL for everything in the box."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _await_end(self) -> None:
        """Until the warm parent, the last to hold the other end of the socket, is gone."""
        self._control.settimeout(10)
        with contextlib.suppress(OSError):
            while self._control.recv(64):
                pass

    def _await_ready(self) -> None:
        if self._ready:
            return
        self._control.settimeout(_PATIENCE)
        if not self._control.recv(64):
            said = (self.folder / ".log").read_text(errors="replace").strip().splitlines()[-1:]
            raise InfrastructureFault(f"the box did not start: {said[0] if said else 'it said nothing'}")
        self._ready = True


def sweep_leftovers() -> list[Path]:
    """Removes folders and control groups of boxes whose run was killed; returns what was removed."""
    removed = []
    for folder in _parent().glob(f"{_PREFIX}*"):
        lock = folder / ".lock"
        try:
            fd = os.open(lock, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            continue
        with contextlib.suppress(OSError):
            for line in (folder / ".cgroups").read_text().splitlines():
                cgroups.remove(Path(line))
        shutil.rmtree(folder, ignore_errors=True)
        os.close(fd)
        removed.append(folder)
    return removed


def _parent() -> Path:
    return Path("/tmp")  # socket paths are limited to 107 bytes, so no longer TMPDIR


def _new_folder(level: str) -> tuple[Path, int]:
    """A new folder only we may enter, and a lock on it that ends when we do."""
    folder = _parent() / f"{_PREFIX}{os.getpid()}-{next(_numbers)}-{os.urandom(4).hex()}"
    making = folder.with_name(f".{folder.name}")  # swept only once it is locked and has its name
    making.mkdir(mode=0o700 if level == "bubblewrap" else 0o711)
    fd = os.open(making / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    making.rename(folder)
    return folder, fd


def _pid_of(pidfd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return -1
