"""Work, not time: pages touched, WAL written, bytes read, and how each grows with the data.

These figures are the same on a loaded laptop and a quiet server. Everything is read through the connection given, by
catalog-qualified names, so a role with search_path=pg_catalog reads the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import sql as compose
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from grader.instruments.indexes import Index, index_inventory, index_sizes, redundant
from grader.instruments.parquet import Scanned, duckdb_bytes_scanned
from grader.instruments.plans import Params, explain

__all__ = [
    "Growth",
    "Index",
    "Scanned",
    "WalWork",
    "duckdb_bytes_scanned",
    "growth",
    "index_inventory",
    "index_sizes",
    "pages_by_relation",
    "pages_touched",
    "redundant",
    "wal_per_write",
]

Connection = psycopg.Connection[Any]


def pages_touched(connection: Connection, sql: str, params: Params = None) -> int:
    """8 kB pages one execution visits, index and heap, in cache or not; planning and triggers are left out.

    The statement runs twice and the second run counts, because the first also fills the catalog caches and sets
    hint bits. Nothing is kept of a write. For what triggers do as well see `pages_by_relation`.
    """
    explain(connection, sql, params)
    return explain(connection, sql, params).pages


_FETCHED = """
SELECT n.nspname, c.relname, pg_catalog.pg_stat_get_xact_blocks_fetched(c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,pg_toast,information_schema}'::pg_catalog.name[])
   AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,i,m,p}'::pg_catalog."char"[])
   AND pg_catalog.pg_stat_get_xact_blocks_fetched(c.oid) OPERATOR(pg_catalog.>) 0
"""


def pages_by_relation(connection: Connection, sql: str, params: Params = None) -> dict[str, int]:
    """Pages one execution visits, by table and index, what its triggers do (foreign keys, cascades) included.

    {"order_items": 336, "products": 4}; relations outside schema public as "schema.name". Counted by the backend
    for itself, so nobody else's work shows. What planning visits is measured apart and subtracted. Nothing is kept.
    """
    with (
        connection.transaction(force_rollback=True),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):

        def fetched() -> dict[str, int]:
            cursor.execute(_FETCHED)
            return {(t if s == "public" else f"{s}.{t}"): n for s, t, n in cursor.fetchall()}

        def run(text: str) -> dict[str, int]:
            before = fetched()
            cursor.execute(compose.SQL(text) if params is None else text, params, binary=True)
            return {name: n - before.get(name, 0) for name, n in fetched().items()}

        run(f"EXPLAIN {sql}")  # the first planning also fills caches
        planning = run(f"EXPLAIN {sql}")
        whole = run(sql)
    return {name: n - planning.get(name, 0) for name, n in whole.items() if n > planning.get(name, 0)}


class Growth(StrEnum):
    """How work grows with the data, from least to most."""

    CONSTANT = "constant"
    LOGARITHMIC = "logarithmic"
    SUBLINEAR = "sublinear"
    LINEAR = "linear"
    SUPERLINEAR = "superlinear"

    def within(self, limit: Growth) -> bool:
        """True if this is no worse than `limit`."""
        order = list(Growth)
        return order.index(self) <= order.index(limit)


def growth(small: float, large: float, scale: float) -> Growth:
    """The growth class of work that was `small` and became `large` when the data grew `scale`-fold.

    The exponent e of large = small * scale**e decides. The bounds, with the factor at a tenfold scale:
    constant e <= 0.1 (1.26), or at most 2 more, which is what one more level of a B-tree costs a look-up;
    logarithmic e <= 0.3 (2.0), a B-tree descended once a row; sublinear e < 0.8 (6.3); linear e <= 1.2 (15.8).
    Raises ValueError unless scale is above 1: growth cannot be seen without growing.
    """
    if scale <= 1:
        raise ValueError(f"The larger data must be larger: a scale of {scale:g} shows no growth.")
    if large - small <= 2:
        return Growth.CONSTANT
    exponent = math.log(max(large, 1) / max(small, 1)) / math.log(scale)
    for limit, kind in ((0.1, Growth.CONSTANT), (0.3, Growth.LOGARITHMIC)):
        if exponent <= limit:
            return kind
    if exponent < 0.8:
        return Growth.SUBLINEAR
    return Growth.LINEAR if exponent <= 1.2 else Growth.SUPERLINEAR


@dataclass(frozen=True)
class WalWork:
    """Write-ahead log of `statements` statements, triggers included. Divide by `statements` for one."""

    statements: int
    records: int
    bytes: int
    full_pages: int  # full-page images: 0 unless checkpoints kept coming; then `bytes` says little

    @property
    def records_each(self) -> float:
        return self.records / self.statements

    @property
    def bytes_each(self) -> float:
        return self.bytes / self.statements


_BACKEND_WAL = """
SELECT wal_records, wal_fpi, wal_bytes::pg_catalog.int8
  FROM pg_catalog.pg_stat_get_backend_wal(pg_catalog.pg_backend_pid())
"""


def wal_per_write(
    connection: Connection, statements: Sequence[str | tuple[str, Sequence[Any]]], *, attempts: int = 20
) -> WalWork:
    """WAL that the statements write, run in order in one transaction that is rolled back.

    statements: SQL, or (SQL, params). PostgreSQL 18 counts WAL for each backend, so other sessions do not show and
    the work of triggers does. The first change of a page after a checkpoint logs the whole page (up to 8 kB), and with
    checksums the first hint bit set in it logs a record. A checkpoint may come at any time, for instance with a
    database that somebody else creates; so a first run warms up, and runs are repeated until one was preceded by
    another since the last checkpoint. Records are then the same from run to run to about 2 per cent (page splits and
    pruning), bytes to about 3: leave that much room in a budget.
    Raises ValueError without statements, inside a transaction, or on a server before version 18.
    """
    if not statements:
        raise ValueError("There is nothing to measure: give at least one statement.")
    if connection.info.server_version < 180000:
        raise ValueError("WAL for each session is counted from PostgreSQL 18 on: use that or newer.")
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        raise ValueError("WAL is counted between transactions: end the connection's transaction first.")
    checkpoint = _last_checkpoint(connection)
    _wal_of(connection, statements)
    for _ in range(attempts):
        work = _wal_of(connection, statements)
        before, checkpoint = checkpoint, _last_checkpoint(connection)
        if before == checkpoint and not work.full_pages:
            break
    return work


def _last_checkpoint(connection: Connection) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT redo_lsn::text FROM pg_catalog.pg_control_checkpoint()")
        (found,) = cursor.fetchone() or ("",)
        return str(found)


def _wal_of(connection: Connection, statements: Sequence[str | tuple[str, Sequence[Any]]]) -> WalWork:
    with connection.cursor(row_factory=tuple_row) as cursor:

        def counted() -> tuple[int, int, int]:
            with connection.transaction():
                cursor.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
            with connection.transaction():  # statistics are flushed between transactions
                records, full_pages, size = cursor.execute(_BACKEND_WAL).fetchone() or (0, 0, 0)
            return records, full_pages, size

        before = counted()
        with connection.transaction(force_rollback=True):
            for statement in statements:
                text, params = (statement, None) if isinstance(statement, str) else statement
                cursor.execute(compose.SQL(text) if params is None else text, params, binary=True)
        after = counted()
    records, full_pages, size = (b - a for a, b in zip(before, after, strict=True))
    return WalWork(len(statements), records, size, full_pages)
