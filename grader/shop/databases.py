"""Single steps on whole databases: create, copy, rename, end sessions, drop. Each is done or not done."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Protocol

import psycopg
from psycopg import sql

from grader.shop.load import Connection

OWNER = "learner"
# What lessons look through; those a server does not offer are left out.
EXTENSIONS = (
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_visibility",
    "pg_walinspect",
    "pgrowlocks",
    "pgstattuple",
    "btree_gist",
    "pg_trgm",
)
# Of these the learner's role may call what only reads. (pageinspect insists on a superuser in its code; resetting
# pg_stat_statements or reading the WAL of other databases would reach beyond the learner's own.)
_OPEN = ("pg_buffercache", "pg_freespacemap", "pg_visibility", "pgrowlocks", "pgstattuple")
_LOOKS = """
    SELECT p.oid::regprocedure::text
    FROM pg_proc p
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = ANY (%s) AND p.proname !~ 'truncate|evict|mark_dirty|numa'
"""


class Server(Protocol):
    """What this module needs of `services.PostgresServer`."""

    def url(self, database: str = "postgres", role: str = "admin") -> str: ...


def maintenance(server: Server) -> Connection:
    return psycopg.connect(server.url("postgres", "admin"), autocommit=True)


def exists(admin: Connection, database: str) -> bool:
    return bool(admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone())


def comment(admin: Connection, database: str) -> str | None:
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def commented(database: str, text: str) -> sql.Composed:
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(text))


def rename(admin: Connection, old: str, new: str) -> None:
    end_sessions(admin, old)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (old, new))))


def ensure_owner(admin: Connection) -> None:
    owner = sql.Identifier(OWNER)
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER").format(owner))
    # A setting of the role, because those of a database are not copied with it.
    admin.execute(sql.SQL("ALTER ROLE {} SET TimeZone = 'UTC'").format(owner))


def create_empty(admin: Connection, database: str) -> None:
    """One collation everywhere, so that text sorts, and plans look, alike on every server."""
    modern = admin.info.server_version >= 170000
    locale = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" if modern else ""
    admin.execute(
        sql.SQL(
            "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' "
            + locale
        ).format(sql.Identifier(database), sql.Identifier(OWNER))
    )


def install_extensions(server: Server, database: str) -> None:
    with psycopg.connect(server.url(database, "admin"), autocommit=True) as connection:
        offered = {str(n) for (n,) in connection.execute("SELECT name FROM pg_available_extensions")}
        for extension in EXTENSIONS:
            if extension in offered:
                create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public")
                # On a server that somebody else runs we may be allowed fewer; lessons say so where it matters.
                with suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute(create.format(sql.Identifier(extension)))
        looks = connection.execute(_LOOKS, [list(_OPEN)]).fetchall()
        for (function,) in looks:
            connection.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {OWNER}".encode())
        if looks and connection.execute("SELECT to_regclass('pg_buffercache')").fetchone() != (None,):
            connection.execute(f"GRANT SELECT ON pg_buffercache TO {OWNER}".encode())


def end_sessions(admin: Connection, database: str) -> None:
    """End all sessions in the database and see them gone.

    CREATE, ALTER and DROP DATABASE look again only every 100 ms when somebody is still leaving; we look all the time.
    """
    leaving = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 30
    while admin.execute(leaving, [database]).fetchone():
        if time.monotonic() > deadline:
            raise TimeoutError(f"A session in database {database} does not end; restart the server.")
        time.sleep(0.0005)


def copy(admin: Connection, template: str, database: str, large: bool) -> None:
    """Copying files is faster unless each of them has to be synced; then logging a small database is."""
    unsafe = admin.execute("SHOW fsync").fetchone() == ("off",)
    strategy = "file_copy" if unsafe or large else "wal_log"
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY {}").format(
            *map(sql.Identifier, (database, template, OWNER, strategy))
        )
    )


def drop(admin: Connection, database: str) -> None:
    name = sql.Identifier(database)
    row = admin.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [database]).fetchone()
    if row is None:
        return
    if row == (True,):
        admin.execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(name))
    end_sessions(admin, database)
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
