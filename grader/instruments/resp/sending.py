"""What is on its way: commands that were sent, and bytes that a socket has still to take."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from grader.instruments.resp.expiry import ReplyMap
from grader.instruments.steps import Action, Step

CHUNK = 256 * 1024


@dataclass
class Sent:
    """A command on its way: what to send, what to expect, what to do with the reply."""

    args: list[bytes]
    raw: bytes
    step: Step | None = None  # None: plumbing, or queued in a transaction
    replies: int = 1
    translate: ReplyMap | None = None
    fate: Action = "go"
    swallow: bool = False  # ours, not the client's: the reply goes nowhere
    deadline: float | None = None  # virtual seconds at which a blocking command gives up


@dataclass
class Outbox:
    """Bytes that a socket would not take yet."""

    sock: socket.socket
    data: bytearray = field(default_factory=bytearray)

    def send(self, data: bytes) -> None:
        self.data += data
        self.flush()

    def flush(self) -> None:
        try:
            while self.data:
                del self.data[: self.sock.send(self.data[:CHUNK])]
        except BlockingIOError:
            return
