"""A stand-in: a small real HTTP server of the judge's, whose every exchange is a step that faults can strike.

Subclasses answer `respond(request) -> Response`; `PaymentProvider`, `Broker` and `OpenIdProvider` do. A stand-in runs
on threads in the judge's process and listens on one unix socket a caller, `socket(caller)`, and where asked on TCP,
`tcp_url(caller)`.

What `journal.arm(n, action)`, `step.act(action)` and `standin.script(action, ...)` mean here:

    go              answers
    hold            waits until the step is released, however long: "slow" without a clock
    error           503, no effect                 error after     500, although the effect took place
    cut before      no effect, no reply            cut after       effect, no reply: the timeout nobody can read
    crash before    as cut, and the caller dies    crash after
    duplicate       the request arrives twice, the second reply is returned
    garbage         effect, then a reply that is no JSON

A reply that never comes would cost real seconds. The clients made by `client` and `async_client` therefore raise
`httpx.ReadTimeout` at once where the stand-in says so, and the virtual clock moves on by `timeout_takes` seconds; any
other client sees its connection closed.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import socketserver
import threading
from collections import deque
from pathlib import Path
from typing import Any

from grader.instruments.clock import VirtualClock
from grader.instruments.standin_http import (
    Request,
    Response,
    TcpServer,
    UnixServer,
    async_client,
    client,
    handler,
)
from grader.instruments.steps import Action, Journal, Step

__all__ = ["Request", "Response", "StandIn", "async_client", "client"]


class StandIn:
    """Base of all stand-ins. lane: the name it has in timelines."""

    lane = "provider"

    def __init__(
        self,
        folder: Path | str,
        *,
        journal: Journal | None = None,
        clock: VirtualClock | None = None,
        timeout_takes: float = 10.0,
    ) -> None:
        self.latency = 0.0  # virtual seconds each exchange takes
        self.journal = journal or Journal()
        self.clock = clock or VirtualClock()
        self.timeout_takes = timeout_takes
        self.requests: list[Request] = []
        self._folder = Path(folder)
        self._servers: dict[str, socketserver.BaseServer] = {}
        self._scripted: deque[Action] = deque()
        self._one_at_a_time = threading.RLock()
        self.open_sockets: set[socket.socket] = set()
        self._own_faults: list[Exception] = []

    def respond(self, request: Request) -> Response:
        """What the service does and answers. One request at a time, in order of release."""
        raise NotImplementedError

    def describe(self, request: Request) -> str:
        """The exchange as one short line of a timeline."""
        return f"{request.method} {request.path}"

    def is_step(self, request: Request) -> bool:
        """False for exchanges that no fault strikes."""
        return True

    def script(self, *actions: Action) -> None:
        """The next exchanges meet these actions, in order; "go" lets one pass."""
        with self.journal.changed:
            self._scripted.extend(actions)

    def socket(self, caller: str = "app") -> str:
        """Path of the unix socket this caller connects to."""
        word = "".join(c if c.isalnum() else "-" for c in caller)
        path = str(self._folder / f"{self.lane}-{word}.sock")
        if path not in self._servers:
            self._serve(path, UnixServer(path, handler(self, caller)))
            Path(path).chmod(0o666)  # answers may run as another user
        return path

    def tcp_url(self, caller: str = "app") -> str:
        """http://127.0.0.1:PORT for callers that bring their own HTTP client."""
        name = f"tcp {caller}"
        if name not in self._servers:
            self._serve(name, TcpServer(("127.0.0.1", 0), handler(self, caller)))
        address: Any = self._servers[name].server_address
        return f"http://{address[0]}:{address[1]}"

    def close(self) -> None:
        """Stops listening, breaks open connections, lets nothing wait; idempotent."""
        with self.journal.changed:
            for step in self.journal.held():
                if step.lane == self.lane:
                    step.act("cut before")
        # Each looks up from time to time only: all are told before one is waited for.
        ending = [threading.Thread(target=server.shutdown) for server in self._servers.values()]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        for name, server in self._servers.items():
            server.server_close()
            if name.startswith("/"):
                Path(name).unlink(missing_ok=True)
        self._servers.clear()
        for sock in list(self.open_sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *exc: object) -> None:
        """Raises RuntimeError where the stand-in itself failed: the verdict would rest on our mistake."""
        self.close()
        if self._own_faults:
            raise RuntimeError(f"the {self.lane} stand-in failed") from self._own_faults[0]

    def _serve(self, name: str, server: socketserver.BaseServer) -> None:
        self._servers[name] = server
        threading.Thread(
            target=server.serve_forever, args=(0.02,), name=f"{self.lane} {name}", daemon=True
        ).start()

    def exchange(self, request: Request) -> Response | None:
        """One request through the plan; None: close the connection without a reply."""
        if not self.is_step(request):
            return self._effect(request)
        decided: queue.SimpleQueue[Action] = queue.SimpleQueue()
        step = Step(
            self.lane, request.caller, self.describe(request), self.journal, lambda s, a: decided.put(a)
        )
        with self.journal.changed:
            action = self.journal.announce(step)
            if action == "go" and self._scripted:
                action = self._scripted.popleft()
            if action == "hold":
                step.state = "held"
                self.journal.tell()
        if action == "hold":
            action = decided.get()
        return self._carry_out(step, request, action)

    def _effect(self, request: Request) -> Response:
        if self.latency:
            self.clock.advance(self.latency)
        with self._one_at_a_time:
            self.requests.append(request)
            try:
                return self.respond(request)
            except Exception as error:  # ours: must not pass for the answer's
                self._own_faults.append(error)
                return Response.of({"error": "the stand-in failed"}, 500)

    def _carry_out(self, step: Step, request: Request, action: Action) -> Response | None:
        if action == "error":
            step.finish("error", "503")
            return Response.of({"error": "unavailable"}, 503)
        if action in ("cut before", "crash before"):
            self._lose(step, action, "cut", "never arrived")
            return None
        response = self._effect(request)
        if action == "duplicate":
            response = self._effect(request)
        if action in ("cut after", "crash after"):
            self._lose(step, action, "lost", f"{response.status}, reply lost")
            return None
        if action == "error after":
            step.finish("error", f"500, after {response.status}")
            return Response.of({"error": "internal"}, 500)
        if action == "garbage":
            step.finish("error", "garbage")
            return Response(200, b"<html>\x00\xff proxy error", {"content-type": "text/html"})
        step.finish("ok" if response.status < 500 else "error", self.outcome(response))
        return response

    def outcome(self, response: Response) -> str:
        text = response.body.decode("utf-8", "replace")
        return f"{response.status} {text if len(text) <= 60 else text[:59] + '…'}".strip()

    def _lose(self, step: Step, action: Action, state: Any, result: str) -> None:
        if action.startswith("crash"):
            step.finish("crash", "killed here" if action == "crash before" else "done, then killed")
            self.journal.crash(step.caller)
        else:
            step.finish(state, result)
