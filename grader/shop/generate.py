"""The rows of the shop, made by DuckDB: any scale, the same bytes for the same (orders, seed).

The queries are in rows.sql and their vocabulary in macros.sql; both say how determinism is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

SEED = 1
TABLES = ("customers", "products", "orders", "order_items", "payments", "accounts", "inventory")
_YEARS_IN_SECONDS = 1461 * 86400  # 2022-01-01 to 2026-01-01
_HERE = Path(__file__).parent
# Tab-separated, \N for NULL: what COPY reads in its text format. No generated text holds a tab, newline or backslash.
_COPY_TEXT = r"(FORMAT csv, DELIMITER '\t', HEADER false, NULLSTR '\N', QUOTE '', ESCAPE '')"


@dataclass(frozen=True)
class Scale:
    """Row counts that follow from the number of orders."""

    orders: int

    def __post_init__(self) -> None:
        if not 1 <= self.orders <= 100_000_000:
            raise ValueError(f"A shop has 1 to 100 million orders, not {self.orders}.")

    @property
    def customers(self) -> int:
        return max(20, self.orders // 10)

    @property
    def products(self) -> int:
        return max(20, self.orders // 50)

    @property
    def accounts(self) -> int:
        return max(20, self.orders // 100)


@cache
def sections(file: str, kind: str) -> dict[str, str]:
    """The parts of an SQL file of this package that follow "-- @KIND NAME", by name, in order."""
    parts = re.split(r"^-- @(\w+) (\w+)\n", (_HERE / file).read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {
        name: text for k, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True) if k == kind
    }


def _fill_in(sql: str, scale: Scale, seed: int) -> str:
    values = {
        "orders": scale.orders,
        "customers": scale.customers,
        "products": scale.products,
        "accounts": scale.accounts,
        "span": _YEARS_IN_SECONDS,
        "seed": seed * 2_246_822_519 % 2**32,
    }
    return re.sub(r"\$(\w+)", lambda m: str(values[m[1]]), sql)


@contextmanager
def generator(orders: int, seed: int = SEED, threads: int | None = None) -> Iterator[Generator]:
    """A generator of one shop; close to free until a table is asked for."""
    with duckdb.connect(":memory:") as connection:
        if threads:
            connection.execute(f"SET threads = {threads}")
        connection.execute("SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
        yield Generator(connection, Scale(orders), seed)


class Generator:
    """Tables on demand, in one DuckDB connection; `orders` needs `order_items`, `payments` needs `orders`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scale: Scale, seed: int) -> None:
        self.connection, self.scale, self.seed = connection, scale, seed
        self._made: set[str] = set()
        connection.execute(_fill_in((_HERE / "macros.sql").read_text("utf-8"), scale, seed))
        most = max(scale.orders, scale.customers)  # the smallest shops have more customers than orders
        connection.execute(f"CREATE TABLE numbers AS SELECT i FROM range(1, {most} + 1) t(i)")

    def make(self, table: str) -> None:
        """Make the table, and those it is computed from, inside DuckDB."""
        if table in self._made:
            return
        for needed in {"orders": ["order_items"], "payments": ["orders"]}.get(table, []):
            self.make(needed)
        query = _fill_in(sections("rows.sql", "rows")[table], self.scale, self.seed).strip().rstrip(";")
        self.connection.execute(f"CREATE TABLE {table} AS {query}")
        self._made.add(table)

    def write_text(self, table: str, file: Path) -> None:
        """Write the rows in the text format of Postgres' COPY. May run in a thread of its own once they are made."""
        self.make(table)
        self.connection.cursor().execute(f"COPY (FROM {table}) TO '{_quoted(file)}' {_COPY_TEXT}")

    def write_parquet(self, table: str, file: Path) -> None:
        """Write the rows as Parquet; times are UTC without a zone, attributes is text."""
        self.make(table)
        self.connection.execute(
            f"COPY (FROM {table}) TO '{_quoted(file)}' (FORMAT parquet, COMPRESSION zstd)"
        )


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")


def diagram_svg() -> str:
    """The tables, their columns and how they refer to each other, as an SVG picture."""
    return (_HERE / "schema_diagram.svg").read_text("utf-8")


def write_parquet(folder: Path | str, orders: int, seed: int = SEED) -> list[Path]:
    """Write TABLE.parquet for all seven tables into the folder (made if missing); returns the files.

    The rows are those `create` loads. A file appears only when it is whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with generator(orders, seed) as shop:
        for table in TABLES:
            whole, part = folder / f"{table}.parquet", folder / f".{table}.parquet.part"
            shop.write_parquet(table, part)
            part.replace(whole)
            files.append(whole)
    return files
