"""Brings rows back to what they were, between schedules."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

_COLUMNS = """
select a.attname from pg_catalog.pg_attribute a
where a.attrelid = %s::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by a.attnum
"""

_OWNERS = """
select pg_catalog.array_agg(distinct r.rolname::pg_catalog.text),
       (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
from pg_catalog.unnest(%s::pg_catalog.text[]) t join pg_catalog.pg_class c on c.oid = t::pg_catalog.regclass
join pg_catalog.pg_roles r on r.oid = c.relowner
"""


def _qualified(table: str) -> str:
    schema, _, name = table.rpartition(".")
    return f'"{schema or "public"}"."{name}"'


class SavedRows:
    """The rows of some tables as they are now; calling it brings them back.

        reset = SavedRows(database.url("admin"), {"accounts": "id in (1, 2)", "payments": ""})

    tables: which rows of each table the answer may touch, as an SQL condition; "" for all of a small table.
    Rows are deleted and inserted again as one transaction, without triggers or foreign-key checks where the
    role may switch them off. Sequences go on. About 0.1 ms for a handful of rows.

    A superuser does it in a function of the tables' owner that runs with the owner's rights: a constraint or an
    index may call functions the owner wrote, and they must not become a superuser's.
    """

    def __init__(self, url: str, tables: Mapping[str, str] | Sequence[str]) -> None:
        chosen = dict(tables) if isinstance(tables, Mapping) else dict.fromkeys(tables, "")
        self.connection = psycopg.connect(url, autocommit=True)
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            self.connection.execute("set session_replication_role = replica")
        deletes: list[sql.Composable] = []
        inserts: list[sql.Composable] = []
        for number, (table, condition) in enumerate(chosen.items()):
            name = sql.Identifier(*table.split(".")) if "." in table else sql.Identifier("public", table)
            where = sql.SQL(f" where {condition}" if condition else "")
            saved = sql.Identifier("pg_temp", f"saved_{number}")
            self.connection.execute(
                sql.SQL("create temp table {} as select * from {}{}").format(
                    sql.Identifier(f"saved_{number}"), name, where
                )
            )
            found: list[Any] = self.connection.execute(_COLUMNS, [name.as_string(self.connection)]).fetchall()
            columns = sql.SQL(", ").join(sql.Identifier(c) for (c,) in found)
            deletes.append(sql.SQL("delete from {}{}").format(name, where))
            inserts.append(
                sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
                    name, columns, columns, saved
                )
            )
        statements = sql.SQL("; ").join([*reversed(deletes), *inserts])
        self._restore = self._as_owner(statements, [str(name) for name in chosen])

    def _as_owner(self, statements: sql.Composable, tables: Sequence[str]) -> bytes:
        """What to execute so that `statements` run as one transaction, with no more rights than needed."""
        row: Any = self.connection.execute(_OWNERS, [[_qualified(t) for t in tables]]).fetchone()
        owners, superuser = row
        if not superuser or len(owners) != 1:
            return sql.SQL("begin; {}; commit").format(statements).as_bytes(self.connection)
        owner = sql.Identifier(owners[0])
        for number in range(len(tables)):
            saved = sql.Identifier("pg_temp", f"saved_{number}")
            self.connection.execute(sql.SQL("grant select on {} to {}").format(saved, owner))
        body = sql.Literal(sql.SQL("begin {}; end").format(statements).as_string(self.connection))
        self.connection.execute(
            sql.SQL(
                "create function pg_temp.restore() returns void language plpgsql security definer as {}"
            ).format(body)
        )
        self.connection.execute(sql.SQL("alter function pg_temp.restore() owner to {}").format(owner))
        return b"select pg_temp.restore()"

    def __call__(self) -> None:
        self.connection.execute(self._restore)

    def close(self) -> None:
        self.connection.close()
