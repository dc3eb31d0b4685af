"""Settings of the learner's role outlive a database: `ALTER ROLE learner SET ...` would follow it into later checks.

On a server of the answer's own they go with the server; on a shared one they are put back after each check.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from grader import services

ROLE = "learner"
_STORED = """
SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_roles r ON r.oid = s.setrole WHERE r.rolname = %s AND s.setdatabase = 0
"""


def stored(server: services.PostgresServer) -> dict[str, str]:
    """Setting -> value, as stored for the learner's role in every database of the server."""
    with psycopg.connect(server.url("postgres", "admin"), autocommit=True) as admin:
        return _stored(admin)


def restore(server: services.PostgresServer, before: dict[str, str]) -> None:
    """Puts the role's settings back to `before`, whatever the answer made of them."""
    with psycopg.connect(server.url("postgres", "admin"), autocommit=True) as admin:
        now = _stored(admin)
        for name in sorted(now.keys() | before.keys()):
            if now.get(name) != before.get(name):
                value = sql.Literal(before[name]) if name in before else sql.SQL("DEFAULT")
                setting = sql.Identifier(*name.split("."))
                admin.execute(
                    sql.SQL("ALTER ROLE {} SET {} TO {}").format(sql.Identifier(ROLE), setting, value)
                )


def _stored(admin: psycopg.Connection[tuple[str]]) -> dict[str, str]:
    pairs = (text.partition("=") for (text,) in admin.execute(_STORED, [ROLE]).fetchall())
    return {name: value for name, _, value in pairs}
