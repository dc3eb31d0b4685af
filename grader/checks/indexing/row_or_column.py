"""`row_or_column`: one question asked of Parquet, and which engine reads least for four workloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.indexing.row_or_column_engines import expected_rows, least, measure, run, write_files
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.together import together
from grader.verdict import Evidence

TIMES = 1.25  # the judge's own query; a second look at a column or at another row group is more
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
        lambda: answer.spawn().value("row_or_column").value, lambda: write_files(folder, seed)
    )
    try:
        query, choices = _parts(given)
        measured = measure(connection, bench, folder)
        orders = folder / "orders.parquet"
        needed = least(connection, orders)
        expected = expected_rows(connection, orders)
        error, rows, read = run(answer, query, folder)
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
