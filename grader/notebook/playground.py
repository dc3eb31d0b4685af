"""A private copy of some tables of the shop, for one lesson to index, vacuum and spoil.

The copy lies in a schema of its own in the learner's database and goes when the lesson ends; the learner's tables
are only read. It has no index, no background vacuum and no parallel plans, so that figures repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from IPython.core.getipython import get_ipython
from psycopg import sql

from grader.instruments import pages as paging
from grader.instruments.indexes import index_sizes
from grader.instruments.plans import Params, Plan, explain
from grader.instruments.work import WalWork, pages_by_relation, wal_per_write
from grader.notebook import magics, servers
from grader.notebook.tables import Table

if TYPE_CHECKING:
    from grader.show.picture import Picture

_QUIET = {
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "synchronize_seqscans": "off",
    "synchronous_commit": "off",
    "maintenance_work_mem": "256MB",
}


class _InSchema(servers.Session):
    """The notebook's connection, looking into the lesson's schema first, also after a reconnection."""

    def __init__(self, schema: str) -> None:
        super().__init__()
        self._schema = schema

    @property
    def conn(self) -> psycopg.Connection[Any]:
        before = self._conn
        conn = super().conn
        if conn is not before:
            for name, value in {**_QUIET, "search_path": f"{self._schema}, public"}.items():
                conn.execute("SELECT set_config(%s, %s, false)", (name, value))
        return conn


class Playground:
    """Copies the tables anew and makes `%%sql` and `explain` look at the copies until `close()`."""

    def __init__(self, name: str, *tables: str) -> None:
        self.schema = f"lesson_{name}"
        self.tables = tables
        self._before = servers.current()
        self._session = _InSchema(self.schema)
        self._copy()
        servers.use(self._session)
        if shell := get_ipython():
            magics.register(shell)

    @property
    def conn(self) -> psycopg.Connection[Any]:
        """The autocommit connection that `%%sql` uses too."""
        return self._session.conn

    def _copy(self) -> None:
        schema = sql.Identifier(self.schema)
        self.conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        self.conn.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        for name in self.tables:
            table = sql.Identifier(name)
            for step in (
                "CREATE TABLE {}.{} (LIKE public.{} INCLUDING DEFAULTS) WITH (autovacuum_enabled = off)",
                "INSERT INTO {}.{} SELECT * FROM public.{}",
                "SELECT count(*) FROM {}.{}",  # the first reader of a row notes in it that its writer has committed
                "ANALYZE {}.{}",
            ):
                self.conn.execute(sql.SQL(step).format(schema, table, table))

    def close(self) -> None:
        """Drops the copies; `%%sql` and `explain` look at the learner's own tables again. Idempotent."""
        self.conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema)))
        self._session.close()
        if servers.current() is self._session:
            servers.use(self._before)

    def run(self, *statements: str) -> None:
        """Runs statements one by one, each in a transaction of its own."""
        for statement in statements:
            self.conn.execute(statement.encode())

    def plan(self, query: str, params: Params = None, *, warm: bool = True) -> Plan:
        """The plan of one execution, rolled back; warm: of a second one, which knows its indexes already."""
        if warm:
            explain(self.conn, query, params)
        return explain(self.conn, query, params)

    def pages(self, query: str, params: Params = None, *, warm: bool = True) -> int:
        """Pages one execution visits, in cache or not; a page visited twice counts twice."""
        return self.plan(query, params, warm=warm).pages

    def pages_by_table(self, statement: str) -> dict[str, int]:
        """Pages a statement visits by table and index, its triggers included; what it writes is rolled back."""
        found = pages_by_relation(self.conn, statement)
        return {name.removeprefix(f"{self.schema}."): found[name] for name in sorted(found)}

    def wal(self, statements: list[str | tuple[str, Any]]) -> WalWork:
        """Write-ahead log of the statements, which are rolled back."""
        return wal_per_write(self.conn, statements)

    def to_parquet(self, table: str, file: Path) -> None:
        """Writes a table's rows, in the order of its first column, into a compressed Parquet file."""
        import duckdb

        whole = sql.SQL("COPY (SELECT * FROM {} ORDER BY 1) TO STDOUT (FORMAT csv, HEADER)")
        text = file.with_suffix(".csv")
        copying = whole.format(sql.Identifier(table))
        with text.open("wb") as out, self.conn.cursor() as cursor, cursor.copy(copying) as copy:
            out.writelines(bytes(piece) for piece in copy)
        with duckdb.connect() as duck:
            duck.execute("SET enable_progress_bar = false; SET threads = 1")  # the same bytes every time
            rows = duck.read_csv(str(text), header=True)
            rows.write_parquet(str(file), compression="zstd")
        text.unlink()

    def compare(self, queries: Mapping[str, str]) -> Table:
        """One line a query: how it was done, rows, rows thrown away, pages."""
        lines = []
        for name, query in queries.items():
            plan = self.plan(query)
            thrown = sum(node.rows_removed for node in plan.walk())
            lines.append((name, shape(plan), plan.root.actual_rows, thrown, plan.pages))
        return Table(("", "how", "rows", "thrown away", "pages"), tuple(lines), len(lines))

    def sizes(self) -> dict[str, int]:
        """Pages of each index of the lesson, by name."""
        found = index_sizes(self.conn)
        mine = "SELECT indexname::text FROM pg_indexes WHERE schemaname = %s ORDER BY 1"
        return {name: found[name] // 8192 for (name,) in self.conn.execute(mine, [self.schema])}

    @contextmanager
    def settings(self, **values: str) -> Iterator[None]:
        """Settings for the statements inside, such as enable_seqscan="off"."""
        for name, value in values.items():
            self.conn.execute("SELECT set_config(%s, %s, false)", (name, value))
        try:
            yield
        finally:
            for name in values:
                self.conn.execute(sql.SQL("RESET {}").format(sql.Identifier(name)))

    @cached_property
    def _admin(self) -> psycopg.Connection[Any]:
        url = servers.ensure().postgres.url(servers.SHOP)
        return psycopg.connect(url, autocommit=True)

    def draw_page(self, table: str, block: int, row: int) -> Picture:
        """A page of a table from the server's memory, one row of it written out."""
        from grader.show.pages import heap_picture

        page = paging.heap_page(self._admin, f"{self.schema}.{table}", block)
        query = sql.SQL("SELECT * FROM {} WHERE ctid = %s::tid").format(sql.Identifier(table))
        cursor = self.conn.execute(query, [f"({block},{row})"])
        values = cursor.fetchone() or ()
        names = [column.name for column in cursor.description or ()]
        return heap_picture(page, table, row, list(zip(names, values, strict=False)))

    def draw_descent(self, index: str, key: int) -> Picture:
        """The pages of a B-tree on one bigint column that a look-up visits."""
        from grader.show.pages import descent_picture

        return descent_picture(paging.descent(self._admin, f"{self.schema}.{index}", key), index, key)


def shape(plan: Plan) -> str:
    """The plan's nodes in a line, the outermost first: "Limit, Sort, Seq Scan", "Bitmap Scan (orders_total)"."""
    names = []
    for node in plan.walk():
        if node.node_type == "Bitmap Index Scan":
            names.append(f"Bitmap Scan ({node.index})")
        elif node.node_type != "Bitmap Heap Scan":
            names.append(f"{node.node_type} ({node.index})" if node.index else node.node_type)
    return ", ".join(names)
