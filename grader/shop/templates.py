"""Databases on a server: templates made once, copies of them made in milliseconds.

A template is built under the name NAME__building and renamed when it is whole, so the name of a template never
stands for half a template. The comment on the database carries the fingerprint of what it was made from: a template
made by another version of the shop is made again. An advisory lock keeps two builders apart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from grader.shop.generate import SEED
from grader.shop.load import Progress, fill, quiet

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
_LOCK = 0x5409  # advisory lock: one builder at a time on one server


class Server(Protocol):
    """What this module needs of `services.PostgresServer`."""

    def url(self, database: str = "postgres", role: str = "admin") -> str: ...


@dataclass(frozen=True)
class Template:
    """A kind of database: its number of orders (0: no tables at all)."""

    name: str
    orders: int

    @property
    def database(self) -> str:
        """Its name on the server; apart from the learner's own databases, which may live on the same server."""
        return f"template_{self.name}"


TEMPLATES = {
    t.name: t
    for t in (
        Template("empty", 0),
        Template("shop_small", 10_000),
        Template("shop_medium", 100_000),
        Template("shop", 1_000_000),
    )
}


def template(name: str) -> Template:
    """The template of that name; ValueError names those there are."""
    if name not in TEMPLATES:
        raise ValueError(f"There is no template {name!r}; choose one of {', '.join(TEMPLATES)}.")
    return TEMPLATES[name]


def ensure_template(server: Server, name: str, progress: Progress = quiet) -> None:
    """Make the template unless it is there: idempotent, safe to call from several processes, resumes after a kill."""
    kind = template(name)
    with _maintenance(server) as admin:
        if _comment(admin, kind.database) != _fingerprint(kind):
            admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            _build(admin, server, kind, kind.database, progress or quiet)
        _close_to_connections(admin, kind.database)


def ensure_shop(server: Server, name: str = "shop", progress: Progress = quiet) -> None:
    """Make the learner's own database `shop` (a million orders) unless one of that name is there.

    Whatever is there is the learner's work and stays as it is, whichever version made it.
    """
    with _maintenance(server) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not _exists(admin, name):
            _build(admin, server, template("shop"), name, progress or quiet)


def clone(server: Server, name: str, database: str) -> str:
    """Make `database` a fresh copy of the template, owned by the learner's role; returns the learner's URL of it.

    An existing database of that name is replaced. The template must be there (`ensure_template`).
    """
    kind = template(name)
    with _maintenance(server) as admin:
        try:
            _copy(admin, kind.database, database)
        except psycopg.errors.DuplicateDatabase:
            _drop(admin, database)
            _copy(admin, kind.database, database)
    return server.url(database, OWNER)


def drop(server: Server, database: str) -> None:
    """Drop the database if it is there, ending the sessions in it."""
    with _maintenance(server) as admin:
        _drop(admin, database)


def create(database_url: str, orders: int, seed: int = SEED, progress: Progress = quiet) -> None:
    """Generate a shop and load it into the (empty) database at this URL; resumes where an earlier run was killed.

    The objects belong to role learner where the URL's role may become it, else to the URL's role.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'SET')", [OWNER]
        ).fetchone()
    fill(database_url, orders, seed, progress, OWNER if found else None)


def _maintenance(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url("postgres", "admin"), autocommit=True)


def _fingerprint(kind: Template) -> str:
    """Says what a database was made from: the scale, the seed and the text of every source of this package."""
    here = Path(__file__).parent
    sources = b"".join((here / f).read_bytes() for f in ("schema.sql", "macros.sql", "rows.sql"))
    digest = hashlib.sha256(sources + repr((kind, SEED, EXTENSIONS)).encode()).hexdigest()[:16]
    return f"backend-mentor {kind.name}: {kind.orders} orders, seed {SEED}, made from {digest}"


def _exists(admin: psycopg.Connection[tuple[object, ...]], database: str) -> bool:
    return bool(admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone())


def _comment(admin: psycopg.Connection[tuple[object, ...]], database: str) -> str | None:
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def _set_comment(admin: psycopg.Connection[tuple[object, ...]], database: str, text: str) -> None:
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(text)))


def _build(
    admin: psycopg.Connection[tuple[object, ...]],
    server: Server,
    kind: Template,
    database: str,
    progress: Progress,
) -> None:
    """Steps that may each be killed: another call finds the first one that is missing."""
    wanted = _fingerprint(kind)
    if _comment(admin, database) == wanted:  # another process made it while we waited for the lock
        return
    building = f"{database}__building"
    _ensure_owner(admin)
    _end_sessions(admin, building)
    if _comment(admin, building) not in (f"building {wanted}", wanted):
        _drop(admin, building)
        _create_empty(admin, building)
        _set_comment(admin, building, f"building {wanted}")
    if _comment(admin, building) != wanted:
        _install_extensions(server, building)
        if kind.orders:
            fill(server.url(building, "admin"), kind.orders, SEED, progress, OWNER)
        _set_comment(admin, building, wanted)
    _drop(admin, database)  # made by another version of the shop
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (building, database)))
    )


def _ensure_owner(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER").format(sql.Identifier(OWNER)))


def _create_empty(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """One collation everywhere, so that text sorts, and plans look, alike on every server."""
    modern = admin.info.server_version >= 170000
    locale = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" if modern else ""
    admin.execute(
        sql.SQL(
            "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' "
            + locale
        ).format(sql.Identifier(database), sql.Identifier(OWNER))
    )
    admin.execute(sql.SQL("ALTER DATABASE {} SET TimeZone = 'UTC'").format(sql.Identifier(database)))


def _install_extensions(server: Server, database: str) -> None:
    with psycopg.connect(server.url(database, "admin"), autocommit=True) as connection:
        offered = {str(n) for (n,) in connection.execute("SELECT name FROM pg_available_extensions")}
        for extension in EXTENSIONS:
            if extension in offered:
                connection.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(
                        sql.Identifier(extension)
                    )
                )
        # Read-only looks at pages; those that insist on a superuser in their code still refuse.
        connection.execute(
            sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}").format(sql.Identifier(OWNER))
        )


def _close_to_connections(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """Nobody can connect to a template: nobody can change it or be in the way of copying it."""
    row = admin.execute(
        "SELECT datistemplate AND NOT datallowconn FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    if row != (True,):
        admin.execute(
            sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(
                sql.Identifier(database)
            )
        )


def _end_sessions(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """End what a killed builder left running on the server."""
    admin.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        [database],
    )


def _copy(admin: psycopg.Connection[tuple[object, ...]], source: str, database: str) -> None:
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
            *map(sql.Identifier, (database, source, OWNER))
        )
    )


def _drop(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    name = sql.Identifier(database)
    if admin.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [database]).fetchone() == (
        True,
    ):
        admin.execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(name))
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
