"""`email_lookup`: one expression index that finds a customer whatever the case, and forbids a second one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from grader.checks.exercise import Ruling, fail
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import Scale, exhibit, measure
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together

QUERY = """
SELECT id, name
  FROM customers
 WHERE lower(email) = lower(%s)"""
LIMIT = 10  # pages: down a tree of any sensible size, and one row
_INSERT = """
INSERT INTO customers (email, name, country, city, postcode)
SELECT {email}, name, country, city, postcode FROM customers WHERE id = {id}"""


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    small: Scale | None = None
    large: Scale | None = None
    # what was written -> the SQLSTATE it was refused with, "" if it was accepted
    duplicates: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@lab.exercise(
    "email_lookup",
    kind="sql",
    points=3,
    read="02-indexing: Expression indexes",
    coverage=lambda h: f"2 sizes of the data, {len(h.duplicates) + len(h.others)} writes" if h.large else "",
    hints=(
        "An index on email holds addresses as they were typed. What would it have to hold to answer this WHERE?",
        "The key of an index may be an expression; the planner uses it where the query has the very same expression.",
        "An index can forbid as well as find: what is UNIQUE over an expression must differ in its value.",
    ),
)
def email_lookup(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    applied = ddl.apply(answer, small)
    if not applied.clean or applied.dropped:
        return History(applied)
    random = bench.random("customers")
    known = random.randrange(1, 1000)
    other = random.choice(_strangers(small, known))
    duplicates, others = _writes(small, known, other)
    at_small, applied = together(
        lambda: (_measure(small, known), _tried(small, duplicates), _tried(small, others)),
        lambda: ddl.apply(answer, large),
    )
    if not applied.clean:
        return History(applied)
    measured, refused, accepted = at_small
    return History(applied, measured, _measure(large, known), refused, accepted)


def _strangers(database: Database, known: int) -> list[int]:
    """Customers who have nothing in common with that one: a key that holds more than the address tells them apart."""
    rows = database.query(
        "SELECT other.id FROM public.customers other, public.customers known "
        "WHERE known.id OPERATOR(pg_catalog.=) %s AND other.name OPERATOR(pg_catalog.<>) known.name "
        "AND other.country OPERATOR(pg_catalog.<>) known.country AND other.city OPERATOR(pg_catalog.<>) known.city "
        "AND other.postcode OPERATOR(pg_catalog.<>) known.postcode ORDER BY other.id",
        known,
    )
    return [id for (id,) in rows]


def _measure(database: Database, known: int) -> Scale:
    ((email,),) = database.query(
        "SELECT email FROM public.customers WHERE id OPERATOR(pg_catalog.=) %s", known
    )
    return measure(database, QUERY, [[email], [email.swapcase()], ["nobody@example.com"]])


def _writes(database: Database, known: int, other: int) -> tuple[dict[str, str], dict[str, str]]:
    ((email,),) = database.query(
        "SELECT email FROM public.customers WHERE id OPERATOR(pg_catalog.=) %s", known
    )

    def insert(address: str) -> str:
        return _INSERT.format(email=psycopg.sql.Literal(address).as_string(), id=known)

    def update(customer: int, change: str) -> str:
        return f"UPDATE customers SET email = {change} WHERE id = {customer}"

    taken = psycopg.sql.Literal(email.swapcase()).as_string()
    return (
        {
            "a second customer with the same address": insert(email),
            "a second customer with the address in another case": insert(email.swapcase()),
            "a second customer with the address in capitals": insert(email.upper()),
            "a customer who changes to somebody else's address in another case": update(other, taken),
        },
        {
            "a customer of the same name and city with an address of their own": insert("new." + email),
            "somebody of the same name before the @, with another provider": insert(
                email.split("@")[0] + "@elsewhere.example"
            ),
            "a customer who changes only the case of their own address": update(known, taken),
            "a customer who changes to an address nobody has": update(other, "'x.' || email"),
        },
    )


def _tried(database: Database, writes: Mapping[str, str]) -> dict[str, str]:
    connection = database.connection("learner")
    outcome = {}
    for words, statement in writes.items():
        outcome[words] = ""
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            outcome[words] = error.sqlstate or "?"
    return outcome


@email_lookup.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@email_lookup.property(
    needs=["applies"],
    misconception="An index serves an expression only if it holds that very expression; one on the bare column "
    "knows nothing of lower(email).",
)
def used(history: History) -> Ruling:
    """The query as written finds its customer through the new index, at both sizes."""
    assert history.small and history.large
    names = [i.name for i in history.applied.added]
    for scale in (history.small, history.large):
        for plan in scale.plans:
            if not any(plan.uses_index(name) for name in names) or plan.pages > LIMIT:
                return fail(
                    f"a look-up in the new index, at most {LIMIT} pages",
                    f"{plan.bottleneck().label}, {plan.pages} pages at {scale.orders // 10:,} customers",
                    "" if names else "Nothing was created that a query could use.",
                    [exhibit("The query as the server runs it", plan)],
                )
    return True


@email_lookup.property(
    needs=["applies"],
    misconception="UNIQUE compares what the index holds: two addresses that differ in case only are different texts.",
)
def refuses_duplicates(history: History) -> Ruling:
    """A second customer with the same address is refused, in whatever case it is written."""
    for words, refused in history.duplicates.items():
        if not refused:
            return fail("refused as a duplicate", f"{words} was accepted")
        if not refused.startswith("23"):
            return fail("refused by a constraint", f"{words} was refused with SQLSTATE {refused}")
    return True


@email_lookup.property(
    needs=["refuses_duplicates"],
    misconception="The address alone must be unique: what else is forbidden turns honest customers away.",
)
def accepts_others(history: History) -> Ruling:
    """Everybody else is still accepted, and a customer may change the case of their own address."""
    for words, refused in history.others.items():
        if refused:
            return fail("accepted", f"{words} was refused with SQLSTATE {refused}")
    return True


@email_lookup.property(
    needs=["used", "refuses_duplicates"],
    misconception="A unique index is an index: the one that forbids also finds, and a second one is only paid for.",
)
def one_index(history: History) -> Ruling:
    """One index does both."""
    added = history.applied.added
    return len(added) == 1 or fail("one new index", f"{len(added)}: {'; '.join(i.definition for i in added)}")
