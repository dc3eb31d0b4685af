"""A database of a lesson's own: nothing a lesson breaks is the learner's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from grader.notebook import servers, sessions


class Scratch:
    """A fresh database on the learner's server, owned by the learner's role, until `drop()`.

    `%%sql`, `%%session` and `explain` work in it from now on. name: dropped first if it is there already.
    setup: SQL that creates what the lesson needs. Deadlocks are noticed within a millisecond, where the server
    lets us say so, instead of a second.
    Raises ServersUnavailable.
    """

    def __init__(self, name: str, setup: str) -> None:
        from grader import services
        from grader.shop import databases

        sessions.close_all()
        try:
            self.server = services.up().postgres
        except services.ServiceError as error:
            raise servers.ServersUnavailable(f"{error} (`grader doctor` says more.)") from None
        self.name = name
        with self._admin() as admin:
            databases.ensure_owner(admin)
            databases.drop(admin, name)
            databases.create_empty(admin, name)
            with suppress(psycopg.errors.InsufficientPrivilege):
                admin.execute(
                    sql.SQL("ALTER ROLE learner IN DATABASE {} SET deadlock_timeout = '1ms'").format(
                        sql.Identifier(name)
                    )
                )
        databases.install_extensions(self.server, name)
        with self.connect() as connection:
            connection.execute(setup.encode())
        servers.use(servers.Session(name))

    def url(self, role: str = "learner") -> str:
        return self.server.url(self.name, role)

    def connect(self, role: str = "learner", *, autocommit: bool = True) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(role), autocommit=autocommit)

    def drop(self) -> None:
        """Ends every session in it and drops it; the magics work in the shop again."""
        from grader.shop import databases

        sessions.close_all()
        servers.current().close()
        servers.use(servers.Session())
        with self._admin() as admin:
            databases.drop(admin, self.name)

    def _admin(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url("postgres", "admin"), autocommit=True)
