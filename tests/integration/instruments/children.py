"""Child processes that can be killed like a learner's worker.

In a module of its own: a child imports it by name, and there are several called conftest.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["psycopg", "redis", "httpx", "grader.instruments.provider"])


def _serve(connection: Any) -> None:
    """Answers calls one at a time; what goes wrong is told, not raised."""
    while True:
        try:
            call, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("ok", call(*arguments)))
        except Exception as error:
            connection.send(("error", f"{type(error).__name__}: {error}"))


class UnderWay:
    """A call that was started; what the explorer expects of one."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def done(self) -> bool:
        return self._connection.poll()

    def result(self, timeout: float = 10.0) -> tuple[str, Any]:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return "died", None


class Child:
    """One process. `call` returns ("ok", value), ("error", text) or ("died", None)."""

    def __init__(self) -> None:
        self._here, there = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        self.alive = True
        there.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
        try:
            self._here.send((function, arguments))
            return self._here.recv()
        except (EOFError, OSError):
            self.alive = False
            return "died", None

    def start(self, function: Callable[..., Any], *arguments: Any) -> UnderWay:
        self._here.send((function, arguments))
        return UnderWay(self._here)

    def kill(self) -> None:
        self.alive = False
        self._process.kill()
        self._process.join()


class Crew:
    """The current child of each caller, made on demand and after a death."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}

    def __call__(self, caller: str = "app") -> Child:
        if caller not in self._children or not self._children[caller].alive:
            self._children[caller] = Child()
        return self._children[caller]

    def kill(self, caller: str = "app") -> None:
        self._children[caller].kill()

    def close(self) -> None:
        for child in self._children.values():
            child.kill()
