"""Databases on a server: templates made once, copies of them made in milliseconds.

A template is built under the name NAME__building and renamed when it is whole, so the name of a template never
stands for half a template. The comment on the database carries the fingerprint of what it was made from: a template
made by another version of the shop is made again. An advisory lock keeps two builders apart.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from grader.shop.generate import SEED
from grader.shop.load import Connection, Progress, fill, quiet

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


def ensure_template(server: Server, name: str, progress: Progress | None = None) -> None:
    """Make the template unless it is there: idempotent, safe to call from several processes, resumes after a kill."""
    kind = template(name)
    with _maintenance(server) as admin:
        if _is_ready(admin, kind):
            return
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if _is_ready(admin, kind):  # another process made it while we waited
            return
        if _comment(admin, kind.database) != _fingerprint(kind):
            building = _build(admin, server, kind, kind.database, progress or quiet)
            _drop(admin, kind.database)  # made by another version of the shop
            _rename(admin, building, kind.database)
        # Nobody can connect to a template: nobody can change it or be in the way of copying it.
        closed = sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")
        admin.execute(closed.format(sql.Identifier(kind.database)))


def ensure_shop(server: Server, name: str = "shop", progress: Progress | None = None) -> None:
    """Make a learner's own database, named like the template it equals, unless one of that name is there.

    Whatever is there is the learner's work and stays as it is, whichever version made it.
    """
    with _maintenance(server) as admin:
        if _exists(admin, name):
            return
        kind = template(name)
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not _exists(admin, name):
            _rename(admin, _build(admin, server, kind, name, progress or quiet), name)


def clone(server: Server, name: str, database: str) -> str:
    """Make `database` a fresh copy of the template, owned by the learner's role; returns the learner's URL of it.

    An existing database of that name is replaced. A missing template is made first (seconds: see `ensure_template`).
    """
    kind = template(name)
    with _maintenance(server) as admin:
        try:
            _copy(admin, kind, database)
        except psycopg.errors.InvalidCatalogName:
            ensure_template(server, name)
            _copy(admin, kind, database)
        except psycopg.errors.DuplicateDatabase:
            _drop(admin, database)
            _copy(admin, kind, database)
    return server.url(database, OWNER)


def drop(server: Server, database: str) -> None:
    """Drop the database if it is there, ending the sessions in it."""
    with _maintenance(server) as admin:
        _drop(admin, database)


def create(database_url: str, orders: int, seed: int = SEED, progress: Progress | None = None) -> None:
    """Generate a shop and load it into the (empty) database at this URL; resumes where an earlier run was killed.

    The objects belong to role learner where the URL's role may become it, else to the URL's role.
    Raises ValueError when a shop is there already.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        if connection.execute(
            "SELECT to_regclass('public.orders') IS NOT NULL AND to_regnamespace('building') IS NULL"
        ).fetchone() == (True,):
            raise ValueError("This database holds a table orders already; name an empty database.")
        found = connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'SET')", [OWNER]
        ).fetchone()
    fill(database_url, orders, seed, progress or quiet, OWNER if found else None)


def _maintenance(server: Server) -> Connection:
    return psycopg.connect(server.url("postgres", "admin"), autocommit=True)


def _fingerprint(kind: Template) -> str:
    """Says what a database was made from: the scale, the seed and the text of every source of this package."""
    here = Path(__file__).parent
    sources = b"".join((here / f).read_bytes() for f in ("schema.sql", "macros.sql", "rows.sql"))
    digest = hashlib.sha256(sources + repr((kind, SEED, EXTENSIONS)).encode()).hexdigest()[:16]
    return f"backend-mentor {kind.name}: {kind.orders} orders, seed {SEED}, made from {digest}"


def _exists(admin: Connection, database: str) -> bool:
    return bool(admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone())


def _comment(admin: Connection, database: str) -> str | None:
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def _commented(database: str, text: str) -> sql.Composed:
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(text))


def _is_ready(admin: Connection, kind: Template) -> bool:
    row = admin.execute(
        "SELECT datistemplate AND NOT datallowconn AND shobj_description(oid, 'pg_database') = %s"
        " FROM pg_database WHERE datname = %s",
        [_fingerprint(kind), kind.database],
    ).fetchone()
    return row == (True,)


def _build(admin: Connection, server: Server, kind: Template, database: str, progress: Progress) -> str:
    """Make DATABASE__building whole and return its name. Every step may be killed: the next call goes on from there."""
    wanted, building = _fingerprint(kind), f"{database}__building"
    _ensure_owner(admin)
    _end_sessions(admin, building)  # what a killed builder left running
    if _comment(admin, building) not in (f"building {wanted}", wanted):
        _drop(admin, building)
        _create_empty(admin, building)
        admin.execute(_commented(building, f"building {wanted}"))
    if _comment(admin, building) != wanted:
        _install_extensions(server, building)
        whole = _commented(building, wanted)
        if kind.orders:
            fill(server.url(building, "admin"), kind.orders, SEED, progress, OWNER, at_last=whole)
        else:
            admin.execute(whole)
    return building


def _rename(admin: Connection, old: str, new: str) -> None:
    _end_sessions(admin, old)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (old, new))))


def _ensure_owner(admin: Connection) -> None:
    owner = sql.Identifier(OWNER)
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER").format(owner))
    # A setting of the role, because those of a database are not copied with it.
    admin.execute(sql.SQL("ALTER ROLE {} SET TimeZone = 'UTC'").format(owner))


def _create_empty(admin: Connection, database: str) -> None:
    """One collation everywhere, so that text sorts, and plans look, alike on every server."""
    modern = admin.info.server_version >= 170000
    locale = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" if modern else ""
    admin.execute(
        sql.SQL(
            "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' "
            + locale
        ).format(sql.Identifier(database), sql.Identifier(OWNER))
    )


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


def _end_sessions(admin: Connection, database: str) -> None:
    """End all sessions in the database and see them gone.

    CREATE, ALTER and DROP DATABASE look again only every 100 ms when somebody is still leaving; we look all the time.
    """
    leaving = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 30
    while admin.execute(leaving, [database]).fetchone():
        if time.monotonic() > deadline:
            raise TimeoutError(f"A session in database {database} does not end; restart the server.")
        time.sleep(0.0005)


def _copy(admin: Connection, kind: Template, database: str) -> None:
    """Copying files is faster unless each of them has to be synced; then logging a small database is."""
    unsafe = admin.execute("SHOW fsync").fetchone() == ("off",)
    strategy = "file_copy" if unsafe or kind.orders > 100_000 else "wal_log"
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY {}").format(
            *map(sql.Identifier, (database, kind.database, OWNER, strategy))
        )
    )


def _drop(admin: Connection, database: str) -> None:
    name = sql.Identifier(database)
    row = admin.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [database]).fetchone()
    if row is None:
        return
    if row == (True,):
        admin.execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(name))
    _end_sessions(admin, database)
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
