"""How fast a shop is made, and how fast a check gets a fresh one; one line of JSON a figure.

All ways get the same rows and the same keys and references. The rivals load into a durable cluster with default
settings and are handed rows that DuckDB has made already; ours is timed from nothing, generation, VACUUM and ANALYZE included.
`python tests/benchmarks/bench_shop.py [ORDERS]`: a million by default.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from grader import services, shop
from grader.shop.generate import TABLES, Generator, generator, sections
from grader.shop.load import fill

SAMPLE = 20_000  # orders for the way that is too slow for a million: time a row is then taken as constant
CLONES = 60


def figure(name: str, value: float, unit: str, target: float, **detail: object) -> None:
    print(
        json.dumps(
            {"figure": name, "value": round(value, 2), "unit": unit, "target": target, "detail": detail}
        ),
        flush=True,
    )


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


@contextmanager
def database(server: services.PostgresServer) -> Iterator[str]:
    """A new empty database of the durable cluster, as everybody makes one."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS bench")
        admin.execute("CREATE DATABASE bench OWNER learner")
        yield server.url("bench")
        admin.execute("DROP DATABASE bench")
        admin.execute("CHECKPOINT")


def schema(url: str, *kinds: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind in kinds:
            for statements in sections("schema.sql", kind).values():
                connection.execute(statements.encode())


def in_order(kind: str) -> list[str]:
    return list(sections("schema.sql", kind))


def load_rows(url: str, rows: Generator, send: Callable[[psycopg.Cursor, str], None]) -> None:
    schema(url, "table")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table in TABLES:
            send(cursor, table)
    schema(url, "keys", "references")


def by_write_row(rows: Generator) -> Callable[[psycopg.Cursor, str], None]:
    def send(cursor: psycopg.Cursor, table: str) -> None:
        found = rows.connection.execute(f"FROM {table}")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            while batch := found.fetchmany(10_000):
                for row in batch:
                    copy.write_row(row)

    return send


def by_write(folder: Path) -> Callable[[psycopg.Cursor, str], None]:
    def send(cursor: psycopg.Cursor, table: str) -> None:
        with (folder / table).open("rb") as file, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            while block := file.read(1 << 16):
                copy.write(block)

    return send


def by_sqlalchemy(url: str, rows: Generator) -> None:
    """Core inserts of mappings, ten thousand at a time: its fast way ("insertmanyvalues")."""
    import sqlalchemy as sa

    schema(url, "table")
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    metadata = sa.MetaData()
    metadata.reflect(engine, only=list(TABLES))
    with engine.begin() as connection:
        for name in TABLES:
            table, found = metadata.tables[name], rows.connection.execute(f"FROM {name}")
            columns = [c[0] for c in found.description]
            while batch := found.fetchmany(10_000):
                mappings = [dict(zip(columns, row, strict=True)) for row in batch]
                for row in mappings if name == "products" else []:
                    row["attributes"] = json.loads(row["attributes"])
                connection.execute(table.insert(), mappings)
    engine.dispose()
    schema(url, "keys", "references")


def loading(running: services.Services, orders: int) -> None:
    judge, durable = running.judge_postgres, running.postgres
    with psycopg.connect(judge.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench OWNER learner")
    ours = seconds(lambda: fill(judge.url("bench"), orders, owner="learner"))
    shop.drop(judge, "bench")
    with database(durable) as url:
        ours_durable = seconds(lambda: fill(url, orders, owner="learner"))

    with generator(orders) as rows, tempfile.TemporaryDirectory() as folder:
        for table in TABLES:
            rows.write_text(table, Path(folder) / table)
        with database(durable) as url:
            row_by_row = seconds(lambda: load_rows(url, rows, by_write_row(rows)))
        with database(durable) as url:
            ready_text = seconds(lambda: load_rows(url, rows, by_write(Path(folder))))
    with generator(SAMPLE) as rows:
        for table in TABLES:
            rows.make(table)
        with database(durable) as url:
            core = seconds(lambda: by_sqlalchemy(url, rows)) * orders / SAMPLE
    detail = {
        "orders": orders,
        "ours_seconds": round(ours, 2),
        "ours_on_the_durable_cluster_seconds": round(ours_durable, 2),
    }
    figure(
        "shop ready, against psycopg COPY write_row into a default cluster",
        row_by_row / ours,
        "ratio",
        2,
        **detail,
        rival_seconds=round(row_by_row, 2),
        both_durable=round(row_by_row / ours_durable, 2),
    )
    figure(
        "shop ready, against psycopg COPY of text that is ready made into a default cluster",
        ready_text / ours,
        "ratio",
        1,
        **detail,
        rival_seconds=round(ready_text, 2),
        both_durable=round(ready_text / ours_durable, 2),
    )
    figure(
        "shop ready, against SQLAlchemy Core inserts", core / ours, "ratio", 10,
        **detail, rival_seconds=round(core, 1), rival_measured_at_orders=SAMPLE, both_durable=round(core / ours_durable, 2),
    )  # fmt: skip


def cloning(running: services.Services) -> None:
    """As checks do it: copy, change something, drop."""
    server = running.judge_postgres
    shop.ensure_template(server, "shop_small")
    made, dropped = [], []
    for _ in range(CLONES):
        made.append(1000 * seconds(lambda: shop.clone(server, "shop_small", "bench_clone")))
        with psycopg.connect(server.url("bench_clone", "learner")) as connection:
            connection.execute("CREATE INDEX ON orders (customer_id)")
        dropped.append(1000 * seconds(lambda: shop.drop(server, "bench_clone")))
    figure(
        "fresh database for a check", statistics.median(made), "ms", 25,
        worst=round(max(made), 1), drop_median=round(statistics.median(dropped), 1), clones=CLONES,
    )  # fmt: skip


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    home = tempfile.mkdtemp(prefix="bench-shop-")
    Path(home).chmod(0o711)
    os.environ["GRADER_HOME"] = home
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    try:
        running = services.up()
        cloning(running)
        loading(running, orders)
    finally:
        services.down()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
