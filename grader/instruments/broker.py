"""A message broker that runs here, for outboxes: at least once, no deduplication, every publish a step.

    with Broker(bench.scratch(), journal=journal) as broker:
        worker.call("run_relay", connection, broker.socket("relay"))
        broker.published                                     # [Message(topic, key, value), ...] in order of arrival

and in the worker's driver source

    from grader.instruments.broker import BrokerClient
    def run_relay(conn, path): return relay(conn, BrokerClient(path))
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.instruments import standin
from grader.instruments.clock import VirtualClock
from grader.instruments.standin import Request, Response, StandIn
from grader.instruments.steps import Journal


class BrokerUnavailable(Exception):
    """The broker did not confirm: the message may or may not have been taken."""


@dataclass(frozen=True)
class Message:
    """topic: a name; key: what order is kept for, as text; value: any JSON."""

    topic: str
    key: str
    value: Any


class Broker(StandIn):
    lane = "broker"

    def __init__(
        self, folder: Path | str, *, journal: Journal | None = None, clock: VirtualClock | None = None
    ) -> None:
        super().__init__(folder, journal=journal, clock=clock)
        self.published: list[Message] = []

    def forget(self) -> None:
        """Drops every message, between two runs."""
        self.published.clear()
        self.requests.clear()
        self._scripted.clear()

    def describe(self, request: Request) -> str:
        told = request.json()
        if not isinstance(told, dict):
            return super().describe(request)
        return f"publish {told.get('topic')} {told.get('key')}: {str(told.get('value'))[:60]}"

    def respond(self, request: Request) -> Response:
        told = request.json()
        if request.method != "POST" or not isinstance(told, dict) or "topic" not in told:
            return Response.of({"error": "POST {topic, key, value}"}, 400)
        self.published.append(Message(str(told["topic"]), str(told.get("key", "")), told.get("value")))
        return Response.of({"offset": len(self.published) - 1}, 201)


class BrokerClient:
    """The broker as the answer sees it."""

    def __init__(self, path: str) -> None:
        self._http = standin.client(path, "http://broker.test")

    def publish(self, topic: str, key: str, value: Any) -> int:
        """Returns the message's offset once the broker has it; raises BrokerUnavailable."""
        import httpx

        try:
            response = self._http.post("/", json={"topic": topic, "key": str(key), "value": value})
            response.raise_for_status()
            return int(response.json()["offset"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise BrokerUnavailable(f"publish to {topic} was not confirmed") from error
