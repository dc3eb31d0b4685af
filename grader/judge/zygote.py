"""A warm parent: imports once what answers import, then forks one worker a request.

Started as `python -m grader.judge.zygote FD`. Over the socket FD it receives requests of one JSON line, each
with the worker's own socket attached (SCM_RIGHTS), forks, and answers with the child's pid. It stays
single-threaded, because a fork copies only the calling thread. It and its workers die with the judge: the
judge's end of the socket closes, or the kernel delivers the parent-death signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

WARM = (
    "asyncio", "collections", "contextlib", "datetime", "decimal", "email.utils", "hashlib", "hmac", "http.server", "json",
    "random", "secrets", "threading", "time", "uuid",
    "psycopg", "psycopg.rows", "psycopg.types.json", "sqlalchemy", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg",
    "redis", "redis.asyncio", "redis.backoff", "redis.retry",
    # What these three import only once they are used, which would be in every worker again.
    "httpx", "httpcore", "certifi", "anyio._backends._asyncio",
    "fastapi", "fastapi.responses", "pydantic.v1",
    "uvicorn", "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.auto",
    "pwdlib", "joserfc", "joserfc.jwt", "stamina",
    # What the labs' contexts and the checks' drivers import.
    "grader.instruments.answer_clock", "grader.instruments.broker", "grader.instruments.provider", "grader.instruments.retryable",
    "grader.instruments.serve", "grader.shop.cached", "grader.shop.errors", "grader.judge.worker",
)  # fmt: skip

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent does; elsewhere the closed socket ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(limits: dict[str, Any]) -> None:
    """Resource limits of a worker: {"memory": bytes, "cpu": seconds, "files": n, "file_size": bytes}."""
    names = {
        "memory": resource.RLIMIT_AS,
        "cpu": resource.RLIMIT_CPU,
        "files": resource.RLIMIT_NOFILE,
        "file_size": resource.RLIMIT_FSIZE,
    }
    for name, value in limits.items():
        _, hard = resource.getrlimit(names[name])
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(names[name], (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def become_worker(sock: socket.socket, request: dict[str, Any]) -> None:
    """Never returns: this process is a worker from here on."""
    from grader.judge.codec import Channel
    from grader.judge.worker import WorkerProcess

    os.setsid()
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if directory := request.get("directory"):
        os.chdir(directory)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    limit(request.get("limits", {}))
    try:
        WorkerProcess(Channel(sock)).serve()
    finally:
        os._exit(1)


def become_warm_parent() -> None:
    """Imports what answers will import, and makes this process fit to be forked."""
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, shared pages in every child
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel


def main() -> None:
    die_with_parent()
    become_warm_parent()
    control = socket.socket(fileno=int(sys.argv[1]))
    control.sendall(b"ready\n")
    while True:
        data, fds, _, _ = socket.recv_fds(control, 65536, 1)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            become_worker(socket.socket(fileno=fds[0]), json.loads(data))
        os.close(fds[0])
        control.sendall(f"{pid}\n".encode())


if __name__ == "__main__":
    main()
