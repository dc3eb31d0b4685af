"""Postgres statements on the journal: held, struck, and seen to wait for locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from grader.instruments.pgsteps import PostgresSteps


@pytest.fixture
def steps(short, empty_database: Callable[[str], str]) -> Iterator[PostgresSteps]:
    with psycopg.connect(empty_database("learner"), autocommit=True) as conn:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        conn.execute("INSERT INTO t VALUES (1, 0)")
    with PostgresSteps(
        empty_database("learner"), short, callers=("A", "B"), observer_url=empty_database("admin")
    ) as steps:
        yield steps


def bump(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("UPDATE t SET n = n + %s WHERE id = 1", (1,))


def value(steps: PostgresSteps) -> int:
    with steps.journal.shielded(), psycopg.connect(steps.url("B")) as conn:
        return conn.execute("SELECT n FROM t").fetchone()[0]


def test_statements_nobody_notices_are_no_steps(steps: PostgresSteps) -> None:
    bump(steps.url("A"))
    assert [s.text for s in steps.journal.steps] == ["UPDATE t SET n = n + 1 WHERE id = 1", "COMMIT"]
    assert [s.result for s in steps.journal.steps] == ["1 row", "COMMIT"]
    assert next(s.text for s in steps.statements("A")) == "BEGIN"


@pytest.mark.parametrize(
    ("number", "action", "left"),
    [
        (0, "cut before", 0), (0, "cut after", 0), (0, "error", 0),
        (1, "cut before", 0), (1, "cut after", 1), (1, "error", 0),
    ],
)  # fmt: skip
def test_faults_strike_where_they_say(steps: PostgresSteps, number: int, action: Any, left: int) -> None:
    steps.journal.arm(number, action)
    with pytest.raises(psycopg.OperationalError):
        bump(steps.url("A"))
    steps.settle()
    assert value(steps) == left
    assert [a for _, a in steps.journal.struck] == [action]


def test_a_statement_that_waits_for_a_lock_is_seen_to_wait(steps: PostgresSteps) -> None:
    steps.journal.hold()
    threads = [threading.Thread(target=bump, args=(steps.url(c),)) for c in ("A", "B")]
    for thread in threads:
        thread.start()
    first = steps.journal.wait_for_step("A")
    second = steps.journal.wait_for_step("B")
    first.release()
    steps.journal.wait(first.settled)
    second.release()
    steps.journal.wait(second.settled)
    assert first.finished() and second.waiting()
    steps.journal.wait_for_step("A").release()  # COMMIT
    steps.journal.wait(second.finished)
    steps.journal.let_go()
    for thread in threads:
        thread.join(20)
    assert value(steps) == 2


def test_a_crash_happens_before_the_caller_can_notice(steps: PostgresSteps) -> None:
    seen: list[Any] = []
    failed = threading.Event()
    steps.journal.on_crash = lambda caller: seen.append((caller, failed.is_set()))
    steps.journal.arm(1, "crash after")

    def run() -> None:
        try:
            bump(steps.url("A"))
        except psycopg.OperationalError:
            failed.set()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert seen == [("A", False)]
    assert failed.is_set()
    assert value(steps) == 1


def test_connections_can_be_cut_and_counted(steps: PostgresSteps) -> None:
    with psycopg.connect(steps.url("A")) as conn:
        conn.execute("UPDATE t SET n = 9")
        assert steps.connections("A") == 1
        steps.cut_connections("A")
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
    steps.settle()
    assert value(steps) == 0
