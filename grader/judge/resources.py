"""Live objects a worker makes for the answer: connections, engines, Redis clients, callbacks, clocks."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from grader.checks.running import Resource

# Of a Redis client. redis-py would repeat a broken command ten times by itself, and the answer would never meet the
# fault; and it would give up after five seconds of real time on a command that the judge holds for as long as it needs.
_UNHURRIED = {"socket_timeout": None, "socket_connect_timeout": None}

Ask = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]


class Resources:
    """Makes each `Resource` once an id, and reports the state in which calls leave connections.

    files: descriptors the judge has sent, in the order of the listeners that are asked for.
    """

    def __init__(self, namespace: dict[str, Any], ask: Ask, files: list[int]) -> None:
        self._namespace = namespace
        self._ask = ask
        self._files = files
        self._made: dict[str, Any] = {}

    def get(self, resource: Resource, made: list[str]) -> Any:
        """The live object; its key is appended to `made`. Raises KeyError for an unknown kind."""
        key = resource.id or f"{resource.kind}:{resource.url}"
        made.append(key)
        if key not in self._made or getattr(self._made[key], "closed", False) is True:  # `with conn:` closes
            self._made[key] = _MAKERS[resource.kind](self, resource)
        return self._made[key]

    async def connect_async(self, resource: Resource, made: list[str]) -> Any:
        import psycopg

        key = resource.id or f"{resource.kind}:{resource.url}"
        made.append(key)
        if key not in self._made or self._made[key].closed:
            self._made[key] = await psycopg.AsyncConnection.connect(resource.url, **resource.settings)
        return self._made[key]

    def states(self, keys: list[str]) -> dict[str, str]:
        """libpq's view of each connection: "idle", "in_transaction", "in_error", "active" or "closed"."""
        found: dict[str, str] = {}
        for key in keys:
            info = getattr(self._made.get(key), "info", None)
            status = getattr(info, "transaction_status", None)
            if status is not None:
                found[key] = _STATUS.get(getattr(status, "name", ""), "closed")
        return found

    def _connection(self, resource: Resource) -> Any:
        import psycopg

        return psycopg.connect(resource.url, **resource.settings)

    def _engine(self, resource: Resource) -> Any:
        import sqlalchemy

        url = resource.url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sqlalchemy.create_engine(url, **resource.settings)

    def _redis(self, resource: Resource) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        settings = {**_UNHURRIED, "retry": Retry(NoBackoff(), 0), **resource.settings}
        return redis.Redis.from_url(resource.url, **settings)

    def _async_redis(self, resource: Resource) -> Any:
        import redis.asyncio
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        settings = {**_UNHURRIED, "retry": Retry(NoBackoff(), 0), **resource.settings}
        return redis.asyncio.Redis.from_url(resource.url, **settings)

    def _callback(self, resource: Resource) -> Any:
        def callback(*args: Any, **kwargs: Any) -> Any:
            return self._ask(resource.url, args, kwargs)

        return callback

    def _async_callback(self, resource: Resource) -> Any:
        import asyncio

        async def callback(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(self._ask, resource.url, args, kwargs)

        return callback

    def _clock(self, resource: Resource) -> Any:
        from grader.instruments.answer_clock import for_answer

        return for_answer(resource.url, self._ask)

    def _listener(self, resource: Resource) -> Any:
        return socket.socket(fileno=self._files.pop(0))

    def _name(self, resource: Resource) -> Any:
        return self._namespace[resource.url]


_STATUS = {"IDLE": "idle", "INTRANS": "in_transaction", "INERROR": "in_error", "ACTIVE": "active"}

_MAKERS: dict[str, Callable[[Resources, Resource], Any]] = {
    "connection": Resources._connection,
    "engine": Resources._engine,
    "redis": Resources._redis,
    "async_redis": Resources._async_redis,
    "callback": Resources._callback,
    "async_callback": Resources._async_callback,
    "clock": Resources._clock,
    "listener": Resources._listener,
    "name": Resources._name,
}
