"""What one connection listens to, and the messages it gets."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from grader.instruments.resp.protocol import brief, decode
from grader.instruments.steps import Action, Step

if TYPE_CHECKING:
    from grader.instruments.resp.connection import Connection

_MESSAGES = {b"message", b"pmessage", b"smessage"}
_CONFIRMATIONS = {
    b"subscribe",
    b"psubscribe",
    b"ssubscribe",
    b"unsubscribe",
    b"punsubscribe",
    b"sunsubscribe",
}


class Subscriptions:
    """Called as `Connection` is: with the journal's lock held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channels: set[tuple[str, bytes]] = set()
        self._held: deque[tuple[Step, bytes]] = deque()  # messages

    @property
    def count(self) -> int:
        return len(self._channels)

    def is_message(self, frame: bytes, *, asked: bool) -> bool:
        """A message nobody asked for just now: RESP3 pushes, and messages to a RESP2 subscriber.

        asked: a command waits for its reply.
        """
        if frame[:1] == b">":
            value = decode(frame)
            return not (value and value[0] in _CONFIRMATIONS and asked)
        if self._channels and frame[:1] == b"*":
            value = decode(frame)
            return bool(value) and value[0] in _MESSAGES
        return False

    def deliver(self, frame: bytes) -> None:
        value, connection = decode(frame), self._connection
        journal = connection.proxy.journal
        text = "deliver " + " ".join(brief(v, 40) for v in value)

        def perform(step: Step, action: Action) -> None:
            if action in ("go", "duplicate"):
                step.finish("ok", "delivered")
                self._held = deque(p for p in self._held if p[0] is not step)
                connection.to_client.send(frame * (2 if action == "duplicate" else 1))
                connection.proxy.wake()
            elif action == "error":  # a message has no error reply: it is lost
                step.finish("lost", "message lost")
            else:
                connection.end(step, action)

        step = Step("Redis", connection.caller, text, journal, perform, connection=connection.number)
        if connection.proxy.push_steps:
            action = journal.announce(step)
            if action == "hold":
                self._held.append((step, frame))
            else:
                perform(step, action)
        else:
            connection.to_client.send(frame)

    def follow(self, command: str, frame: bytes) -> None:
        """Keeps up with what is listened to: `frame` may confirm it."""
        if frame[:1] not in (b"*", b">") or "SUBSCRIBE" not in command:
            return
        value = decode(frame)
        if not value or not isinstance(value[0], bytes):
            return
        kind, channel = value[0].decode(), value[1]
        if kind.endswith("unsubscribe"):
            self._channels.discard((kind.replace("unsubscribe", "subscribe"), channel))
        elif kind.endswith("subscribe"):
            self._channels.add((kind, channel))

    def abandon(self) -> None:
        for step, _ in self._held:
            step.finish("abandoned", "the subscriber hung up")
