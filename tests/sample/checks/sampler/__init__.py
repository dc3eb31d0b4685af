"""Checks of a lab with one exercise of each kind: a function, an SQL text, a value."""

from __future__ import annotations

from grader.checks.exercise import LabChecks, fail

lab = LabChecks("91-sampler", context="import math\n\nRADIUS = 2")

HINTS = ("What is pi?", "Look at math.", "Multiply.")


@lab.exercise("area", points=4, hints=HINTS)
def area(answer, bench):
    worker = answer.spawn()
    drawn = bench.random("radius").randrange(4, 1000)
    return {radius: worker.call("area", radius).value for radius in (1, 3, drawn)}


@area.property(weight=3, misconception="That is the circumference.")
def grows_with_the_square(values):
    """Three times the radius is nine times the area."""
    ok = values[1] and abs(values[3] / values[1] - 9) < 1e-9
    return bool(ok) or fail("nine times the area", f"{values[3]} against {values[1]}")


@area.property(misconception="Pi is not 3.")
def precise(values):
    """The circle of radius 1 has the area pi."""
    for radius, value in values.items():
        if not isinstance(value, float) or abs(value / radius**2 - 3.14159265358979) > 1e-9:
            return fail(f"3.14159265... times {radius**2}", str(value))
    return True


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
