"""The bench of one check: fresh databases, an empty Redis, private parameters, all gone afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import random
from pathlib import Path
from typing import Any, Literal

import psycopg

from grader import services, shop
from grader.checks.exercise import InfrastructureFault, Rejected
from grader.instruments.fetch import TooManyRows, fetch
from grader.judge import role_settings
from grader.judge.launch import Place
from grader.judge.own_redis import OwnRedis
from grader.judge.stock import Stock, new_name

Role = Literal["judge", "admin", "learner"]


class JudgedBench:
    """Implements `running.Bench` on a place."""

    def __init__(
        self,
        place: Place,
        exercise: str,
        seed: int,
        schedule: str | None = None,
        stock: Stock | None = None,
    ) -> None:
        self.seed = seed
        self.schedule = schedule
        self._stock = stock if not place.owned else None
        self._exercise = exercise
        self._place = place
        self._databases: list[JudgedDatabase] = []
        self._redis: OwnRedis | None = None
        self._settings: dict[str, str] | None = None

    @property
    def postgres(self) -> services.PostgresServer:
        """The server the check's databases live on, for instruments that need its socket."""
        return self._place.postgres

    @property
    def private(self) -> bool:
        """Whether that server is this check's alone; otherwise others' sessions are to be seen on it."""
        return self._place.owned

    def random(self, name: str = "") -> random.Random:
        digest = hashlib.sha256(f"{self.seed}/{self._exercise}/{name}".encode()).digest()
        return random.Random(digest)

    def database(self, template: str = "shop_small") -> JudgedDatabase:
        server = self._place.postgres
        try:
            if self._stock is not None:
                name = self._stock.take(server, template)
            elif (ready := self._place.database(template)) is not None:
                name = ready
            else:
                shop.clone(server, template, name := new_name())
            # After the clone: the very first one builds the template, which gives the role its settings.
            if self._settings is None and not self._place.owned:
                self._settings = role_settings.stored(server)
        except psycopg.Error as error:
            raise InfrastructureFault(f"a fresh database could not be made: {error}") from error
        database = JudgedDatabase(server, name, template)
        self._databases.append(database)
        return database

    def redis_url(self) -> str:
        if self._redis is None:
            self._redis = OwnRedis(self._place.redis_url, alone=self._place.owned)
        return self._redis.url

    def scratch(self) -> Path:
        return self._place.scratch()

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()
        for database in self._databases:
            database.close()
            if self._stock is not None:
                self._stock.give_back(database.name)
            elif not self._place.owned:
                with contextlib.suppress(psycopg.Error):
                    shop.drop(self._place.postgres, database.name)
        if self._settings is not None:
            with contextlib.suppress(psycopg.Error):
                role_settings.restore(self._place.postgres, self._settings)


class JudgedDatabase:
    """Implements `running.Database`; connections are opened once a role and kept for the check."""

    def __init__(self, server: services.PostgresServer, name: str, template: str) -> None:
        self.name = name
        self.template = template
        self._server = server
        self._connections: dict[Role, psycopg.Connection[tuple[Any, ...]]] = {}

    def url(self, role: Role = "learner") -> str:
        return self._server.url(self.name, role)

    def connection(self, role: Role = "judge") -> psycopg.Connection[tuple[Any, ...]]:
        """The judge's own autocommit connection in that role, for instruments; do not close it."""
        connection = self._connections.get(role)
        if connection is None or connection.closed:
            connection = psycopg.connect(self.url(role), autocommit=True)
            self._connections[role] = connection
        return connection

    def query(self, sql: Any, *params: Any, role: Role = "judge") -> list[tuple[Any, ...]]:
        try:
            return fetch(self.connection(role).cursor(), sql, params or None)
        except TooManyRows as error:
            raise Rejected(str(error)) from None
        except psycopg.errors.LockNotAvailable:
            raise Rejected(
                "The answer left a table locked: another session could not read it for five seconds."
            ) from None

    def execute(self, sql: Any, *params: Any, role: Role = "learner") -> None:
        self.connection(role).execute(sql, params or None)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
