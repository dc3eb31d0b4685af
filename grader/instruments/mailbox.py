"""A message queue that runs here, as its consumers see it: receive, work, acknowledge. At least once, every call a step.

with Queue(folder, journal=journal) as queue:
    queue.put({"id": "evt_1", "points": 25})
    inbox = QueueClient(queue.socket("app"))
    while message := inbox.receive():        # the oldest one that nobody has acknowledged
        ...
        inbox.ack(message["id"])             # only now it is gone
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grader.instruments import standin
from grader.instruments.clock import VirtualClock
from grader.instruments.standin import Request, Response, StandIn
from grader.instruments.steps import Journal


class QueueUnavailable(Exception):
    """No reply: what was asked for may have happened or not."""


class Queue(StandIn):
    lane = "queue"

    def __init__(
        self, folder: Path | str, *, journal: Journal | None = None, clock: VirtualClock | None = None
    ) -> None:
        super().__init__(folder, journal=journal, clock=clock)
        self.waiting: list[dict[str, Any]] = []

    def put(self, *messages: dict[str, Any]) -> None:
        """Each with an "id"."""
        self.waiting.extend(messages)

    def forget(self) -> None:
        """Empties the queue between two runs."""
        self.waiting.clear()
        self.requests.clear()
        self._scripted.clear()

    def describe(self, request: Request) -> str:
        told = request.json()
        name = f" {told['id']}" if isinstance(told, dict) and "id" in told else ""
        return f"{request.path.strip('/')}{name}"

    def respond(self, request: Request) -> Response:
        told = request.json()
        if request.path == "/receive":
            return Response.of(self.waiting[0] if self.waiting else None)
        if request.path == "/ack" and isinstance(told, dict):
            self.waiting = [m for m in self.waiting if m["id"] != told.get("id")]
            return Response.of({})
        return Response.of({"error": "POST /receive, or /ack with an id"}, 400)


class QueueClient:
    """The queue as a consumer sees it. `path`: a stand-in's socket."""

    def __init__(self, path: str) -> None:
        self._http = standin.client(path, "http://queue.test")

    def receive(self) -> dict[str, Any] | None:
        """The oldest message nobody has acknowledged, None if there is none. Raises QueueUnavailable."""
        found: dict[str, Any] | None = self._ask("/receive", {})
        return found

    def ack(self, identity: str) -> None:
        """Takes the message out for good. Raises QueueUnavailable."""
        self._ask("/ack", {"id": identity})

    def close(self) -> None:
        self._http.close()

    def _ask(self, path: str, told: dict[str, Any]) -> Any:
        import httpx

        try:
            response = self._http.post(path, json=told)
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueueUnavailable(f"{path}: no reply") from error
