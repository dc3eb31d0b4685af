"""Rows into Postgres: COPY, then keys, then references, then VACUUM (ANALYZE); resumable at every step.

Each step is one transaction that also writes its name into the table `building.done`, so a build that was killed
anywhere goes on with the first step that is missing. A table is created and filled in one transaction: under
wal_level=minimal its rows are not logged at all, and COPY FREEZE marks its pages all-visible as they are written,
so an index-only scan has no heap fetches from the start. Two connections work side by side where steps allow it.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from grader.shop.generate import SEED, TABLES, Generator, generator, sections

Progress = Callable[[str, float], None]  # what is being done, and the fraction of the whole that is done
Connection = psycopg.Connection[tuple[object, ...]]
Statement = sql.SQL | sql.Composed
_NOTHING = sql.SQL("SELECT")
# In this order the longest steps start first, and what another table is computed from comes before it.
_COPY_ORDER = ("order_items", "orders", "payments", "customers", "products", "inventory", "accounts")
_BLOCK = 1 << 18
# Sorting for an index in memory, a build within one process: what two concurrent builds on two cores do best with.
_SESSION = (
    "SET search_path = public; SET TimeZone = 'UTC'; SET client_encoding = 'UTF8'; SET statement_timeout = 0;"
    " SET lock_timeout = 0; SET synchronous_commit = off; SET maintenance_work_mem = '256MB';"
    " SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0; SET enable_hashjoin = off; SET client_min_messages = warning"
)


def quiet(message: str, fraction: float) -> None:
    """The progress callback that says nothing."""


def fill(
    url: str,
    orders: int,
    seed: int = SEED,
    progress: Progress = quiet,
    owner: str | None = None,
    at_last: Statement = _NOTHING,
) -> None:
    """Make the seven tables in the database at `url` and load them; resumes a fill that was interrupted.

    owner: role the objects shall belong to (default: the role of the connection).
    at_last: a statement that commits together with the end of the fill: the caller's mark that it is whole.
    Raises psycopg.Error as the server gives it (no disk, no permission, a table already there).
    """
    with _Loader(url, orders, seed, progress, owner) as loader:
        loader.run(at_last)


def _vacuum(table: str, connection: Connection) -> None:
    connection.execute(f"VACUUM (ANALYZE) {table}".encode())


class _Loader:
    def __init__(self, url: str, orders: int, seed: int, progress: Progress, owner: str | None) -> None:
        self.url, self.orders, self.seed, self.owner = url, orders, seed, owner
        self._progress, self._lock = progress, threading.Lock()
        self._finished, self._steps = 0, len(self._all_steps()) + 2  # and statistics, and the end
        self.main = self._connect()

    def __enter__(self) -> _Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.main.close()

    def _connect(self) -> Connection:
        connection = psycopg.connect(self.url, autocommit=True)
        connection.execute(_SESSION)
        if self.owner:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.owner)))
        return connection

    @staticmethod
    def _all_steps() -> list[str]:
        references = sections("schema.sql", "references")
        return [*(f"copy {t}" for t in TABLES), *(f"keys {t}" for t in TABLES)] + [
            f"references {t}" for t in references
        ]

    def run(self, at_last: Statement) -> None:
        self._remember()
        self._copy_all()
        self._in_two(
            "keys", ("order_items", "orders", "payments", "customers", "products", "inventory", "accounts")
        )
        # Before the references: with statistics and a visibility map, their check is a merge of two indexes.
        self._report("statistics")
        self._parallel([partial(_vacuum, table) for table in _COPY_ORDER])
        self._in_two("references", ("order_items", "payments", "orders", "inventory"))
        with self.main.transaction():
            self.main.execute("DROP SCHEMA building CASCADE")
            self.main.execute(at_last)
        self._progress("Shop ready", 1.0)

    def _remember(self) -> None:
        self.main.execute("CREATE SCHEMA IF NOT EXISTS building")
        self.main.execute("CREATE TABLE IF NOT EXISTS building.done (step text PRIMARY KEY)")
        self.done = {str(step) for (step,) in self.main.execute("SELECT step FROM building.done")}
        self._finished = len(self.done)

    def _copy_all(self) -> None:
        """This thread makes one table after the other in DuckDB; others write each out and send it to Postgres."""
        missing = [t for t in _COPY_ORDER if f"copy {t}" not in self.done]
        if not missing:
            return
        with (
            tempfile.TemporaryDirectory(prefix="shop-") as folder,
            generator(self.orders, self.seed) as shop,
            ThreadPoolExecutor(2) as pool,
        ):
            copies = []
            for table in missing:
                shop.make(table)
                copies.append(pool.submit(self._copy, shop, table, Path(folder) / table))
            for copy in copies:
                copy.result()

    def _copy(self, shop: Generator, table: str, file: Path) -> None:
        shop.write_text(table, file)
        with file.open("rb") as rows, self._connect() as connection, connection.transaction():
            file.unlink()  # it is gone when it is closed, also when we are killed
            cursor = connection.cursor()
            cursor.execute(sections("schema.sql", "table")[table].encode())
            with cursor.copy(f"COPY {table} FROM STDIN (FREEZE)".encode()) as copy:
                while block := rows.read(_BLOCK):
                    copy.write(block)
            cursor.execute(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> ''",
                [table],
            )
            if cursor.fetchone() == (1,):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
            self._note(cursor, f"copy {table}")

    def _in_two(self, kind: str, tables: Sequence[str]) -> None:
        def step(table: str) -> Callable[[Connection], None]:
            def alter(connection: Connection) -> None:
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.execute(sections("schema.sql", kind)[table].encode())
                    self._note(cursor, f"{kind} {table}")

            return alter

        self._parallel([step(t) for t in tables if f"{kind} {t}" not in self.done])

    def _parallel(self, steps: Sequence[Callable[[Connection], object]]) -> None:
        def run(step: Callable[[Connection], object]) -> None:
            with self._connect() as connection:
                step(connection)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, steps))

    def _note(self, cursor: psycopg.Cursor[tuple[object, ...]], step: str) -> None:
        cursor.execute("INSERT INTO building.done VALUES (%s)", [step])
        self._report(step)

    def _report(self, step: str) -> None:
        with self._lock:
            self._finished += 1
            self._progress(f"Shop of {self.orders:,} orders: {step}", self._finished / self._steps)
