"""The warm parent inside a box: imports once what answers import, then starts compartments on request.

Started as `python -m grader.judge.box.inside FD`. Each request is one JSON object; the reply is one JSON object
with the new process's pidfd attached (SCM_RIGHTS), so that the judge can kill exactly it and nothing else, ever.
Nothing in this process's memory is secret, because every answer is a copy of it.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from grader.judge.box import syscalls
from grader.judge.box.compartment import Plan, enter
from grader.judge.zygote import become_warm_parent

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "ignore",
}


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(OSError):
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    become_warm_parent()
    control.send(b'{"ready": true}')
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not data:
            return
        request = json.loads(data)
        if request["kind"] == "sweep":
            _sweep()
            control.send(b"{}")
        elif os.fork() == 0:
            _become(control, request, fds)
        for fd in fds:
            os.close(fd)


def _become(control: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
    """Never returns: this process is a worker or a server from here on."""
    reported = False

    def report(pid: int) -> None:
        nonlocal reported
        reported = True
        _send_pidfd(control, pid)

    try:
        enter(Plan.from_json(request["plan"]), report)
        control.close()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update({**ENVIRONMENT, **request.get("environ", {})})
        os.chdir(request["directory"])
        if request["kind"] == "worker":
            _serve(fds[0])
        _run(request["command"], fds[0])
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):
            if not reported:
                control.send(json.dumps({"error": said}).encode())
            elif request["kind"] == "program":
                os.write(fds[0], said.encode())
    finally:
        os._exit(1)


def _serve(fd: int) -> None:
    from grader.judge.codec import Channel
    from grader.judge.worker import WorkerProcess

    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    WorkerProcess(Channel(socket.socket(fileno=fd))).serve()


def _run(command: list[str], log: int) -> None:
    """Executes a server; its messages go to `log`."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 256)
    os.execv(command[0], command)


def _send_pidfd(control: socket.socket, pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    control.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))])
    os.close(pidfd)


def _sweep() -> None:
    """Kills every process this one is still an ancestor of, detached ones too (where no PID namespace does)."""
    for _ in range(1000):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        ctypes.CDLL(None).sched_yield()


if __name__ == "__main__":
    main()
