"""Databases on a server: templates made once, copies of them made in milliseconds.

A template is built under the name NAME__building and renamed when it is whole, so the name of a template never
stands for half a template. The comment on the database carries the fingerprint of what it was made from: a template
made by another version of the shop is made again. An advisory lock keeps two builders apart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from grader.shop import databases
from grader.shop.databases import OWNER, Server
from grader.shop.generate import SEED
from grader.shop.load import Connection, Progress, fill, quiet

_LOCK = 0x5409  # advisory lock: one builder at a time on one server


@dataclass(frozen=True)
class Template:
    """A kind of database: its number of orders (0: no tables at all)."""

    name: str
    orders: int

    @property
    def database(self) -> str:
        """Its name on the server; apart from the learner's own databases, which may live on the same server."""
        return f"template_{self.name}"

    @property
    def is_large(self) -> bool:
        """More is written by logging a copy than by syncing its 350 files."""
        return self.orders > 10_000


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
    with databases.maintenance(server) as admin:
        if _is_ready(admin, kind):
            return
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if _is_ready(admin, kind):  # another process made it while we waited
            return
        if databases.comment(admin, kind.database) != _fingerprint(kind):
            building = _build(admin, server, kind, kind.database, progress or quiet)
            databases.drop(admin, kind.database)  # made by another version of the shop
            databases.rename(admin, building, kind.database)
        # Nobody can connect to a template: nobody can change it or be in the way of copying it.
        closed = sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")
        admin.execute(closed.format(sql.Identifier(kind.database)))


def ensure_shop(server: Server, name: str = "shop", progress: Progress | None = None) -> None:
    """Make a learner's own database, named like the template it equals, unless one of that name is there.

    Whatever is there is the learner's work and stays as it is, whichever version made it.
    """
    with databases.maintenance(server) as admin:
        if databases.exists(admin, name):
            return
        kind = template(name)
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not databases.exists(admin, name):
            databases.rename(admin, _build(admin, server, kind, name, progress or quiet), name)


def clone(server: Server, name: str, database: str) -> str:
    """Make `database` a fresh copy of the template, owned by the learner's role; returns the learner's URL of it.

    An existing database of that name is replaced. A missing template is made first (seconds: see `ensure_template`).
    """
    kind = template(name)
    with databases.maintenance(server) as admin:
        try:
            databases.copy(admin, kind.database, database, kind.is_large)
        except psycopg.errors.InvalidCatalogName:
            ensure_template(server, name)
            databases.copy(admin, kind.database, database, kind.is_large)
        except psycopg.errors.DuplicateDatabase:
            databases.drop(admin, database)
            databases.copy(admin, kind.database, database, kind.is_large)
    return server.url(database, OWNER)


def drop(server: Server, database: str) -> None:
    """Drop the database if it is there, ending the sessions in it."""
    with databases.maintenance(server) as admin:
        databases.drop(admin, database)


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


def _fingerprint(kind: Template) -> str:
    """Says what a database was made from: the scale, the seed and the sources that make it."""
    here = Path(__file__).parent
    makers = ("schema.sql", "macros.sql", "rows.sql", "generate.py", "load.py", "databases.py")
    sources = b"".join((here / f).read_bytes() for f in makers)
    digest = hashlib.sha256(sources + repr((kind, SEED)).encode()).hexdigest()[:16]
    return f"backend-mentor {kind.name}: {kind.orders} orders, seed {SEED}, made from {digest}"


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
    databases.ensure_owner(admin)
    databases.end_sessions(admin, building)  # what a killed builder left running
    if databases.comment(admin, building) not in (f"building {wanted}", wanted):
        databases.drop(admin, building)
        databases.create_empty(admin, building)
        admin.execute(databases.commented(building, f"building {wanted}"))
    if databases.comment(admin, building) != wanted:
        databases.install_extensions(server, building)
        whole = databases.commented(building, wanted)
        if kind.orders:
            fill(server.url(building, "admin"), kind.orders, SEED, progress, OWNER, at_last=whole)
        else:
            admin.execute(whole)
    return building
