"""Applies an SQL answer to a throw-away database and says what it did there.

The statements run one by one as the learner's role, each in its own transaction (so CREATE INDEX CONCURRENTLY
works), on a connection that is thrown away afterwards together with whatever it set.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import psycopg

from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.running import Answer, Database
from grader.instruments.indexes import Index, index_inventory
from grader.instruments.statements import split

SECONDS = 20.0  # a safety net: building any index of a lab takes a hundredth of it


@dataclass(frozen=True)
class Applied:
    """What the answer's statements did to one database."""

    statements: tuple[str, ...]
    error: str = ""  # the first failure in words; later statements were not run
    added: tuple[Index, ...] = ()
    dropped: tuple[str, ...] = ()  # names of indexes that are gone
    damage: tuple[str, ...] = ()  # what else changed, in words

    @property
    def clean(self) -> bool:
        return not self.error and not self.damage


def apply(answer: Answer, database: Database) -> Applied:
    """Runs the answer's SQL on the database. Raises NotAnswered or Rejected as `answer.sql` does."""
    statements = tuple(s.text.strip() for s in split(answer.sql))
    if len(statements) > 50:
        raise Rejected(f"The answer has {len(statements)} statements; at most 50 are run.")
    connection = database.connection()
    before, indexes = _shape(database), index_inventory(connection)
    error = _run(statements, database)
    after = index_inventory(connection)
    old, new = {i.name for i in indexes}, {i.name for i in after}
    damage = _damage(before, shape := _shape(database))
    _restore_role(database, {*before["(settings)"]}, {*shape["(settings)"]})
    return Applied(
        statements,
        error,
        tuple(i for i in after if i.name not in old),
        tuple(sorted(old - new)),
        damage,
    )


def applies(applied: Applied) -> Ruling:
    """The ruling every exercise begins with: the statements run, and nothing but indexes changed."""
    if applied.error:
        return fail("every statement runs", applied.error)
    if applied.dropped:
        return fail("the indexes that were there stay", f"{', '.join(applied.dropped)} is gone")
    if applied.damage:
        return fail(
            "tables, rows and settings stay as they were",
            "; ".join(applied.damage),
            "The query is to become cheap for everybody who asks it as it is, not by changing what it asks of.",
        )
    return True


def _run(statements: tuple[str, ...], database: Database) -> str:
    connection = psycopg.connect(database.url("learner"), autocommit=True)
    watchdog = threading.Timer(SECONDS, _end, [database, connection.info.backend_pid])
    watchdog.daemon = True
    watchdog.start()
    try:
        for statement in statements:
            try:
                connection.execute(statement, prepare=False)
            except psycopg.Error as error:
                return _words(statement, error)
        return ""
    finally:
        watchdog.cancel()
        connection.close()


def _end(database: Database, pid: int) -> None:
    with psycopg.connect(database.url("admin"), autocommit=True) as admin:
        admin.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])


def _words(statement: str, error: psycopg.Error) -> str:
    text = " ".join(statement.split())
    shown = text if len(text) <= 90 else text[:87] + "..."
    if error.sqlstate == "57P01" or error.sqlstate is None:
        return f"“{shown}” was still running after {SECONDS:.0f} seconds, or ended its own session"
    return f"“{shown}” raised {error.diag.message_primary or error}"


_TABLES = """
SELECT c.relname, c.relkind::text, c.relpersistence::text,
       (SELECT pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                 || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid),
       c.relrowsecurity, c.reloptions::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_SETTINGS = """
SELECT pg_catalog.unnest(setconfig) FROM pg_catalog.pg_db_role_setting
 WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
"""


def _shape(database: Database) -> dict[str, Any]:
    """What indexes must not change: tables with their columns and row counts, and stored settings."""
    found: dict[str, Any] = {}
    for name, kind, *rest in database.query(_TABLES):
        rows = 0
        if kind == "r":  # asserted first: selecting from a view would run the learner's functions
            ((rows,),) = database.query(
                psycopg.sql.SQL("SELECT pg_catalog.count(*) FROM public.{}").format(
                    psycopg.sql.Identifier(name)
                )
            )
        found[name] = (kind, *rest, rows)
    settings = [s for (s,) in database.query(_SETTINGS) if not s.startswith("search_path=pg_catalog")]
    return {**found, "(settings)": sorted(settings)}


def _restore_role(database: Database, before: set[str], after: set[str]) -> None:
    """Settings of a role outlive the database, and would follow the role into every later check."""
    kept = dict(setting.split("=", 1) for setting in before)
    for name in sorted({setting.split("=", 1)[0] for setting in after ^ before}):
        value = psycopg.sql.Literal(kept[name]) if name in kept else psycopg.sql.SQL("DEFAULT")
        database.execute(
            psycopg.sql.SQL("ALTER ROLE learner SET {} TO {}").format(
                psycopg.sql.Identifier(*name.split(".")), value
            ),
            role="admin",
        )


def _damage(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    words = []
    for name in sorted({*before, *after}):
        if name not in after:
            words.append(f"table {name} is gone")
        elif name not in before:
            words.append(f"a new relation {name} appeared")
        elif before[name] != after[name]:
            if name == "(settings)":
                words.append("stored settings were changed")
            elif before[name][-1] != after[name][-1]:
                words.append(f"{name} had {before[name][-1]} rows and now has {after[name][-1]}")
            else:
                words.append(f"table {name} itself was altered")
    return tuple(words)
