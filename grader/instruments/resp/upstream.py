"""The real server behind the proxy: connections to it, and questions the proxy asks it on its own account."""

from __future__ import annotations

import socket
from typing import Any

import redis
from redis.connection import parse_url

from grader.instruments.resp.protocol import ProtocolError, Splitter, decode, pack

_CHUNK = 65536
_EXPIRE_DUE = (
    "local gone = {} for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PEXPIRETIME', k) "
    "if t >= 0 and t <= tonumber(ARGV[1]) then redis.call('DEL', k) gone[#gone + 1] = k "
    "elseif ARGV[2] == '1' and redis.call('TYPE', k).ok == 'hash' then for _, f in ipairs(redis.call('HKEYS', k)) do "
    "local at = redis.call('HPEXPIRETIME', k, 'FIELDS', 1, f)[1] if at >= 0 and at <= tonumber(ARGV[1]) then "
    "redis.call('HDEL', k, f) gone[#gone + 1] = k .. ' ' .. f end end end end return gone"
)

_AGE_PENDING = (
    "for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('TYPE', k).ok == 'stream' then "
    "for _, g in ipairs(redis.call('XINFO', 'GROUPS', k)) do "
    "for _, p in ipairs(redis.call('XPENDING', k, g[2], '-', '+', 10000)) do "
    "redis.call('XCLAIM', k, g[2], p[2], 0, p[1], 'IDLE', p[3] + ARGV[1], 'JUSTID') end end end end"
)


class Upstream:
    """url: redis:// or unix://, with database and credentials."""

    def __init__(self, url: str) -> None:
        self._to: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        self.control: redis.Redis = redis.Redis.from_url(url)

    def connect(self) -> tuple[socket.socket, int]:
        """A connection, authenticated and in the right database, and its client id. Raises OSError, ProtocolError."""
        server = self._open()
        hello = [[b"SELECT", str(self._to.get("db", 0)).encode()], [b"CLIENT", b"ID"]]
        if "password" in self._to:
            words = [self._to[k] for k in ("username", "password") if k in self._to]
            hello.insert(0, [b"AUTH", *(w.encode() for w in words)])
        server.sendall(b"".join(map(pack, hello)))
        frames: list[bytes] = []
        splitter = Splitter()
        while len(frames) < len(hello):
            data = server.recv(_CHUNK)
            if not data:
                raise ProtocolError("the server hung up")
            frames += splitter.feed(data)
        identity = decode(frames[-1])
        if not isinstance(identity, int):
            raise ProtocolError(f"the server answered {identity!r}")
        return server, identity

    def is_blocked(self, client_id: int) -> bool:
        """Whether that client waits in a blocking command, as the server itself says."""
        listed: Any = self.control.client_list(client_id=[client_id])
        return any("b" in client.get("flags", "") for client in listed)

    def time_out(self, client_id: int) -> None:
        """Ends its blocking command as if the timeout had come."""
        self.control.client_unblock(client_id)

    def moments(self, key: str | bytes) -> dict[bytes, int]:
        """PEXPIRETIME of each field of the hash `key`, -1 for one that stays; empty for other types."""
        control: Any = self.control
        fields = control.hkeys(key) if control.type(key) == b"hash" else []
        return dict(zip(fields, control.hpexpiretime(key, *fields), strict=True)) if fields else {}

    def expire(self, limit_ms: int, *, fields: bool = False) -> list[str]:
        """Deletes the keys whose expiry is at most this moment of the server's time; returns their names.

        fields: also of the fields of hashes, which takes a look at each ("key field").
        """
        gone: Any = self.control.eval(_EXPIRE_DUE, 0, str(limit_ms), "1" if fields else "0")
        return sorted(k.decode("utf-8", "backslashreplace") for k in gone)

    def age_pending(self, ms: int) -> None:
        """Makes the entries of streams that consumers have not acknowledged idle for so much longer."""
        self.control.eval(_AGE_PENDING, 0, str(ms))

    def _open(self) -> socket.socket:
        if "path" in self._to:
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._to["path"])
            return server
        server = socket.create_connection(
            (self._to.get("host", "127.0.0.1"), int(self._to.get("port", 6379)))
        )
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server
