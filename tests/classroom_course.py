"""A small real course for class runs: a lab with a function, an SQL text, a value, a database and a Redis."""

from __future__ import annotations

import copy
import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LAB = "92-till"
CHECKS = '''
"""Checks of the till: small, but each on the real servers."""
from grader.checks.exercise import LabChecks, fail
from grader.checks.running import Resource

lab = LabChecks("92-till", context="import psycopg\\nfrom decimal import Decimal")
HINTS = ("What must hold?", "Look at the rows.", "One statement.")


@lab.exercise("add_up", points=2, hints=HINTS)
def add_up(answer, bench):
    chance = bench.random("amounts")
    amounts = [chance.randrange(1, 1000) for _ in range(6)]
    return amounts, answer.spawn().call("add_up", amounts)


@add_up.property(misconception="The largest is not the sum.")
def right_sum(history):
    """The sum counts every amount once."""
    amounts, reply = history
    good = type(reply.value) is int and reply.value == sum(amounts)
    return good or fail("the sum of all amounts", repr(reply.value)[:100])


@lab.exercise("pay", points=4, hints=HINTS)
def pay(answer, bench):
    database = bench.database("empty")
    database.execute("CREATE TABLE public.till (id int PRIMARY KEY, balance int NOT NULL)")
    database.execute("INSERT INTO public.till VALUES (1, 100), (2, 50)")
    amount = bench.random("amount").randrange(5, 60)
    reply = answer.spawn().call("pay", Resource("connection", database.url("learner")), 1, amount)
    kind = database.query("SELECT relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                          "ON n.oid = c.relnamespace WHERE nspname = 'public' AND relname = 'till'")
    rows = database.query("SELECT id, balance FROM public.till ORDER BY id") if kind == [("r",)] else []
    return amount, rows, reply


@pay.property(misconception="What is not committed is gone.")
def paid(history):
    """The till holds less by what was paid, the other is untouched."""
    amount, rows, reply = history
    return rows == [(1, 100 - amount), (2, 50)] or fail(f"100 less {amount}", f"{rows}")


@lab.exercise("count_rows", points=2, kind="sql", hints=HINTS)
def count_rows(answer, bench):
    database = bench.database("empty")
    many = bench.random("rows").randrange(10, 99)
    database.execute(f"CREATE TABLE public.sales AS SELECT generate_series(1, {many}) AS id")
    try:
        return many, database.query(answer.sql.rstrip().rstrip(";"), role="learner")
    except Exception as error:
        return many, type(error).__name__


@count_rows.property()
def counts(history):
    """Every sale is counted."""
    many, rows = history
    return rows == [(many,)] or fail(f"one row: {many}", str(rows)[:200])


@lab.exercise("remember", points=1, hints=HINTS)
def remember(answer, bench):
    import redis
    url = bench.redis_url()
    value = str(bench.random("value").randrange(10**6))
    answer.spawn().call("remember", Resource("redis", url), "key", value)
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return value, client.get("key"), client.dbsize()


@remember.property()
def kept(history):
    """The value is kept under the key, and nothing else."""
    value, found, size = history
    return (found == value and size == 1) or fail(f"{value} alone", f"{found} among {size}")
'''

STUBS = {
    "add_up": "def add_up(amounts: list[int]) -> int:\n    raise NotImplementedError\n",
    "pay": "def pay(conn, account, amount):\n    raise NotImplementedError\n",
    "count_rows": "%%sql count_rows\n",
    "remember": "def remember(redis, key, value):\n    raise NotImplementedError\n",
}
RIGHT = {
    "add_up": "def add_up(amounts):\n    return sum(amounts)\n",
    "pay": textwrap.dedent("""
        def pay(conn, account, amount):
            conn.execute("UPDATE till SET balance = balance - %s WHERE id = %s", (amount, account))
            conn.commit()
    """),
    "count_rows": "%%sql count_rows\nSELECT count(*) FROM sales;\n",
    "remember": "def remember(redis, key, value):\n    redis.set(key, value)\n",
}
WRONG = {
    "add_up": "def add_up(amounts):\n    return max(amounts)\n",
    "pay": RIGHT["pay"].replace("    conn.commit()\n", ""),
    "count_rows": "%%sql count_rows\nSELECT 1;\n",
    "remember": "def remember(redis, key, value):\n    redis.set(key, 'x')\n",
}
POINTS = {"add_up": 2.0, "pay": 4.0, "count_rows": 2.0, "remember": 1.0}


def release() -> dict[str, Any]:
    """The lab as a learner gets it, with the metadata nbgrader's generate_assignment leaves."""
    made = [
        _cell("markdown", "# The till\n", "intro"),
        _cell("code", f'from grader import Lab\n\nlab = Lab("{LAB}")', "context", locked=True),
    ]
    for name, stub in STUBS.items():
        made.append(_cell("code", stub, name, solution=True))
        graded = {"grade": True, "locked": True, "points": POINTS[name]}
        made.append(_cell("code", f'lab.check("{name}")', f"check-{name}", **graded))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, source: str, name: str, **flags: Any) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name[:20], "metadata": {}, "source": source}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
        plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        cell["metadata"] = {"nbgrader": {**plain, **flags, "grade_id": name, "cell_type": kind}}
        cell["metadata"]["nbgrader"]["checksum"] = _checksum(cell)
    return cell


def _checksum(cell: dict[str, Any]) -> str:
    import nbformat
    from nbgrader.utils import compute_checksum

    return str(compute_checksum(nbformat.from_dict(copy.deepcopy(cell))))


def answered(answers: Mapping[str, str]) -> dict[str, Any]:
    """The release with these answers in it: what an honest learner hands in."""
    notebook = release()
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell["source"] = answers[name]
    return notebook


def make(root: Path) -> Path:
    """Writes the course into `root`."""
    for folder in ("notebooks", "solutions", f"labs/{LAB}", "checks", "work/course/submitted"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "nbgrader_config.py").write_text(
        "from pathlib import Path\nfrom grader.classroom.course import configure\n"
        "configure(get_config(), Path(__file__).resolve().parent, [])\n"
    )
    (root / "checks" / "till.py").write_text(CHECKS)
    (root / "solutions" / f"{LAB}.py").write_text("# %% [markdown]\n# # The till\n")
    (root / "labs" / LAB / f"{LAB}.ipynb").write_text(json.dumps(release()))
    return root


def hand_in(root: Path, student: str, content: Mapping[str, Any] | bytes) -> Path:
    """Puts a submission where nbgrader's collect would."""
    folder = root / "work/course/submitted" / student / LAB
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{LAB}.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@contextmanager
def opened(root: Path) -> Iterator[Path]:
    """The course in `root`; this process works on it meanwhile. The home (and its servers) stay the run's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_ROOT", str(make(root)))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield root


def grades(root: Path) -> dict[str, dict[str, float | None]]:
    """student -> grade id -> automatic score, straight from the gradebook's tables."""
    import sqlite3

    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        rows = book.execute(
            "SELECT s.student_id, c.name, g.auto_score FROM grade g JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id JOIN base_cell c ON c.id = g.cell_id"
        ).fetchall()
    found: dict[str, dict[str, float | None]] = {}
    for student, name, score in rows:
        assert name not in found.setdefault(student, {}), f"{student} has two grades for {name}"
        found[student][name] = score
    return found
