"""Where `row_or_column` runs: the same rows as Parquet files and in Postgres, and the bytes each engine moves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from grader.checks.running import Answer, Bench
from grader.instruments.parquet import duckdb_bytes_scanned
from grader.instruments.work import pages_touched
from grader.shop.generate import generator

ORDERS = 10_000
ROW_GROUP = 2048
PAGE = 8192
SECONDS = 5.0  # a safety net
# What the question means, said otherwise than an answer would: the judge's copy of the rows is filtered in Python.
_ROWS = "SELECT shipping_country, status, placed_at >= TIMESTAMP '2025-10-01' AND placed_at < TIMESTAMP '2026-01-01', total"
_REFERENCE = f"{_ROWS} FROM '{{file}}' WHERE placed_at >= TIMESTAMP '2025-10-01' AND placed_at < TIMESTAMP '2026-01-01'"
_EDGES = """
SELECT 900000 + n AS id, 1 AS customer_id, state AS status, moment AS placed_at, 'EUR' AS currency, 0.01 * n AS total,
       'FR' AS shipping_country, 'Lyon' AS shipping_city, '10001' AS shipping_postcode, NULL AS note
  FROM (VALUES (1001, 'delivered', TIMESTAMP '2025-10-01 00:00:00'), (1002, 'delivered', TIMESTAMP '2026-01-01 00:00:00'),
               (1003, 'delivered', TIMESTAMP '2025-12-31 23:59:59.75'), (1004, 'delivered', TIMESTAMP '2025-12-31 08:00:00'),
               (1005, 'refunded', TIMESTAMP '2025-12-31 08:00:00'), (1006, 'delivered', TIMESTAMP '2025-09-30 23:59:59.75'),
               (1007, 'delivered', TIMESTAMP '2024-11-11 11:11:11')) AS t(n, state, moment)
"""


def write_files(folder: Path, seed: int) -> duckdb.DuckDBPyConnection:
    with generator(ORDERS, seed) as shop:
        for table, more in (("order_items", ""), ("orders", f"UNION ALL BY NAME ({_EDGES})")):
            shop.make(table)
            shop.connection.execute(
                f"COPY (FROM {table} {more}) TO '{folder / table}.parquet' "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
            )
    connection = duckdb.connect(":memory:")
    connection.execute("SET memory_limit = '512MB'; SET TimeZone = 'UTC'; SET threads = 1")
    return connection


def least(connection: duckdb.DuckDBPyConnection, orders: Path) -> int:
    """Bytes that the judge's own query reads."""
    return duckdb_bytes_scanned(connection, _REFERENCE.format(file=orders)).bytes_read


def expected_rows(connection: duckdb.DuckDBPyConnection, orders: Path) -> tuple[Any, ...]:
    found: dict[str, tuple[int, Decimal]] = {}
    for country, status, within, total in connection.execute(f"{_ROWS} FROM '{orders}'").fetchall():
        if within and status == "delivered":
            number, sum_ = found.get(country, (0, Decimal(0)))
            found[country] = (number + 1, sum_ + total)
    return tuple(sorted((c, n, _cents(s)) for c, (n, s) in found.items()))


# Runs the learner's query where the learner's code runs: an engine in the judge's own process would be the judge's risk.
_HELPER = """
import threading
import duckdb
from grader.instruments.parquet import duckdb_bytes_scanned

def look(files, query, seconds):
    connection = duckdb.connect(":memory:")
    connection.execute(f"SET allowed_paths = [{', '.join(repr(file) for file in files.values())}]")
    connection.execute("SET memory_limit = '512MB'; SET TimeZone = 'UTC'; SET threads = 1")
    for table, file in files.items():
        connection.execute(f"CREATE VIEW {table} AS FROM '{file}'")
    connection.execute("SET enable_external_access = false")
    watchdog = threading.Timer(seconds, connection.interrupt)
    watchdog.daemon = True
    watchdog.start()
    try:
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return f"it must be one SELECT, and it is {len(statements)} statements or no SELECT", [], 0
        plain = statements[0].query.strip().rstrip(";")
        rows = connection.execute(plain).fetchmany(1000)
        return "", rows, duckdb_bytes_scanned(connection, plain).bytes_read
    except duckdb.Error as error:
        return f"it raised: {str(error).splitlines()[0]}", [], 0
    finally:
        watchdog.cancel()
"""


def run(answer: Answer, query: str, folder: Path) -> tuple[str, tuple[Any, ...], int]:
    """(what went wrong, rows, bytes). Whatever folder the learner keeps the files in, ours are read.

    Nothing but one SELECT is run, with no file in reach but the two.
    """
    text = re.sub(
        r"""(['"])[^'"\n]*?\b(orders|order_items)\.parquet\1""", lambda m: f"'{folder / m[2]}.parquet'", query
    )
    files = {table: str(folder / f"{table}.parquet") for table in ("orders", "order_items")}
    reply = answer.helper(_HELPER).call("look", files, text, SECONDS, timeout=4 * SECONDS)
    if not reply.ok or not isinstance(reply.value, tuple):
        return "DuckDB came to an end over it, or it took too long", (), 0
    error, rows, read = reply.value
    return str(error).replace(f"{folder}/", "")[:220], tuple(_row(row) for row in rows), read


def _row(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        _cents(value) if isinstance(value, float | Decimal) or (isinstance(value, int) and n == 2) else value
        for n, value in enumerate(row)
    )


def _cents(value: Any) -> Any:
    try:
        return Decimal(str(value)).quantize(Decimal("0.01"))
    except ArithmeticError:
        return value


def measure(connection: duckdb.DuckDBPyConnection, bench: Bench, folder: Path) -> dict[str, tuple[int, int]]:
    """Bytes each engine reads, or writes, for each workload."""
    database = bench.database("shop_small").connection("learner")
    orders, items = folder / "orders.parquet", folder / "order_items.parquet"
    number = bench.random("order").randrange(1, ORDERS)
    month = "SELECT date_trunc('month', placed_at), sum(total) FROM {} GROUP BY 1"
    units = "SELECT product_id, sum(quantity) FROM {} GROUP BY 1"

    def both(sql: str, table: str, file: Path) -> tuple[int, int]:
        read = duckdb_bytes_scanned(connection, sql.format(f"'{file}'")).bytes_read
        return pages_touched(database, sql.format(table)) * PAGE, read

    update = f"UPDATE orders SET status = 'shipped' WHERE id = {number}"
    return {
        "one_order": both(f"SELECT * FROM {{}} WHERE id = {number}", "orders", orders),
        "revenue_by_month": both(month, "orders", orders),
        # A Parquet file is never changed in place: it is read and written anew.
        "mark_shipped": (pages_touched(database, update) * PAGE, 2 * orders.stat().st_size),
        "units_by_product": both(units, "order_items", items),
    }
