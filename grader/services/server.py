"""What the rest of the grader sees of a server: where it is and how to log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server, ours or one named by DATABASE_URL.

    host: folder of the unix socket, or a host name. users: role -> (user name, password or "").
    """

    host: str
    port: int
    version: str
    users: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "admin": ("postgres", ""),
            "learner": ("learner", ""),
            "judge": ("judge", ""),
        }
    )
    options: Mapping[str, str] = field(default_factory=dict)
    bundled: bool = True

    @property
    def socket_dir(self) -> Path | None:
        """Folder of the unix socket; None for a server reached over TCP."""
        return Path(self.host) if self.host.startswith("/") else None

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def url(self, database: str = "postgres", role: str = "admin") -> str:
        """A postgresql:// URL for psycopg; for SQLAlchemy replace the scheme by postgresql+psycopg.

        role: "admin" (superuser), "learner" (owns the shop) or "judge" (reads, search_path pg_catalog).
        """
        user, password = self.users[role]
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        query = dict(self.options)
        if self.socket_dir:
            place, query = "", {"host": self.host, "port": str(self.port), **query}
        else:
            host = f"[{self.host}]" if ":" in self.host else self.host
            place = f"{host}:{self.port}"
        tail = f"?{urlencode(query, safe='/')}" if query else ""
        return f"postgresql://{login}@{place}/{quote(database, safe='')}{tail}"

    def shown(self) -> str:
        """Where it is, for people: no password."""
        place = str(self.socket_dir) if self.socket_dir else f"{self.host}:{self.port}"
        return place


@dataclass(frozen=True)
class RedisServer:
    """A Redis-protocol server. `url` names its first database of ours."""

    url: str
    version: str = ""
    bundled: bool = True

    def shown(self) -> str:
        """Where it is, for people: no password."""
        parts = urlsplit(self.url)
        return str(self.socket_path or f"{parts.hostname}:{parts.port or 6379}")

    def at(self, database: int) -> str:
        """The URL of another numbered database of this server (a bundled one has 256, others often 16)."""
        parts = urlsplit(self.url)
        query = {name: value for name, value in parse_qsl(parts.query) if name != "db"}
        if parts.scheme == "unix":
            return f"unix://{parts.path}?{urlencode({**query, 'db': str(database)}, safe='/')}"
        return parts._replace(path=f"/{database}", query=urlencode(query, safe="/")).geturl()

    @property
    def socket_path(self) -> Path | None:
        return (
            Path(self.url.removeprefix("unix://").partition("?")[0]) if self.url.startswith("unix:") else None
        )


@dataclass(frozen=True)
class Services:
    """The servers of one home, running.

    postgres, redis: the learner's, with real durability. judge_postgres, judge_redis: for checks; what they
    hold may vanish. With DATABASE_URL or REDIS_URL both of a pair are that server.
    """

    postgres: PostgresServer
    judge_postgres: PostgresServer
    redis: RedisServer
    judge_redis: RedisServer
