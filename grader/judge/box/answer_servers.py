"""The servers of one answer or submission in its box."""

from __future__ import annotations

from typing import Any

import psycopg

from grader.judge.box.servers import BoxedRedis, start_postgres, start_redis
from grader.judge.box.slot import Slot
from grader.judge.box.template import TRACES, Template, take_ready
from grader.services.server import PostgresServer


class AnswerServers:
    """Valkey starts beside Postgres if expected, else when asked for."""

    def __init__(self, slot: Slot, template: Template, redis: bool = False) -> None:
        self._slot = slot
        self._template = template
        # A box that copies its data directory has left them out.
        self._ready = {k: list(v) for k, v in template.ready.items()} if slot.level == "bubblewrap" else {}
        self._admin: psycopg.Connection[Any] | None = None
        self._postgres = start_postgres(slot, template)
        self._redis: BoxedRedis | None = start_redis(slot) if redis else None
        self.redis_used = False

    def postgres(self) -> PostgresServer:
        self._postgres.await_ready()
        return self._postgres.server

    def database(self, template: str) -> str | None:
        """The name of a fresh database of that kind if one is left of those made before. Raises psycopg.Error."""
        if not self._ready.get(template):
            return None
        name = self._ready[template].pop()
        take_ready(self._as_admin(), name)
        return name

    def _as_admin(self) -> psycopg.Connection[Any]:
        """The judge's own connection for what only an administrator may do; one for all answers of a submission."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.postgres().url(), connect_timeout=5, autocommit=True)
        return self._admin

    def redis_url(self) -> str:
        self.redis_used = True
        if self._redis is None:
            self._redis = start_redis(self._slot)
        self._redis.await_ready()
        return self._redis.server.url

    def reusable(self) -> bool:
        """Whether the next answer would find the servers as the last one did. A used Valkey is replaced."""
        if self._redis is not None and self.redis_used:
            self._redis.boxed.close()
            self._redis = None
        if not self._postgres.boxed.ready:
            return True
        try:
            admin = self._as_admin()
            admin.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid, 2000) FROM pg_catalog.pg_stat_activity "
                "WHERE usename = 'learner'"
            )
            return admin.execute(TRACES).fetchone() == (self._template.traces,)
        except psycopg.Error:
            return False

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()
        self._postgres.boxed.close()
        if self._redis is not None:
            self._redis.boxed.close()
