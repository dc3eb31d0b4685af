"""Callers that run our own functions in threads of this process: for lessons and instruments, never for answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from grader.instruments.explore.lane import Caller


@dataclass(frozen=True)
class ThreadReply:
    """value, or the exception that left the function. ended: "" like that of a worker's reply."""

    value: Any = None
    error: BaseException | None = None
    ended: str = ""


class ThreadCall:
    """A function under way in its thread; its end makes `fileno()` readable."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._reply: ThreadReply | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._reply = ThreadReply(self._work())
        except Exception as error:
            self._reply = ThreadReply(error=error)
        self._theirs.send(b".")

    def fileno(self) -> int:
        return self._ours.fileno()

    def done(self) -> bool:
        return self._reply is not None

    def result(self, timeout: float = 10.0) -> ThreadReply:
        self._thread.join(timeout)
        self._ours.close()
        self._theirs.close()
        return self._reply or ThreadReply(ended="timeout")


class ThreadWorker:
    """Keeps one connection for all its calls."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def start(self, function: Callable[..., Any], url: str, *args: Any) -> ThreadCall:
        def work() -> Any:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(url)
            return function(self._connection, *args)

        return ThreadCall(work)

    def kill(self) -> None:
        """The explorer has cut the connection already; a thread cannot be killed, its next statement fails."""
        self._connection = None


def thread_caller(function: Callable[..., Any], *args: Any) -> Caller:
    """A caller that runs `function(connection, *args)`."""
    return Caller(ThreadWorker, lambda worker, url: worker.start(function, url, *args))
