"""What starts compartments inside a box: a small starter, and beside it a warm parent.

Started as `python -m grader.judge.box.inside FD`, for the strong box with `--nest`. Each request is one JSON object;
the reply is one JSON object with the new process's pidfd attached (SCM_RIGHTS), so that the judge can kill exactly it
and nothing else, ever. The starter begins servers: a fork of a small process costs a tenth of a large one's. The
warm parent has imported what answers import, and begins workers. Nothing in the memory of either is secret, because
every answer is a copy of it.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from grader.judge.box import compartment, syscalls
from grader.judge.box.compartment import Plan

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "ignore",
}


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    if "--nest" in sys.argv[2:]:
        compartment.own_pid_namespace()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    passed_on, for_warm = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    warm = os.fork()
    if warm == 0:
        passed_on.close()
        _be_warm(control, for_warm)
    for_warm.close()
    _be_starter(control, passed_on, warm)


def _be_starter(control: socket.socket, passed_on: socket.socket, warm: int) -> None:
    """Starts servers, and passes on what is for the warm parent, until the judge is gone."""
    _become_subreaper()
    while True:
        data, fds = _receive(control)
        if not data:
            return
        request = json.loads(data)
        if request["kind"] == "program":
            _start(control, request, fds)
        else:
            if request["kind"] == "sweep":
                _sweep(spared=warm)
            socket.send_fds(passed_on, [data], fds)
        _close(fds)


def _be_warm(control: socket.socket, requests: socket.socket) -> None:
    """Never returns. Starts workers until the starter is gone."""
    from grader.judge.zygote import become_warm_parent

    _become_subreaper()
    become_warm_parent()
    control.send(b'{"ready": true}')
    while True:
        data, fds = _receive(requests)
        if not data:
            os._exit(0)
        request = json.loads(data)
        if request["kind"] == "sweep":
            _sweep()
            control.send(b"{}")
        else:
            _start(control, request, fds)
        _close(fds)


def _receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    data, fds, _, _ = socket.recv_fds(sock, 1 << 20, 2)
    return data, fds


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _become_subreaper() -> None:
    """What a compartment detaches becomes this process's child, so that a sweep finds it."""
    with contextlib.suppress(OSError):
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)


def _start(control: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
    plan = Plan.from_json(request["plan"])
    try:
        child = compartment.fork(plan)
    except OSError as error:
        _refuse(control, error)
        return
    if child == 0:
        _become(control, plan, request, fds)


def _become(control: socket.socket, plan: Plan, request: dict[str, Any], fds: list[int]) -> None:
    """Never returns: this process is a worker or a server from here on."""
    reported = False

    def report() -> None:
        nonlocal reported
        reported = True
        _send_pidfd(control)

    try:
        compartment.enter(plan, report)
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
        with contextlib.suppress(OSError):
            if not reported:
                _refuse(control, error)
            elif request["kind"] == "program":
                os.write(fds[0], f"{type(error).__name__}: {error}".encode())
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


def _refuse(control: socket.socket, error: BaseException) -> None:
    control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())


def _send_pidfd(control: socket.socket) -> None:
    """A descriptor that stands for this very process, whatever its number is elsewhere."""
    pidfd = os.pidfd_open(os.getpid())
    control.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))])
    os.close(pidfd)


def _sweep(spared: int = 0) -> None:
    """Kills every process this one is still an ancestor of, detached ones too (where no PID namespace does)."""
    for _ in range(1000):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not (doomed := [int(child) for child in children if int(child) != spared]):
            return
        for child in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os.sched_yield()


if __name__ == "__main__":
    main()
