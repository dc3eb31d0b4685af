"""`fk_delete`: what a foreign key reads when a row it points to goes."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.indexing import ddl
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.work import pages_by_relation
from grader.verdict import Evidence

DELETE = "DELETE FROM products WHERE id = %s"
UNSOLD = 900_000_001  # a product without orders or stock
LIMIT = 20  # pages: two foreign keys, each down a tree
_OWN = {"products", "products_pkey", "products_sku_key"}


@dataclass(frozen=True)
class Work:
    items: int  # rows of order_items
    pages: dict[str, int]  # what one delete visits, by table and index

    @property
    def referring(self) -> int:
        """Pages visited outside products: the work of the foreign keys."""
        return sum(n for name, n in self.pages.items() if name not in _OWN)

    def exhibit(self) -> Evidence:
        rows = [[name, n] for name, n in sorted(self.pages.items(), key=lambda p: -p[1])]
        return Evidence(
            "table",
            f"Pages one delete visits at {self.items:,} order items",
            {"columns": ["in", "pages"], "rows": rows},
        )


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    small: Work | None = None
    large: Work | None = None
    sold: dict[str, str] = field(default_factory=dict)  # deleting a product with orders -> SQLSTATE


@lab.exercise(
    "fk_delete",
    kind="sql",
    points=3,
    read="02-indexing: Foreign keys",
    coverage=lambda h: "2 sizes of the data, products sold and never sold" if h.large else "",
    hints=(
        "EXPLAIN ANALYZE of the DELETE shows a time for triggers beside the plan. What do they have to find out?",
        "A foreign key needs an index on the side it points to; nobody makes one on the side it points from.",
        "For each table that refers to products ask: by which column is it searched, and does an index begin with it?",
    ),
)
def fk_delete(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    applied = ddl.apply(answer, small)
    if not applied.clean or applied.dropped:
        return History(applied)
    at_small, applied = together(lambda: _measure(small), lambda: ddl.apply(answer, large))
    if not applied.clean:
        return History(applied)
    return History(applied, at_small, _measure(large), {"a product with orders": _sold(large)})


def _measure(database: Database) -> Work:
    ((items,),) = database.query("SELECT pg_catalog.count(*) FROM public.order_items")
    database.execute(
        "INSERT INTO products (id, sku, name, category, brand, price) VALUES (%s, 'UNSOLD', 'Unsold', 'kitchen', 'Wick', 1)",
        UNSOLD,
    )
    connection = database.connection("learner")
    with connection.transaction(force_rollback=True):
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a question put off is still asked
        pages_by_relation(connection, DELETE, [UNSOLD])  # the first run also plans what the triggers ask
        return Work(items, pages_by_relation(connection, DELETE, [UNSOLD]))


def _sold(database: Database) -> str:
    connection = database.connection("learner")
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            connection.execute(
                "DELETE FROM inventory WHERE product_id = (SELECT product_id FROM order_items ORDER BY order_id LIMIT 1)"
            )
            connection.execute(
                "DELETE FROM products WHERE id = (SELECT product_id FROM order_items ORDER BY order_id LIMIT 1)"
            )
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


@fk_delete.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows, constraints and settings as they were."""
    return ddl.applies(history.applied)


@fk_delete.property(
    needs=["applies"],
    weight=2,
    misconception="The foreign key searches order_items by product_id: without an index that begins with it, every "
    "line of every order is read.",
)
def cheap(history: History) -> Ruling:
    """What the foreign keys read for one delete stays the same when there are ten times as many order items."""
    assert history.small and history.large
    small, large = history.small.referring, history.large.referring
    if history.large.items < 5 * history.small.items:
        return unknown("the data did not grow")
    if large <= LIMIT and large <= small + 6:
        return True
    return fail(
        f"at most {LIMIT} pages outside products, at both sizes",
        f"{small} pages at {history.small.items:,} order items, {large} at {history.large.items:,}",
        "" if history.applied.added else "Nothing was created that the foreign key could use.",
        [history.large.exhibit()],
    )


@fk_delete.property(
    needs=["cheap"],
    misconception="The foreign key's question was made cheap by no longer caring about the answer.",
)
def still_refused(history: History) -> Ruling:
    """A product that somebody has ordered still cannot be deleted."""
    for words, state in history.sold.items():
        if not state.startswith("23"):
            return fail(
                "refused by the foreign key",
                f"{words} was deleted" if not state else f"{words} failed with SQLSTATE {state}",
            )
    return True


@fk_delete.property(
    needs=["cheap"],
    misconception="A primary key that begins with the column serves the foreign key already; a second index on it is "
    "paid for by every write.",
)
def one_index(history: History) -> Ruling:
    """One index does it: what is searched by an index already needs no other."""
    added = history.applied.added
    return len(added) == 1 or fail("one new index", f"{len(added)}: {'; '.join(i.definition for i in added)}")
