"""Forked processes that run plain Python functions for the explorer's tests, as workers run answers."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from grader.instruments.explore import Caller


@dataclass
class Said:
    """What a call gave: like `grader.checks.running.Reply`, as far as the explorer looks."""

    value: Any = None
    error: str | None = None
    ended: str = ""


class Actor:
    """One process; `function(connection, *args)` runs in it, on one connection kept for its life."""

    def __init__(self, function: Callable[..., Any], *, raw: bool = False) -> None:
        self.socket, other = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            _serve(other, function, raw)
        other.close()

    def start(self, *args: Any) -> Acting:
        self.socket.sendall(json.dumps(args).encode() + b"\n")
        return Acting(self)

    def kill(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
            self.socket.close()


def _serve(channel: socket.socket, function: Callable[..., Any], raw: bool) -> None:
    connection: Any = None
    try:
        with channel.makefile("rwb") as stream:
            while line := stream.readline():
                url, *args = json.loads(line)
                try:
                    if not raw and connection is None:
                        connection = psycopg.connect(url)
                    value = function(url if raw else connection, *args)
                    said = {"value": value}
                except Exception as error:
                    said = {"error": getattr(error, "sqlstate", None) or type(error).__name__}
                stream.write(json.dumps(said, default=str).encode() + b"\n")
                stream.flush()
    finally:
        os._exit(0)


class Acting:
    """A call under way."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.said: Said | None = None
        self._data = b""

    def fileno(self) -> int:
        return self.actor.socket.fileno()

    def done(self) -> bool:
        while self.said is None and select.select([self.actor.socket], [], [], 0)[0]:
            data = self.actor.socket.recv(1 << 16)
            self._data += data
            if not data:
                self.said = Said(ended="died")
            elif data.endswith(b"\n"):
                self.said = Said(**json.loads(self._data))
        return self.said is not None

    def result(self, timeout: float = 10.0) -> Said:
        while not self.done():
            select.select([self.actor.socket], [], [], timeout)
        assert self.said is not None
        return self.said


def caller(function: Callable[..., Any], *args: Any, raw: bool = False) -> Caller:
    """A caller that runs `function(connection, *args)`, or `function(url, *args)` if `raw`."""
    return Caller(lambda: Actor(function, raw=raw), lambda actor, url: actor.start(url, *args))
