"""Readiness probes: the first exchange of each protocol, on a plain socket.

No driver is imported, so asking is cheap enough for `grader status` and for a loop around a starting server.
PostgreSQL: https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """state: "ready", "starting" (it listens but does not serve yet), or "absent"."""

    state: Literal["ready", "starting", "absent"]
    version: str = ""
    problem: str = ""


def ask_postgres(
    path: Path, *, user: str = "postgres", database: str = "postgres", timeout: float = 5.0
) -> Answer:
    """Logs in at the unix socket `path` (trusted) and hears the server out."""
    version = ""
    try:
        with _connect(path, timeout) as link:
            fields = f"user\0{user}\0database\0{database}\0\0".encode()
            link.sendall(struct.pack("!II", len(fields) + 8, 3 << 16) + fields)
            stream = link.makefile("rb")
            while len(header := stream.read(5)) == 5:
                kind, size = header[:1], struct.unpack("!I", header[1:])[0]
                body = stream.read(size - 4)
                if kind == b"Z":
                    link.sendall(b"X\0\0\0\4")
                    return Answer("ready", version)
                if kind == b"S" and body.startswith(b"server_version\0"):
                    version = body.split(b"\0")[1].decode().split()[0]
                if kind == b"E":
                    return _refusal(body)
    except TimeoutError:
        return Answer("starting", problem="no answer in time")  # busy, not gone
    except OSError as error:
        return Answer("absent", problem=str(error))
    return Answer("starting", problem="the server closed the connection")


def _refusal(body: bytes) -> Answer:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    code, message = fields.get(b"C", ""), fields.get(b"M", "")
    if code == "53300":  # too many connections: busy, therefore alive
        return Answer("ready", problem=message)
    return Answer("starting", problem=message)


def ask_redis(path: Path, *, timeout: float = 5.0) -> Answer:
    """PING at the unix socket `path`."""
    try:
        with _connect(path, timeout) as link:
            link.sendall(b"PING\r\n")
            reply = link.makefile("rb").readline()
    except TimeoutError:
        return Answer("starting", problem="no answer in time")
    except OSError as error:
        return Answer("absent", problem=str(error))
    return (
        Answer("ready") if reply.startswith(b"+PONG") else Answer("starting", problem=reply.decode().strip())
    )


def _connect(path: Path, timeout: float) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(timeout)
    try:
        link.connect(str(path))
    except OSError:
        link.close()
        raise
    return link
