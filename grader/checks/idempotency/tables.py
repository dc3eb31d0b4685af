"""The small schemas of this lab: made as the prompt shows them, and brought back to their first rows."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from grader.checks.running import Database

# Tables an answer has made for itself are emptied too: what it remembers must not outlive a run of the judge's.
_EMPTY = """
set session_replication_role = replica;
do $$ declare t record; begin
  for t in select c.oid::pg_catalog.regclass as name from pg_catalog.pg_class c
            where c.relnamespace = 'public'::pg_catalog.regnamespace and c.relkind = 'r' loop
    execute 'delete from ' || t.name;
  end loop;
end $$;
"""


class Tables:
    """Creates `schema` as the learner's role; calling it empties every table and puts `rows` back in.

    schema, rows: SQL text, several statements. The judge's own connection serves `rows()`.
    """

    def __init__(self, database: Database, schema: str, rows: str = "") -> None:
        database.connection("learner").execute(schema)
        self._connection: psycopg.Connection[tuple[Any, ...]] = database.connection("admin")
        self._text = (_EMPTY + rows).encode()
        self()

    def __call__(self) -> None:
        self._connection.execute(self._text)

    def write(self, statement: str, *params: Any) -> None:
        self._connection.execute(sql.SQL(statement), params or None)

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """All rows of a query, as the admin."""
        return self._connection.execute(sql.SQL(query), params or None).fetchall()
