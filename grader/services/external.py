"""Servers somebody else runs, named by DATABASE_URL and REDIS_URL."""

from __future__ import annotations

import functools
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from grader.services.errors import ServiceError
from grader.services.server import PostgresServer, RedisServer

if TYPE_CHECKING:
    import psycopg

_OLDEST_POSTGRES = 15
_OLDEST_REDIS = 7


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


@functools.cache
def postgres(url: str) -> PostgresServer:
    """The server at `url`, with the roles learner and judge made if missing. Raises `ServiceError`."""
    import psycopg

    plain = url.replace("postgresql+psycopg://", "postgresql://", 1).replace(
        "postgres://", "postgresql://", 1
    )
    if not plain.startswith("postgresql://"):
        raise ServiceError(f"DATABASE_URL must begin with postgresql://, not {url.partition(':')[0]}://.")
    try:
        with psycopg.connect(plain, connect_timeout=10, autocommit=True) as connection:
            return _prepared(plain, connection)
    except psycopg.OperationalError as error:
        said = str(error).strip().splitlines()[-1]
        raise ServiceError(
            f"The server at DATABASE_URL ({without_password(plain)}) cannot be reached: {said}; "
            "start it or unset DATABASE_URL to use the bundled one."
        ) from None


def _prepared(url: str, connection: psycopg.Connection[tuple[object, ...]]) -> PostgresServer:
    info = connection.info
    if info.server_version < _OLDEST_POSTGRES * 10000:
        raise ServiceError(
            f"The server at DATABASE_URL is PostgreSQL {info.server_version // 10000}; "
            f"version {_OLDEST_POSTGRES} or newer is needed."
        )
    users = {"admin": (info.user, info.password)}
    for role in ("learner", "judge"):
        secret = hashlib.sha256(f"backend-mentor {role} {info.password}".encode()).hexdigest()[:32]
        users[role] = (role, secret if info.password else "")
    _ensure_roles(connection, users)
    version = info.parameter_status("server_version") or ""
    kept = {k: v for k, v in parse_qsl(urlsplit(url).query) if k not in ("host", "port", "user", "password")}
    return PostgresServer(info.host, info.port, version.split()[0], users, kept, bundled=False)


def _ensure_roles(
    connection: psycopg.Connection[tuple[object, ...]], users: dict[str, tuple[str, str]]
) -> None:
    import psycopg
    from psycopg import sql

    try:
        with connection.transaction():
            connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(5743112)")  # two homes, one server
            for role in ("learner", "judge"):
                name, secret = sql.Identifier(role), users[role][1]
                known = connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", [role])
                if not known.fetchone():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
                if secret:
                    hashed = connection.pgconn.encrypt_password(
                        secret.encode(), role.encode(), b"scram-sha-256"
                    )
                    connection.execute(
                        sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(hashed.decode()))
                    )
            connection.execute("GRANT pg_read_all_data, pg_monitor TO judge")
            connection.execute("ALTER ROLE judge SET search_path = pg_catalog")
            with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                # As in the bundled clusters of the judge: a check that makes a deadlock need not wait a second.
                connection.execute("ALTER ROLE learner SET deadlock_timeout = '10ms'")
    except psycopg.errors.InsufficientPrivilege:
        raise ServiceError(
            f"The user {connection.info.user} of DATABASE_URL may not create the roles learner and judge; "
            "name a superuser in DATABASE_URL."
        ) from None


@functools.cache
def redis(url: str) -> tuple[RedisServer, RedisServer]:
    """The server at `url` for the learner, and another of its databases for the judge."""
    import redis as client

    try:
        with client.Redis.from_url(url, socket_connect_timeout=10) as connection:
            version = str(connection.info("server")["redis_version"])
            used = int(connection.connection_pool.connection_kwargs.get("db") or 0)
    except ValueError as error:
        raise ServiceError(f"REDIS_URL is not a Redis address: {error}.") from None
    except client.RedisError as error:
        raise ServiceError(
            f"The server at REDIS_URL ({without_password(url)}) cannot be reached: {error}; "
            "start it or unset REDIS_URL to use the bundled one."
        ) from None
    if int(version.split(".", maxsplit=1)[0]) < _OLDEST_REDIS:
        raise ServiceError(
            f"The server at REDIS_URL is version {version}; {_OLDEST_REDIS} or newer is needed."
        )
    learners = RedisServer(url, version, bundled=False)
    return learners, RedisServer(learners.at(used + 1), version, bundled=False)
