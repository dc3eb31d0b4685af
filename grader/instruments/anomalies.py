"""The ten anomalies of isolation, run against the server at hand. Their programs: `anomaly_programs`.

measure(url)                 # {"P4": {"READ COMMITTED": "allowed", ...}, ...}: one telling schedule a cell
measure(url, thorough=True)  # the same from every schedule of every program
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from grader.instruments.anomaly_programs import ANOMALIES, FIRST, TABLE, Anomaly, Outcome
from grader.instruments.explore import Exploration, Run, Stage, explore
from grader.instruments.explore.threads import thread_caller

__all__ = ["ANOMALIES", "LEVELS", "cell", "laboratory", "measure", "outcome", "perform", "play"]

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


def measure(url: str, observer_url: str = "", *, thorough: bool = False) -> dict[str, dict[str, str]]:
    """ "allowed" or "prevented" for each anomaly and level, as the server at `url` behaves now.

    Creates and drops a small table. observer_url: as for `explore.Stage`; `url` if omitted.
    """
    with laboratory(url, observer_url) as (stage, connection):
        return {
            anomaly.name: {
                level: "allowed"
                if cell(stage, connection, anomaly, level, thorough=thorough)
                else "prevented"
                for level in LEVELS
            }
            for anomaly in ANOMALIES
        }


@contextlib.contextmanager
def laboratory(url: str, observer_url: str = "") -> Iterator[tuple[Stage, psycopg.Connection[Any]]]:
    """A stage for three callers and a connection of the judge's, over a fresh table of items."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"CREATE TABLE {TABLE} (id int PRIMARY KEY, value int NOT NULL)")
        try:
            with Stage(url, observer_url or url, callers=3) as stage:
                yield stage, connection
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")


def cell(
    stage: Stage, connection: psycopg.Connection[Any], anomaly: Anomaly, level: str, *, thorough: bool = False
) -> Run | None:
    """The run in which the anomaly happened, the simplest one if `thorough`, or None."""
    schedule = None if thorough else anomaly.schedule
    return play(stage, connection, anomaly, level, schedule=schedule).counterexample


def play(
    stage: Stage,
    connection: psycopg.Connection[Any],
    anomaly: Anomaly,
    level: str,
    *,
    schedule: str | None = None,
) -> Exploration:
    """Plays the program at one level: one schedule, or all. A run in which it happened has it as its problem."""

    def reset() -> None:
        rows = ", ".join(str(item) for item in FIRST)
        connection.execute(f"DELETE FROM {TABLE}; INSERT INTO {TABLE} VALUES {rows}".encode())

    def observe() -> dict[int, int]:
        return dict(connection.execute(f"SELECT id, value FROM {TABLE}".encode()).fetchall())

    def invariant(run: Run) -> str:
        return anomaly.meaning if anomaly.happened(outcome(run)) else ""

    callers = [thread_caller(perform, level, statements) for statements in anomaly.transactions]
    return explore(stage, callers, reset=reset, observe=observe, invariant=invariant, schedule=schedule)


def perform(connection: psycopg.Connection[Any], level: str, statements: tuple[str, ...]) -> dict[str, Any]:
    """One transaction. Refusals of the server (serialization failure, deadlock) end it uncommitted."""
    reads: list[list[int]] = []
    ending = "COMMIT"
    try:
        connection.execute("ROLLBACK") if connection.info.transaction_status else None
        connection.isolation_level = psycopg.IsolationLevel[level.replace(" ", "_")]
        for statement in statements:
            if statement == "ROLLBACK":
                ending = statement
                continue
            last = reads[-1][0] if reads and reads[-1] else 0
            cursor = connection.execute(statement.replace("{last}", str(last)).encode())
            if cursor.description:
                reads.append([row[0] for row in cursor.fetchall()])
        connection.commit() if ending == "COMMIT" else connection.rollback()
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
        connection.rollback()
        ending = "refused"
    return {"committed": ending == "COMMIT", "reads": reads}


def outcome(run: Run) -> Outcome:
    """A run's outcome. Raises the error of a transaction that failed for another reason than a refusal."""
    for reply in run.replies:
        if reply is None or reply.error is not None:
            raise RuntimeError(f"a transaction did not end as it should: {reply}")
    values = [reply.value for reply in run.replies]
    return Outcome(
        tuple(v["committed"] for v in values),
        tuple(tuple(tuple(r) for r in v["reads"]) for v in values),
        run.state,
    )
