"""The small schemas of a lab: made as the prompt shows them, and brought back to their first rows."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from psycopg import sql

from grader.checks.running import Database

# Tables an answer has made for itself are emptied too: what it remembers must not outlive a run of the judge's.
_BY_OWNER = """
create function pg_temp.by_owner(statement text) returns void
language plpgsql security definer set search_path = pg_catalog as 'begin execute statement; end';
create function pg_temp.start_over() returns void
language plpgsql security definer set search_path = pg_catalog as {body};
"""
_START_OVER = """
declare name text; begin
  for name in select c.oid::regclass from pg_class c
               where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' loop
    execute 'delete from ' || name;
  end loop;
  {rows};
end
"""


class Tables:
    """Creates `schema` as the learner's role; calling it empties every table and puts `rows` back in.

    schema, rows: SQL text, several statements. `rows()` reads as the judge's role. What changes rows does so without
    triggers or foreign-key checks, which takes a superuser's session, but in functions that have the learner's
    rights: an index or a constraint of the learner's may call functions, and they must not become a superuser's.
    """

    def __init__(self, database: Database, schema: str, rows: str = "") -> None:
        learner = database.connection("learner")
        learner.execute(schema)
        self._database = database
        self._connection: psycopg.Connection[tuple[Any, ...]] = database.connection("admin")
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):  # of a server that is not ours
            self._connection.execute("set session_replication_role = replica")
        body = sql.Literal(_START_OVER.format(rows=rows or "null"))
        self._connection.execute(sql.SQL(_BY_OWNER).format(body=body))
        owner = sql.Identifier(learner.info.user)
        for function in ("by_owner(text)", "start_over()"):
            self._connection.execute(
                sql.SQL("alter function pg_temp.{} owner to {}").format(sql.SQL(function), owner)
            )
        self()

    def __call__(self) -> None:
        self._connection.execute(b"select pg_temp.start_over()")

    def write(self, statement: str, *params: Any) -> None:
        """Changes rows, as the learner."""
        text = psycopg.ClientCursor(self._connection).mogrify(sql.SQL(statement), params or None)
        self._connection.execute("select pg_temp.by_owner(%s)", [text])

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query, as the judge's role sees them."""
        return self._database.query(sql.SQL(query), *params)
