"""A lockstep runner on direct connections: the reference the explorer is measured and checked against.

Each process runs its function on its own connection and asks at a gate before each statement. The runner
says who goes next, and learns from `pg_blocking_pids` whether the one it let go waits. No proxy, no
generality: the functions must call `gate` themselves, one connection each, and retry nothing.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

AT_GATE, ENDED = b"g", b"e"


class GatedProcess:
    def __init__(self, url: str, function: Callable[..., Any], args: Sequence[Any]) -> None:
        self.socket, other = socket.socketpair()
        self.process = os.fork()
        if self.process == 0:
            self.socket.close()
            _serve(other, url, function, args)
        other.close()
        self.backend = int.from_bytes(self.socket.recv(4), "big")
        self.state = "idle"
        self.said: Any = None  # what the function returned

    def hear(self) -> None:
        """Takes the next word of the process: it stands at a gate, or has ended."""
        if self.socket.recv(1) == AT_GATE:
            self.state = "gate"
            return
        size = int.from_bytes(self.socket.recv(4, socket.MSG_WAITALL), "big")
        self.said = json.loads(self.socket.recv(size, socket.MSG_WAITALL))
        self.state = "idle"

    def kill(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.socket.close()


def _serve(channel: socket.socket, url: str, function: Callable[..., Any], args: Sequence[Any]) -> None:
    def gate() -> None:
        channel.sendall(AT_GATE)
        if not channel.recv(1):
            os._exit(0)

    try:
        connection = psycopg.connect(url)
        channel.sendall(connection.info.backend_pid.to_bytes(4, "big"))
        while channel.recv(1):
            try:
                said = function(connection, *args, gate=gate)
            except Exception:
                said = None
                connection.rollback()
            text = json.dumps(said).encode()
            channel.sendall(ENDED + len(text).to_bytes(4, "big") + text)
    finally:
        os._exit(0)


class Lockstep:
    """pause: seconds by which a process must have waited before another may move. Longer than the server's
    deadlock_timeout, it makes whoever closes a circle of waits the one that is refused."""

    def __init__(self, url: str, admin_url: str, *, pause: float = 0.0) -> None:
        self.url = url
        self.pause = pause
        self.observer = psycopg.connect(admin_url, autocommit=True)
        self.observer.prepare_threshold = 1

    def cast(self, function: Callable[..., Any], args: Sequence[Sequence[Any]]) -> list[GatedProcess]:
        return [GatedProcess(self.url, function, a) for a in args]

    def dismiss(self, actors: Sequence[GatedProcess]) -> None:
        for actor in actors:
            actor.kill()

    def play(self, actors: Sequence[GatedProcess], order: Sequence[int]) -> list[int]:
        """Plays one schedule; where `order` ends or names somebody who cannot go, the first who can goes.

        Returns who really went, in order.
        """
        return self.follow(actors, order)[0]

    def follow(
        self, actors: Sequence[GatedProcess], order: Sequence[int]
    ) -> tuple[list[int], list[list[int]]]:
        """Like `play`; also returns who could have gone at each point."""
        for actor in actors:
            actor.socket.sendall(b"!")
            actor.state = "runs"
        went: list[int] = []
        could: list[list[int]] = []
        wanted = list(order)
        while True:
            self._settle(actors)
            ready = [i for i, a in enumerate(actors) if a.state == "gate"]
            if not ready:
                if all(a.state == "idle" for a in actors):
                    return went, could
                continue
            if self.pause and any(a.state == "waits" for a in actors):
                select.select([], [], [], self.pause)
            following = wanted.pop(0) if wanted else ready[0]
            chosen = following if following in ready else ready[0]
            went.append(chosen)
            could.append(ready)
            actors[chosen].state = "runs"
            actors[chosen].socket.sendall(b"!")

    def _settle(self, actors: Sequence[GatedProcess]) -> None:
        """Until everybody is at a gate, has ended, or waits in the server for one of the others."""
        look = 0.0004
        pids = {a.backend for a in actors}
        while True:
            busy = [a for a in actors if a.state in ("runs", "waits")]
            if not busy:
                return
            fresh = any(a.state == "runs" for a in busy)
            arrived = select.select([a.socket for a in busy], [], [], look if fresh else 0)[0]
            for actor in busy:
                if actor.socket in arrived:
                    actor.hear()
            if arrived:
                continue
            look = min(look * 2, 0.01)
            rows = self.observer.execute(
                "select p, pg_blocking_pids(p) from unnest(%s::int[]) p", [[a.backend for a in busy]]
            ).fetchall()
            held = {p for p, by in rows if set(by) & pids}
            for actor in busy:
                actor.state = "waits" if actor.backend in held else "runs"
            circle = len(held) == len(actors) > 1
            if (
                len(held) == len(busy)
                and not circle
                and not select.select([a.socket for a in busy], [], [], 0)[0]
            ):
                return

    def __enter__(self) -> Lockstep:
        return self

    def __exit__(self, *_: object) -> None:
        self.observer.close()
