"""Detached server processes: started, recognised again by another process, waited for and stopped.

A pid alone names nothing, because pids are used again. A process is recognised by its pid *and* the moment
it was started, so that `grader down` can only ever stop what the grader started.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.services.errors import ServiceError

_LINUX = sys.platform == "linux"
_children: dict[int, subprocess.Popen[bytes]] = {}  # ours, to be reaped; they outlive us by design


@dataclass(frozen=True)
class Process:
    """One process: its pid and when it started (clock ticks since boot and the boot, or a timestamp)."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that now has this pid, None if there is none (a zombie is none)."""
        started = _started(pid)
        return cls(pid, started) if started else None

    def alive(self) -> bool:
        return _started(self.pid) == self.started

    def signal(self, number: int) -> None:
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """True once the process has ended, False if it still runs after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.alive():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            pause(min(left, 1.0), self.pid)
        return True


def boot_id() -> str:
    """Changes at every start of the machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return ""
    if not _LINUX:
        import psutil  # type: ignore[import-untyped]

        try:
            other = psutil.Process(pid)
            return "" if other.status() == psutil.STATUS_ZOMBIE else f"{other.create_time():.2f}"
        except psutil.Error:
            return ""
    try:
        # The command may hold spaces and brackets: the fields start behind the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{fields[19]}@{boot_id()}"


def pause(seconds: float, pid: int) -> None:
    """Waits at most `seconds`, and not a moment longer than process `pid` lives."""
    if not hasattr(os, "pidfd_open"):
        select.select([], [], [], min(seconds, 0.01))
        return
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        poller.poll(max(1, int(seconds * 1000)))
    finally:
        os.close(handle)


def spawn(
    command: Sequence[str | Path], *, log: Path, uid: int | None, cwd: Path, environ: Mapping[str, str]
) -> Process:
    """Starts a process that survives us, writing to `log`, as user `uid` (None: as ourselves)."""
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd,
                env=dict(environ),
                start_new_session=True,
                umask=0o077,
                **as_user(uid),
            )
        except PermissionError as error:
            if uid is None:
                raise
            raise ServiceError(
                f"{command[0]} cannot be started as user {uid}, and PostgreSQL does not run as root; "
                "run as an ordinary user."
            ) from error
    _children[child.pid] = child
    return Process(child.pid, _started(child.pid))


def as_user(uid: int | None) -> dict[str, Any]:
    """Keyword arguments of `subprocess` that run a command as `uid`, with no group of ours."""
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


def stop(process: Process, signals: Sequence[int], *, patience: float = 30.0) -> None:
    """Sends each signal in turn, waiting up to `patience` seconds after each, SIGKILL last."""
    for number in (*signals, signal.SIGKILL):
        process.signal(number)
        if process.wait(patience):
            return


def working_in(folder: Path) -> list[Process]:
    """Processes whose working folder is `folder`: the server that owns a data directory, and its children."""
    found: list[Process] = []
    if not _LINUX:
        return found
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            here = os.readlink(f"/proc/{entry.name}/cwd")
        except OSError:
            continue
        if here == str(folder) and (process := Process.of(int(entry.name))):
            found.append(process)
    return found
