"""`sargable`: three queries that hide their column from its index, rewritten without a change of meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql as compose

from grader.checks.exercise import Rejected, Ruling, fail, unknown
from grader.checks.indexing.queries import exhibit
from grader.checks.indexing.sargable_rows import make_difficult, phones_to_ask_for
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.fetch import fetch
from grader.instruments.plans import Plan, explain
from grader.instruments.statements import split, without_comments

ORIGINALS = {
    "orders_of_day": "SELECT id FROM orders WHERE (placed_at AT TIME ZONE 'Europe/Paris')::date = %(day)s",
    "customers_by_phone": "SELECT id FROM customers WHERE coalesce(phone, '') = %(phone)s",
    "products_by_sku": "SELECT id FROM products WHERE left(sku, length(%(prefix)s)) = %(prefix)s",
}
PARAMETER = {"orders_of_day": "day", "customers_by_phone": "phone", "products_by_sku": "prefix"}
_SECONDS = 5  # a safety net for a query that went wrong


@dataclass(frozen=True)
class Tried:
    """One rewritten query. differs: the first parameter it gave other rows for, in words."""

    error: str = ""
    differs: str = ""
    plans: tuple[Plan, ...] = ()  # with parameters that few rows satisfy


@dataclass(frozen=True)
class History:
    tried: Mapping[str, Tried] = field(default_factory=dict)


@lab.exercise(
    "sargable",
    kind="value",
    points=3,
    read="02-indexing: Sargable predicates",
    coverage=lambda h: "3 queries, 24 parameters, 3 time zones",
    hints=(
        "Which side of the comparison does the index know: the column as it is, or what the function makes of it?",
        "Leave the column bare and move the arithmetic to the parameter: one comparison may become a range of two.",
        "A day is everything from its first moment up to, and not including, the first moment of the next; ask at each "
        "end whose midnight it is. A prefix is a range as well. What does NULL do on each way?",
    ),
)
def sargable(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_medium")
    random = bench.random("days")
    days = [
        date(2024, 3, 31),
        date(2024, 10, 27),
        date(2024, 2, 29),
        date(2023, 1, 1) + timedelta(random.randrange(700)),
    ]
    given, _ = together(
        lambda: answer.spawn().value("sargable").value, lambda: make_difficult(database, days)
    )
    if not isinstance(given, Mapping):
        raise Rejected(f"`sargable` must be a dict with the keys {', '.join(ORIGINALS)}.")
    phones, prefixes = (
        phones_to_ask_for(database),
        ["KIT-00012", "100%", "A_B", "AXB", "back\\", "O'N", "kit-0001", "KIT-é", "", "%"],
    )
    values: dict[str, list[Any]] = {
        "orders_of_day": [*days, date(1999, 1, 1)],
        "customers_by_phone": phones,
        "products_by_sku": prefixes,
    }
    few: dict[str, list[Any]] = {
        "orders_of_day": days[1:3],
        "customers_by_phone": phones[:1],
        "products_by_sku": ["KIT-00012", "O'N"],
    }
    return History({name: _try(database, given, name, values[name], few[name]) for name in ORIGINALS})


def bind(query: str, name: str, value: Any) -> compose.Composed:
    """The query with its parameter filled in as a literal, so that "%" elsewhere needs no doubling."""
    first, *rest = (compose.SQL(part.replace("%%", "%")) for part in re.split(rf"%\({name}\)s", query))
    return compose.Composed([first, *(piece for part in rest for piece in (compose.Literal(value), part))])


def _try(database: Database, given: Mapping[Any, Any], name: str, values: list[Any], few: list[Any]) -> Tried:
    text, wrong = _one_query(given.get(name), parameter := PARAMETER[name])
    if wrong:
        return Tried(error=wrong)
    connection = database.connection("learner")
    try:
        connection.execute(f"SET statement_timeout = '{_SECONDS}s'")
        for n, value in enumerate(values):
            connection.execute(
                ("SET TimeZone = 'Asia/Tokyo'", "SET TimeZone = 'America/New_York'", "SET TimeZone = 'UTC'")[
                    n % 3
                ]
            )
            if words := _difference(connection, name, text, value):
                return Tried(differs=words)
        plans = [explain(connection, bind(text, parameter, value).as_string(connection)) for value in few]
    except psycopg.Error as error:
        return Tried(error=f"it raised: {error.diag.message_primary or error}")
    finally:
        connection.execute("RESET statement_timeout; RESET TimeZone")
    return Tried(plans=tuple(plans))


def _one_query(given: Any, parameter: str) -> tuple[str, str]:
    """The one statement without its comments, or what is wrong with it."""
    if not isinstance(given, str):
        return "", "it is missing" if given is None else "it is not a text of SQL"
    statements = split(given)
    if len(statements) != 1:
        return "", f"it holds {len(statements)} statements"
    text = without_comments(statements[0].text).strip()
    return text, "" if f"%({parameter})s" in text else f"it does not use %({parameter})s"


def _difference(connection: Any, name: str, text: str, value: Any) -> str:
    def rows(query: str) -> list[tuple[Any, ...]]:
        with connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION READ ONLY")
            return sorted(fetch(connection.cursor(), bind(query, PARAMETER[name], value)), key=repr)

    ours, theirs = rows(ORIGINALS[name]), rows(text)
    if ours == theirs:
        return ""
    shown = "NULL" if value is None else f"“{value}”"
    if theirs and len(theirs[0]) != 1:
        return f"it returns {len(theirs[0])} columns"
    missing, surplus = len(set(ours) - set(theirs)), len(set(theirs) - set(ours))
    what = [f"{missing} rows are missing"] * bool(missing) + [f"{surplus} rows are too many"] * bool(surplus)
    return f"for {PARAMETER[name]} = {shown} {' and '.join(what) or 'rows come more than once'}"


def _ruling(history: History, name: str, mistakes: str) -> Ruling:
    tried = history.tried[name]
    if tried.error:
        return fail(
            f"one query for {name}, with its parameter", tried.error, "Keep the parameter as it is written."
        )
    if tried.differs:
        return fail("the same rows as the original", tried.differs, mistakes)
    for plan in tried.plans:
        returned = plan.root.actual_rows
        removed = sum(n.rows_removed for n in plan.walk())
        scanned = [n for n in plan.walk() if n.node_type == "Seq Scan" and n.relation and n.executed]
        if scanned or removed > 20 + 5 * returned or plan.pages > 20 + 4 * (returned + removed):
            return fail(
                "the rows found through the index on the column",
                f"{(scanned or [plan.bottleneck()])[0].label}: {plan.pages} pages and {removed:,} rows thrown away "
                f"for {returned:,} rows",
                evidence=[exhibit("The query as the server runs it", plan)],
            )
    return True if tried.plans else unknown("the query was not explained")


_HIDDEN = "An index on a column cannot answer for a function of it: the bare column must stand on one side."


@sargable.property(misconception=_HIDDEN)
def orders_of_day(history: History) -> Ruling:
    """`orders_of_day` returns the same orders, whatever the session's time zone, through the index on placed_at."""
    return _ruling(
        history,
        "orders_of_day",
        "The day is the shop's in Paris: it begins and ends at midnight there, not in UTC or the session's zone, is 23 or 25 "
        "hours long twice a year, and its last moment lies before the next midnight.",
    )


@sargable.property(misconception=_HIDDEN)
def customers_by_phone(history: History) -> Ruling:
    """`customers_by_phone` returns the same customers, those without a phone too, through the index on phone."""
    return _ruling(
        history,
        "customers_by_phone",
        "The original finds customers whose phone is NULL when asked for an empty text, and nobody when asked for NULL.",
    )


@sargable.property(misconception=_HIDDEN)
def products_by_sku(history: History) -> Ruling:
    """`products_by_sku` returns the same products, whatever characters the prefix has, through the index on sku."""
    return _ruling(
        history,
        "products_by_sku",
        "In LIKE, the characters %, _ and \\ of a prefix are wildcards unless they are escaped; and a range needs an end "
        "that no continuation of the prefix passes.",
    )
