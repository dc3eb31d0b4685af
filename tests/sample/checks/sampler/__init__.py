"""Checks of a lab with one exercise of each kind: a function, an SQL text, a value."""

from __future__ import annotations

from grader.checks.exercise import LabChecks, fail

lab = LabChecks("91-sampler", context="import math\n\nRADIUS = 2")

HINTS = ("What is pi?", "Look at math.", "Multiply.")


@lab.exercise("area", points=4, hints=HINTS)
def area(answer, bench):
    worker = answer.spawn()
    return [worker.call("area", r).value for r in (0, 1, 3)]


@area.property(weight=3, misconception="That is the circumference.")
def grows_with_the_square(values):
    """Three times the radius is nine times the area."""
    ok = values[1] and abs(values[2] / values[1] - 9) < 1e-9
    return bool(ok) or fail("nine times the area", f"{values[2]} against {values[1]}")


@area.property(misconception="Pi is not 3.")
def precise(values):
    """The circle of radius 1 has the area pi."""
    close = isinstance(values[1], float) and abs(values[1] - 3.14159265358979) < 1e-9
    return close or fail("3.14159265...", str(values[1]))


@lab.exercise("big_orders", points=3, kind="sql", hints=HINTS)
def big_orders(answer, bench):
    database = bench.database("empty")
    database.execute("CREATE TABLE amounts (amount int)")
    database.execute("INSERT INTO amounts VALUES (5), (50), (500), (50)")
    return database.query(answer.sql.rstrip().rstrip(";"), role="learner")


@big_orders.property(misconception="Each order counts, also when two are equal.")
def counts_each(rows):
    """Every order of at least 50 is counted."""
    return rows == [(3,)] or fail("one row: 3", f"{rows}")


@lab.exercise("forecast", points=1, kind="value", hints=HINTS)
def forecast(answer, bench):
    return answer.spawn().value("forecast").value


@forecast.property(misconception="Doubling ten times is not ten times as many.")
def doubles(value):
    """One doubled ten times is 1024."""
    return value == 1024 or fail("1024", str(value))
