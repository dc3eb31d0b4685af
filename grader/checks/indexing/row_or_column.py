"""`row_or_column`: one question asked of Parquet, and which engine reads least for four workloads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.together import together
from grader.instruments.parquet import duckdb_bytes_scanned
from grader.instruments.work import pages_touched
from grader.shop.generate import generator
from grader.verdict import Evidence

ORDERS = 10_000
ROW_GROUP = 2048
TIMES = 1.25  # the judge's own query; a second look at a column or at another row group is more
PAGE = 8192
SECONDS = 5.0  # a safety net
WORKLOADS = ("one_order", "revenue_by_month", "mark_shipped", "units_by_product")
_NAMES = {
    "postgres": ("postgres", "postgresql", "pg", "row", "rows", "row store", "row-store", "rowstore"),
    "duckdb": (
        "duckdb",
        "duck",
        "parquet",
        "column",
        "columns",
        "column store",
        "column-store",
        "columnstore",
        "columnar",
    ),
}
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


@dataclass(frozen=True)
class History:
    error: str = ""
    rows: tuple[Any, ...] = ()
    expected: tuple[Any, ...] = ()
    bytes_read: int = 0
    needed: int = 0
    choices: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # bytes: Postgres, DuckDB

    def winner(self, workload: str) -> str:
        postgres, duck = self.measured[workload]
        return "postgres" if postgres < duck else "duckdb"


@lab.exercise(
    "row_or_column",
    kind="value",
    points=4,
    read="02-indexing: Row store against column store",
    coverage=lambda h: f"{len(h.expected)} countries, {len(h.measured)} workloads on both engines",
    hints=(
        "How many of the ten columns does the question name, and in how many of the row groups can its rows lie?",
        "Parquet keeps columns apart and, for each row group, the least and greatest value of each; DuckDB skips what "
        "cannot match if the condition compares the column itself.",
        "For the choices ask of each workload: a few whole rows, or a few columns of all rows? And who can change a row "
        "without writing the file anew?",
    ),
)
def row_or_column(answer: Answer, bench: Bench) -> History:
    folder, seed = Path(bench.scratch()), bench.random("seed").randrange(2, 10_000)
    given, connection = together(
        lambda: answer.spawn().value("row_or_column").value, lambda: _files(folder, seed)
    )
    try:
        query, choices = _parts(given)
        measured = _measure(connection, bench, folder)
        orders = folder / "orders.parquet"
        needed = duckdb_bytes_scanned(connection, _REFERENCE.format(file=orders)).bytes_read
        expected = _expected(connection, orders)
        error, rows, read = _run(answer, query, folder)
    finally:
        connection.close()
    return History(error, rows, expected, read, needed, choices, measured)


def _parts(given: Any) -> tuple[str, dict[str, str]]:
    if isinstance(given, (tuple, list)) and len(given) == 2:
        texts = [g for g in given if isinstance(g, str)]
        dicts = [g for g in given if isinstance(g, Mapping)]
        given = {"query": texts[0], "choices": dicts[0]} if texts and dicts else None
    if not isinstance(given, Mapping):
        raise Rejected('`row_or_column` must be a dict with the keys "query" and "choices".')
    choices = given.get("choices", given)
    query = given.get("query", "")
    if not isinstance(choices, Mapping) or not isinstance(query, str):
        raise Rejected('Under "query" belongs a text of SQL, under "choices" a dict.')
    return query, {name: _engine(choices[name]) for name in WORKLOADS if name in choices}


def _engine(said: Any) -> str:
    text = str(said).strip().lower()
    return next((engine for engine, names in _NAMES.items() if text in names), "")


def _files(folder: Path, seed: int) -> duckdb.DuckDBPyConnection:
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


def _expected(connection: duckdb.DuckDBPyConnection, orders: Path) -> tuple[Any, ...]:
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


def _run(answer: Answer, query: str, folder: Path) -> tuple[str, tuple[Any, ...], int]:
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


def _measure(connection: duckdb.DuckDBPyConnection, bench: Bench, folder: Path) -> dict[str, tuple[int, int]]:
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


@row_or_column.property(
    misconception="The quarter begins with its first moment and ends before the first moment of the next; only what was "
    "delivered counts."
)
def same_answer(history: History) -> Ruling:
    """The query returns each country with its number of orders and their revenue, to the cent."""
    if history.error:
        return fail(
            "one DuckDB query over the Parquet files", history.error, "The query is run as it stands."
        )
    if {len(row) for row in history.rows} - {3}:
        return fail("three columns: country, number, revenue", f"{len(history.rows[0])} columns")
    ours, theirs = {*history.expected}, {*history.rows}
    if ours == theirs and len(history.rows) == len(ours):
        return True
    wrong = sorted(ours - theirs)[:1]
    example = (
        f"{wrong[0][0]}: {next((r[1:] for r in theirs if r[0] == wrong[0][0]), 'missing')}"
        if wrong
        else "rows too many"
    )
    return fail(
        f"{len(ours)} countries",
        f"{len(ours - theirs)} countries are wrong or missing; {example}".replace("Decimal", ""),
    )


@row_or_column.property(
    needs=["same_answer"],
    misconception="A column store reads what the query names: a function around a column hides which row groups can match, "
    "and each further column, file or look costs bytes.",
)
def bytes_read(history: History) -> Ruling:
    """No more is read than the four columns of the row groups where the quarter's orders lie."""
    if history.bytes_read <= TIMES * history.needed:
        return True
    return fail(
        f"about {history.needed / 1024:.0f} kB, at most a quarter more",
        f"{history.bytes_read / 1024:.0f} kB",
        evidence=[Evidence("counts", "Bytes", {"needed": history.needed, "read": history.bytes_read})],
    )


@row_or_column.property(
    misconception="A row store finds and changes single rows by reading a few pages; a column store reads few columns of "
    "all rows. What is asked decides, not the size of the table."
)
def choices_win(history: History) -> Ruling:
    """For each of the four workloads the engine chosen is the one that moves fewer bytes."""
    if missing := [name for name in WORKLOADS if name not in history.choices]:
        return fail("a choice for each of the four workloads", f"nothing for {', '.join(missing)}")
    if vague := [name for name, engine in history.choices.items() if not engine]:
        return fail('"postgres" or "duckdb"', f"something else for {', '.join(vague)}")
    wrong = [name for name in WORKLOADS if history.choices[name] != history.winner(name)]
    return not wrong or fail(
        "the engine that moves fewer bytes, four times", f"{len(wrong)} of the 4 choices moves more"
    )
