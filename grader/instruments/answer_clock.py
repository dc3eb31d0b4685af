"""The clock as an answer sees it, in the answer's own process; the judge's end is `grader.instruments.clock`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from grader.instruments.clock import EPOCH, START, VirtualClock
from grader.instruments.clock_door import NUMBER, face_of

_STOPPED = "the clock has stopped: the check is over"


class AnswerClock:
    """The clock as the answer sees it. `ask(name, *args)` reaches the judge."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def now(self) -> datetime:
        """The moment, an aware datetime in UTC."""
        return EPOCH + timedelta(microseconds=int(self._ask("read")))

    def time(self) -> float:
        """Seconds since 1970, like time.time()."""
        return int(self._ask("read")) / 1e6

    def monotonic(self) -> float:
        """Seconds since some fixed moment, like time.monotonic()."""
        return (int(self._ask("read")) - int(self._ask("start"))) / 1e6

    def sleep(self, seconds: float) -> None:
        """Sleeps on the virtual clock, like time.sleep()."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._ask("sleep", float(seconds))

    async def asleep(self, seconds: float) -> None:
        """Sleeps on the virtual clock, like asyncio.sleep()."""
        if isinstance(self._ask, _Line):
            await self._ask.later("sleep", float(seconds))  # fifty may sleep at once: no thread each
        else:
            await asyncio.to_thread(self.sleep, seconds)


def local_clock(start: datetime | str = START) -> AnswerClock:
    """A clock of one's own, no judge needed: for lessons and notebooks."""
    handlers = VirtualClock(start)._handlers()
    return AnswerClock(lambda name, *args: handlers[name](*args))


def connect(path: str) -> AnswerClock:
    """The worker's end of `VirtualClock.serve`. One connection a thread, so held sleeps do not block others."""
    return AnswerClock(_Line(path))


def for_answer(url: str, ask: Callable[..., Any]) -> AnswerClock:
    """The clock of a `Resource("clock", url)`: url is a socket path, an ISO moment, or a callback's name."""
    if url.startswith("/"):
        return connect(url)
    if url[:1].isdigit():
        return local_clock(url)
    return AnswerClock(lambda name, *args: ask(f"{url}.{name}", args, {}))


class _Line:
    """Looks at the face for the time, asks over the socket for all else; reconnects after a fork and in every thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._face = open(face_of(path), "rb", buffering=0)  # noqa: SIM115 - for as long as there is somebody to ask
        self._mine = threading.local()

    def __call__(self, name: str, *args: Any) -> Any:
        if name in ("start", "read"):
            shown = os.pread(self._face.fileno(), NUMBER, 0 if name == "start" else NUMBER)
            if not shown:
                raise RuntimeError(_STOPPED)
            return int.from_bytes(shown, "little", signed=True)
        if getattr(self._mine, "pid", None) != os.getpid():
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self._path)
            self._mine.file, self._mine.pid = sock.makefile("rwb"), os.getpid()
        file = self._mine.file
        file.write(json.dumps([name, *args]).encode() + b"\n")
        file.flush()
        return self._read(file.readline())

    async def later(self, name: str, *args: Any) -> Any:
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            writer.write(json.dumps([name, *args]).encode() + b"\n")
            return self._read(await reader.readline())
        finally:
            writer.close()

    def _read(self, line: bytes) -> Any:
        if not line:
            raise RuntimeError(_STOPPED)
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["value"]
