"""One client's connection through the proxy: commands go up one by one, replies come down in order.

All methods are called with the journal's lock held, by the proxy's thread or by whoever releases a step.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING

from grader.instruments.resp.commands import (
    PLUMBING,
    REFUSED,
    blocking_timeout,
    keys_of,
    name_of,
    replies_expected,
    text_of,
)
from grader.instruments.resp.protocol import (
    ErrorReply,
    ProtocolError,
    Splitter,
    brief,
    decode,
    elements,
    pack,
    unpack,
)
from grader.instruments.resp.sending import Outbox, Sent
from grader.instruments.resp.subscriptions import Subscriptions
from grader.instruments.steps import Action, Step

if TYPE_CHECKING:
    from grader.instruments.resp.proxy import RespProxy

_GARBAGE = b"\x16\x03\x01 this is no reply\r\n"


class Connection:
    """Two sockets and the commands between them."""

    def __init__(
        self,
        proxy: RespProxy,
        caller: str,
        number: int,
        client: socket.socket,
        server: socket.socket,
        server_id: int,
    ) -> None:
        self.proxy, self.caller, self.number, self.server_id = proxy, caller, number, server_id
        self.client, self.server = client, server
        self.to_client, self.to_server = Outbox(client), Outbox(server)
        self._from_client, self._from_server = Splitter(inline=True), Splitter()
        self._queue: deque[Sent] = deque()
        self._sent: deque[Sent] = deque()
        self._transaction: list[Sent] | None = None  # commands queued since MULTI
        self._subscriptions = Subscriptions(self)
        self.closed = False

    # from the client

    def received(self, data: bytes) -> None:
        for frame in self._from_client.feed(data):
            args = unpack(frame)
            if args:
                self._queue.append(Sent(args, frame))
        self.pump()

    def pump(self) -> None:
        """Sends what may be sent: everything, or one at a time while somebody holds or strikes steps."""
        while self._queue and not self.closed:
            command = self._queue[0]
            if command.step is not None and command.step.state == "held":
                return
            if self._sent and self.proxy.journal.careful():
                return
            self._queue.popleft()
            self._begin(command)

    def _begin(self, command: Sent) -> None:
        name = name_of(command.args)
        silent = name == "CLIENT" and len(command.args) > 1 and command.args[1].upper() == b"REPLY"
        if name in REFUSED or silent:
            self._queue.appendleft(command)
            self._refuse(self._queue.popleft(), f"ERR {name} is not available here")
        elif name == "MULTI":
            self._transaction = []
            self.forward(command)
        elif self._transaction is not None and name not in ("EXEC", "DISCARD", "WATCH", "RESET"):
            self._transaction.append(command)
            self.forward(command)  # only queued by the server: no effect, so no step
        elif name in PLUMBING or name in ("DISCARD", "UNWATCH", "RESET"):
            if name in ("DISCARD", "RESET"):
                self._transaction = None
            self.forward(command)
        else:
            self._step(command, name)

    def _step(self, command: Sent, name: str) -> None:
        text, keys = text_of(command.args), keys_of(command.args)
        if name == "EXEC" and self._transaction is not None:
            text = "; ".join(["MULTI", *(text_of(c.args) for c in self._transaction), "EXEC"])[:240]
            known = [keys_of(c.args) for c in self._transaction]
            keys = tuple(k for ks in known if ks for k in ks) if all(known) else None
        step = Step("Redis", self.caller, text, self.proxy.journal, lambda s, a: self._perform(command, a))
        if blocking_timeout(command.args) is not None or name in ("WAIT", "WAITAOF"):
            step.look = lambda s: self.proxy.is_blocked(self)  # asks the server, so only where it may be so
        step.touches, step.connection, command.step = keys, self.number, step
        action = self.proxy.journal.announce(step)
        if action == "hold":
            self._queue.appendleft(command)
        else:
            self._perform(command, action, queued=False)

    def _perform(self, command: Sent, action: Action, queued: bool = True) -> None:
        """Carries out what the plan, or the holder of the step, decided."""
        if queued:
            if not self._queue or self._queue[0] is not command:
                return  # the client is gone
            self._queue.popleft()
        assert command.step is not None
        if action in ("cut before", "crash before"):
            self.end(command.step, action)
        elif action == "error":
            if name_of(command.args) == "EXEC":
                self._send_up(Sent([b"DISCARD"], pack([b"DISCARD"]), swallow=True))
                self._transaction = None
            self._refuse(command, self.proxy.error)
        elif action == "garbage":
            command.step.finish("error", "garbage")
            self.to_client.send(_GARBAGE)
            self.close()
        else:
            command.fate = action
            self.proxy.delay()
            self.forward(command)
        if queued:
            self.pump()
        self.proxy.wake()

    def end(self, step: Step, action: Action) -> None:
        if action.startswith("crash"):
            step.finish("crash", "killed here" if action == "crash before" else "done, then killed")
            self.proxy.journal.crash(self.caller)
        else:
            step.finish(
                *(("cut", "never arrived") if action == "cut before" else ("lost", "done, reply lost"))
            )
        self.close()

    def _refuse(self, command: Sent, message: str) -> None:
        self.to_client.send(b"-" + message.encode() + b"\r\n")
        if command.step is not None:
            command.step.finish("error", message)

    # to the server

    def forward(self, command: Sent) -> None:
        args, expiry = command.args, self.proxy.expiry
        if expiry is not None:
            args, command.translate = expiry.outgoing(args)
            blocking = blocking_timeout(args)
            if blocking is not None and blocking[1] > 0:
                command.deadline = self.proxy.now() + blocking[1]
                args = [*args[: blocking[0]], b"0", *args[blocking[0] + 1 :]]
        if args is not command.args:
            command.raw = pack(args)
        command.replies = replies_expected(args, self._subscriptions.count)
        self.proxy.count(name_of(command.args))
        self._send_up(command)

    def _send_up(self, command: Sent) -> None:
        self._sent.append(command)
        self.to_server.send(command.raw)

    def give_up_at(self) -> float | None:
        """The virtual second at which the command under way stops blocking, None if it will not."""
        return self._sent[0].deadline if self._sent else None

    # from the server

    def replied(self, data: bytes) -> None:
        for frame in self._from_server.feed(data):
            if self.closed:
                return
            if self._subscriptions.is_message(frame, asked=bool(self._sent)):
                self._subscriptions.deliver(frame)
            else:
                self._reply(frame)
        self.pump()

    def _reply(self, frame: bytes) -> None:
        if not self._sent:
            raise ProtocolError("a reply without a command")
        command = self._sent[0]
        self._subscriptions.follow(name_of(command.args), frame)
        command.replies -= 1
        if command.replies > 0:
            self.to_client.send(frame)
            return
        self._sent.popleft()
        if command.swallow:
            return
        if command.translate is not None and self._transaction is None and name_of(command.args) != "EXEC":
            frame = command.translate(frame)
        if name_of(command.args) == "EXEC":
            frame = self._translate_transaction(frame)
        if command.step is None:
            self.to_client.send(frame)
            return
        if command.fate in ("cut after", "crash after"):
            self.end(command.step, command.fate)
            return
        value = decode(frame)
        self.to_client.send(frame)
        command.step.finish("error" if isinstance(value, ErrorReply) else "ok", brief(value))

    def _translate_transaction(self, frame: bytes) -> bytes:
        queued, self._transaction = self._transaction or [], None
        if frame[:1] != b"*" or not any(c.translate for c in queued):
            return frame
        parts = elements(frame)
        if len(parts) != len(queued):
            return frame
        done = [c.translate(p) if c.translate else p for c, p in zip(queued, parts, strict=True)]
        return b"*%d\r\n" % len(done) + b"".join(done)

    def close(self, *, by_client: bool = False) -> None:
        """Ends both sides; steps still on their way are abandoned (client gone) or lost."""
        if self.closed:
            return
        self.closed = True
        for command in self._queue:
            if command.step is not None:
                command.step.finish("abandoned", "the caller hung up" if by_client else "connection closed")
        for command in self._sent:
            if command.step is not None:
                command.step.finish("lost", "the caller hung up" if by_client else "connection closed")
        self._subscriptions.abandon()
        self.proxy.forget(self)
