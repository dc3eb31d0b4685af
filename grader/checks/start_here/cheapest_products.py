"""`cheapest_products`: the first SQL answer, judged by the rows it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Database
from grader.checks.start_here.unit import lab
from grader.instruments.statements import split

COLUMNS = ("id", "name", "price")
SHOWN = 5
_SECONDS = 5  # a safety net for a query that went wrong
_SOLD = "SELECT id, name, price FROM public.products WHERE discontinued_at IS NULL ORDER BY price, id"


@dataclass(frozen=True)
class History:
    """expected, rows: (id, name, price). sold: every product that still is."""

    expected: tuple[tuple[Any, ...], ...]
    sold: frozenset[tuple[Any, ...]]
    error: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


@lab.exercise(
    "cheapest_products",
    kind="sql",
    points=2,
    read="00-start-here: How a check reads",
    coverage=lambda h: "prices with ties, and cheaper products that are sold no more",
    hints=(
        "Which column says that a product is sold no more, and what is in it while it is sold?",
        "NULL is neither equal nor unequal to anything: SQL has an operator of its own for it.",
        "WHERE with IS NULL, ORDER BY two columns, and a LIMIT.",
    ),
)
def cheapest_products(answer: Answer, bench: Bench) -> History:
    database = bench.database()
    _make_ties(database, bench.random("prices").randint(2, 40))
    everything = database.query(_SOLD)
    return _ask(answer.sql, database, tuple(everything[:SHOWN]), frozenset(everything))


def _make_ties(database: Database, cents: int) -> None:
    """Seven products at one low price, entered in no order, and two cheaper ones that are sold no more."""
    price = Decimal(cents) / 100
    cheaper = price - Decimal("0.01")
    new = [(n, price, None) for n in (5, 2, 7, 1, 6, 3, 4)] + [
        (8, cheaper, "2024-05-01"),
        (9, cheaper, "2099-01-01"),
    ]
    for n, amount, gone in new:
        database.execute(
            "INSERT INTO public.products (id, sku, name, category, brand, price, discontinued_at) "
            "VALUES (9000000 + %s, 'TIE-' || %s::text, 'Sample ' || %s::text, 'kitchen', 'Wick', %s, %s)",
            n, n, n, amount, gone,
        )  # fmt: skip
    database.execute("UPDATE public.products SET price = price + 0.01 WHERE id = 9000003")


def _ask(
    text: str, database: Database, expected: tuple[tuple[Any, ...], ...], sold: frozenset[tuple[Any, ...]]
) -> History:
    statements = split(text)
    if len(statements) != 1:
        return History(expected, sold, f"the answer holds {len(statements)} statements")
    try:
        with psycopg.connect(database.url("learner"), autocommit=True) as connection:
            connection.execute(f"SET statement_timeout = '{_SECONDS}s'")
            connection.execute("SET default_transaction_read_only = on")
            cursor = connection.execute(statements[0].text.encode(), prepare=False)
            if cursor.description is None:
                return History(expected, sold, f"{cursor.statusmessage} returns no rows")
            columns = tuple(c.name for c in cursor.description)
            return History(expected, sold, "", columns, tuple(map(_exact, cursor.fetchmany(1000))))
    except psycopg.Error as error:
        return History(expected, sold, str(error.diag.message_primary or error))


def _exact(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A price is a price, whichever type of number it was cast to."""
    return tuple(Decimal(str(value)) if isinstance(value, float) else value for value in row)


@cheapest_products.property(weight=0)
def answers(history: History) -> Ruling:
    """It is one query, and its columns are id, name and price."""
    if history.error:
        return fail("one query that runs and only looks", history.error)
    return history.columns == COLUMNS or fail(
        "the columns id, name, price",
        f"the columns {', '.join(history.columns)}",
        "Readers rely on names and order.",
    )


@cheapest_products.property(
    needs=["answers"],
    misconception="NULL means that there is no such date. A comparison with NULL is never true: ask IS NULL.",
)
def still_sold(history: History) -> Ruling:
    """Products that are sold no more do not appear."""
    if not history.rows:
        return fail(f"{SHOWN} products that are still sold", "no row at all")
    others = [row for row in history.rows if row not in history.sold]
    return not others or fail(
        "only products whose discontinued_at is NULL",
        f"{_named(others[:1])}, which is no product that is still sold",
    )


@cheapest_products.property(
    needs=["still_sold"],
    misconception="Rows come in no order unless ORDER BY gives one, and equal prices in no order unless it goes on.",
)
def the_cheapest_in_order(history: History) -> Ruling:
    """They are the five cheapest, cheapest first, equal prices by id."""
    if history.rows == history.expected:
        return True
    if len(history.rows) != SHOWN:
        return fail(f"{SHOWN} rows", f"{len(history.rows)} rows", "How many rows are kept is said by LIMIT.")
    if [row[2] for row in history.rows] == [row[2] for row in history.expected]:
        return fail(
            _named(history.expected),
            f"{_named(history.rows)}: the prices are right, equal ones are not by id",
        )
    return fail(_named(history.expected), _named(history.rows))


def _named(rows: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{row[0]} at {row[2]}" for row in rows)
