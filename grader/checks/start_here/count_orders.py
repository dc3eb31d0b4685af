"""`count_orders`: how many orders a customer has placed, asked while orders keep coming in."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Database, Reply, Resource
from grader.checks.start_here.unit import lab

NOBODY = -1  # the id of no customer


@dataclass(frozen=True)
class Asked:
    """One call. expected: the orders of that customer at that moment."""

    customer: int
    expected: int
    reply: Reply

    @property
    def right(self) -> bool:
        return type(self.reply.value) is int and self.reply.value == self.expected


@dataclass(frozen=True)
class History:
    """first: customers with many and with few orders. newer: one of them again, after one more order."""

    everybody: int  # orders in the table
    first: tuple[Asked, ...]
    newer: Asked
    nobody: Asked
    changed: str = ""  # what the calls changed, in words


@lab.exercise(
    "count_orders",
    points=2,
    read="00-start-here: How a check reads",
    coverage=lambda h: f"{len(h.first) + 2} calls, an order placed between two of them",
    hints=(
        "Which rows of orders belong to the customer, and who can count them without sending them all to you?",
        "conn.execute(sql, parameters) returns a cursor; its fetchone() returns one row, and a row is a tuple.",
        "Select one number with a WHERE on customer_id and a %s in it, fetch the row, and return its first column.",
    ),
)
def count_orders(answer: Answer, bench: Bench) -> History:
    database = bench.database()
    by_orders = database.query(
        "SELECT customer_id FROM public.orders GROUP BY 1 ORDER BY pg_catalog.count(*) DESC, 1"
    )
    ranks = sorted(bench.random("customers").sample(range(20, 600), 3))
    customers = [by_orders[0][0], *(by_orders[rank][0] for rank in ranks)]
    before = _shape(database)
    worker = answer.spawn()
    connection = Resource("connection", database.url("learner"), "conn")

    def ask(customer: int) -> Asked:
        expected = _orders_of(database, customer)
        return Asked(customer, expected, worker.call("count_orders", connection, customer))

    first = tuple(ask(customer) for customer in customers)
    nobody = ask(NOBODY)
    changed = _difference(before, _shape(database))
    _place_order(database, customers[1])
    return History(sum(n for _, n in before if n), first, ask(customers[1]), nobody, changed)


def _orders_of(database: Database, customer: int) -> int:
    ((orders,),) = database.query(
        "SELECT pg_catalog.count(*) FROM public.orders WHERE customer_id = %s", customer
    )
    return int(orders)


def _place_order(database: Database, customer: int) -> None:
    database.execute(
        "INSERT INTO public.orders (id, customer_id, currency, total, shipping_country, shipping_city, shipping_postcode) "
        "SELECT pg_catalog.max(id) + 1, %s, 'EUR', 1, 'FR', 'Lyon', '69001' FROM public.orders",
        customer,
        role="admin",
    )


_SHAPE = """
SELECT c.relname::text, CASE WHEN c.relname = 'orders' AND c.relkind = 'r' THEN
       (SELECT pg_catalog.count(*) FROM public.orders) END
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
 ORDER BY 1
"""


def _shape(database: Database) -> list[tuple[str, int | None]]:
    return [(name, rows) for name, rows in database.query(_SHAPE)]


def _difference(before: list[tuple[str, int | None]], after: list[tuple[str, int | None]]) -> str:
    names = {name for name, _ in before} ^ {name for name, _ in after}
    if names:
        return f"{', '.join(sorted(names))} appeared or went"
    return "" if before == after else "the number of orders changed"


def said(reply: Reply) -> str:
    """What came back, in words."""
    if reply.ended:
        return f"the call ended: {reply.ended}"
    if reply.error:
        return f"{reply.error.type}: {reply.error.message}"
    value = reply.value
    return f"{value!r}" if isinstance(value, int | str | None) else f"{value!r}, a {type(value).__name__}"


@count_orders.property(weight=0)  # doing no harm earns nothing by itself
def only_looks(history: History) -> Ruling:
    """Asking changes nothing in the database."""
    return not history.changed or fail(
        "the tables as they were",
        history.changed,
        "A question is asked of the rows that are there; whatever is stored beside them must be kept up by every writer.",
    )


@count_orders.property(
    needs=["only_looks"],
    misconception="Counting and filtering are the server's work: one SELECT with a WHERE gives one row with one number.",
)
def counts_their_orders(history: History) -> Ruling:
    """The number is that of the customer's own orders, every one of them, as an int."""
    for asked in history.first:
        if not asked.right:
            return fail(
                f"{asked.expected} for customer {asked.customer}",
                said(asked.reply),
                _belief(asked, history.everybody),
            )
    return True


def _belief(asked: Asked, everybody: int) -> str:
    value = asked.reply.value
    if value == everybody:
        return "That is the number of all orders: without a WHERE the whole table is counted."
    if isinstance(value, tuple | list) and len(value) == 1:
        return "A row is a tuple, also when it has one column: the number is its first element."
    if isinstance(value, int) and value < asked.expected:
        return "Some rows were left out: count(column) passes over NULLs, and DISTINCT and LIMIT drop rows as well."
    return ""


@count_orders.property(
    needs=["counts_their_orders"],
    misconception="GROUP BY makes no group of no rows, so there is no row to fetch; a plain count(*) says 0.",
)
def nobody_is_zero(history: History) -> Ruling:
    """A customer without orders has 0 of them."""
    return history.nobody.right or fail("0 for a customer without orders", said(history.nobody.reply))


@count_orders.property(
    needs=["counts_their_orders"],
    misconception="What was remembered is the past; the database is asked each time.",
)
def sees_new_orders(history: History) -> Ruling:
    """An order placed since the last call is counted in the next one."""
    newer = history.newer
    return newer.right or fail(
        f"{newer.expected} for customer {newer.customer}, after one more order", said(newer.reply)
    )
