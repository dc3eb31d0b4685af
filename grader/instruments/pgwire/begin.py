"""A plain BEGIN, answered in the server's name: the server gets it together with the next statement.

It cannot fail and has no effect by itself, so only now() could tell; it saves a schedule one round trip a call.
"""

from __future__ import annotations

import re

from grader.instruments.pgwire import messages

PLAIN = re.compile(
    r"BEGIN( ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ COMMITTED|READ UNCOMMITTED))?"
    r"( READ (ONLY|WRITE))?( (NOT )?DEFERRABLE)?$"
)
BEGUN = b"C\x00\x00\x00\x0aBEGIN\x00Z\x00\x00\x00\x05T"  # CommandComplete and ReadyForQuery
P, B, D = b"PBD"
REPLIES = {P: b"1\x00\x00\x00\x04", B: b"2\x00\x00\x00\x04", D: b"n\x00\x00\x00\x04"}


class EarlyBegin:
    """One session's. wire: the BEGIN the server has not seen yet; reply_due: it has, and its reply is not the client's."""

    def __init__(self) -> None:
        self.wire = b""
        self.reply_due = False

    def answer(self, wire: bytes) -> bytes:
        """Keeps the BEGIN back and returns the reply to it."""
        self.wire = wire
        return b"".join(REPLIES[k] for k in messages.kinds(wire) if k in REPLIES) + BEGUN

    def before(self, data: bytes) -> bytes:
        """`data` with the BEGIN in front of it, for the server."""
        data, self.wire, self.reply_due = self.wire + data, b"", True
        return data

    def take_reply(self, buffer: bytearray) -> bool:
        """Takes the server's own reply to the BEGIN off the front of `buffer`; False if it is not all there yet."""
        end = buffer.find(BEGUN)
        if end < 0:
            return False
        self.reply_due = False
        del buffer[: end + len(BEGUN)]
        return True
