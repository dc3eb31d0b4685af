"""The judge's end of a worker: calls it, serves its callbacks, kills it. Implements `running.Worker`."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from grader.checks.exercise import InfrastructureFault, NotAnswered, Rejected
from grader.checks.running import Reply, Resource
from grader.judge.claims import error_in, names_in, reply_in
from grader.judge.codec import Channel, decode, encode
from grader.judge.launch import Place

BACKLOG = 128  # connections an app has not accepted yet
SEND_TIMEOUT = 10.0  # seconds a worker may leave what we send it unread; a safety net


class WorkerHandle:
    """The judge's end of a worker. Everything it receives is treated as a claim, not as a fact."""

    def __init__(
        self, channel: Channel, pid: int, place: Place, callbacks: dict[str, Callable[..., Any]]
    ) -> None:
        self.pid = pid
        self.dead = False
        self._channel = channel
        self._place = place
        self._callbacks = callbacks
        self._calls: dict[int, PendingCall] = {}
        self._next = 0

    def load(
        self,
        context: str,
        source: str,
        driver: str,
        environ: dict[str, str],
        binds: tuple[str, ...],
        timeout: float,
        process: int = 0,
    ) -> None:
        """process: number of the answer's process; no two have one, see `own_hash`."""
        message = {"op": "load", "context": context, "source": source, "driver": driver, "process": process}
        self._send({**message, "environ": environ, "binds": list(binds)})
        deadline = time.monotonic() + timeout
        while True:
            reply = self._receive(deadline)
            if reply is None or time.monotonic() > deadline:
                raise Rejected("Running the answer's cell ended its process or took longer than allowed.")
            if reply.get("op") == "loaded":
                break
            self._handle(reply)
        error = error_in(reply.get("error"))
        if error is not None:
            if error.kind == "not_answered":
                raise NotAnswered
            where = f"line {error.line} of " if error.line else ""
            raise Rejected(f"Running {where}the answer raised {error.type}: {error.message}")
        names, empty = (names_in(reply.get(key)) for key in ("names", "empty"))
        if missing := [n for n in binds if n not in names]:
            raise Rejected(f"The answer must define {' and '.join(f'`{n}`' for n in missing)}.")
        if len(empty) == len(binds) > 0:
            raise NotAnswered

    def start(self, name: str, *args: Any, **kwargs: Any) -> PendingCall:
        message = {"op": "call", "name": name, "args": encode(list(args)), "kwargs": encode(kwargs)}
        with (
            ExitStack() as listening
        ):  # once the worker has a listener, only it does: it dies with the worker
            files = [
                listening.enter_context(listen(a.url))
                for a in (*args, *kwargs.values())
                if isinstance(a, Resource) and a.kind == "listener"
            ]
            return self._begin(message, files)

    def call(self, name: str, *args: Any, timeout: float = 10.0, **kwargs: Any) -> Reply:
        return self.start(name, *args, **kwargs).result(timeout)

    def value(self, name: str) -> Reply:
        return self._begin({"op": "value", "name": name}).result(10.0)

    def kill(self) -> None:
        if not self.dead:
            self.dead = True
            self._place.kill(self.pid)
            self._channel.close()
            for call in list(self._calls.values()):  # somebody may be waiting for one, in another thread
                call.reply = call.reply or Reply(ended="died")

    def fileno(self) -> int:
        """Readable when something of this worker waits to be handled; -1 once it is dead."""
        return self._channel.fileno()

    def pump(self, timeout: float = 0.0) -> bool:
        """Handles what has arrived, waiting at most `timeout` seconds for the first message.

        Returns whether anything was handled. Callbacks of the answer run here, in the judge.
        """
        handled = False
        enough = time.monotonic() + max(
            timeout, 0.05
        )  # a worker that never stops sending must not keep us here
        while not self.dead and not (handled and time.monotonic() > enough):
            try:
                if not self._channel.pending():
                    wait = 0.0 if handled else timeout
                    if not select.select([self._channel], [], [], max(0.0, wait))[0]:
                        break
            except (OSError, ValueError):  # closed by another thread, which killed the worker meanwhile
                if not self.dead:
                    raise
                break
            message = self._receive(time.monotonic() + 5.0)
            if message is None:
                break
            self._handle(message)
            handled = True
        return handled

    def _begin(self, message: dict[str, Any], files: Sequence[socket.socket] = ()) -> PendingCall:
        self._next += 1
        call = PendingCall(self, self._next)
        self._calls[self._next] = call
        self._send({**message, "id": self._next}, [file.fileno() for file in files])
        return call

    def _send(self, message: dict[str, Any], files: Sequence[int] = ()) -> None:
        try:
            self._channel.sock.settimeout(SEND_TIMEOUT)
            self._channel.send(message, files)
        except OSError:  # gone, or it does not read
            self._died()

    def _receive(self, deadline: float) -> dict[str, Any] | None:
        if self.dead:
            return None
        try:
            message = self._channel.receive(max(0.001, deadline - time.monotonic()))
        except TimeoutError:
            return None
        except (ValueError, OSError):
            message = None
        if message is None:
            self._died()
        return message

    def _died(self) -> None:
        self.kill()

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("op") == "ask":
            self._send({"op": "answered", "n": message.get("n"), **self._answer(message)})
        elif message.get("op") == "reply" and isinstance(id := message.get("id"), int) and id in self._calls:
            self._calls.pop(id).reply = reply_in(message)

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        handler = self._callbacks.get(str(message.get("name")))
        if handler is None:
            return {"error": "no such callback"}
        try:
            args, kwargs = decode(message.get("args", [])), decode(message.get("kwargs", {}))
        except (ValueError, TypeError, KeyError, IndexError):
            return {"error": "malformed arguments"}
        try:
            return {"value": encode(handler(*args, **kwargs))}
        except InfrastructureFault:
            raise
        except Exception as error:  # a handler may refuse on purpose; the answer sees why
            return {"error": f"{type(error).__name__}: {error}"}


def listen(path: str) -> socket.socket:
    """A unix socket that listens at `path`, a new one of the judge's."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InfrastructureFault(f"a socket for the app could not be made: {error}") from error
    return listener


class PendingCall:
    """A call under way; implements `running.Call`."""

    def __init__(self, worker: WorkerHandle, id: int) -> None:
        self.worker = worker
        self.id = id
        self.reply: Reply | None = Reply(ended="died") if worker.dead else None

    def fileno(self) -> int:
        return self.worker.fileno()

    def done(self) -> bool:
        if self.reply is None:
            self.worker.pump()
        return self.reply is not None

    def result(self, timeout: float = 10.0) -> Reply:
        deadline = time.monotonic() + timeout
        while self.reply is None:
            left = deadline - time.monotonic()
            if left <= 0:
                self.worker.kill()
                self.reply = Reply(ended="timeout")
                break
            self.worker.pump(left)
        return self.reply
