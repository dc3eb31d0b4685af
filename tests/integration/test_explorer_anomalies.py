"""The checker's checker: each anomaly is found exactly where PostgreSQL's level allows it, over all schedules."""

from __future__ import annotations

import psycopg
import pytest
from actors import caller

from grader.instruments import anomalies
from grader.instruments.anomalies import ANOMALIES, LEVELS, laboratory, measure, play
from grader.instruments.explore import Stage, explore

ALLOWED = {
    "READ COMMITTED": {"PMP", "P4", "G-single", "G2-item", "G2"},
    "REPEATABLE READ": {"G2-item", "G2"},
    "SERIALIZABLE": set(),
}


@pytest.fixture(scope="module")
def database(postgres):
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        name = f"anomalies_{admin.info.backend_pid}"
        admin.execute(f"create database {name} owner learner")
        yield lambda role="learner": postgres.url(name, role)
        admin.execute(f"drop database {name} with (force)")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("anomaly", ANOMALIES, ids=lambda a: a.name)
def test_over_all_schedules(database, anomaly, level):
    with laboratory(database(), database("admin")) as (stage, connection):
        found = play(stage, connection, anomaly, level)
    assert found.coverage.complete, str(found.coverage)
    assert found.coverage.diverged == 0, str(found.coverage)
    happened = found.counterexample is not None
    assert happened == (anomaly.name in ALLOWED[level]), found.counterexample


def test_one_telling_schedule_a_cell_gives_the_same_grid(database):
    assert measure(database(), database("admin")) == {
        a.name: {level: "allowed" if a.name in ALLOWED[level] else "prevented" for level in LEVELS}
        for a in ANOMALIES
    }


def test_a_role_without_rights_may_measure_its_own_sessions(database):
    assert measure(database())["P4"] == {
        "READ COMMITTED": "allowed",
        "REPEATABLE READ": "prevented",
        "SERIALIZABLE": "prevented",
    }


# -- classics beyond the grid, with statements of our own ---------------------------------------------


def serializable(*statements, read_only=False, level=psycopg.IsolationLevel.SERIALIZABLE):
    def run(connection):
        connection.isolation_level = level
        connection.read_only = read_only
        seen = []
        with connection.transaction():
            for statement in statements:
                cursor = connection.execute(statement)
                if cursor.description:
                    seen.append([list(map(int, row)) for row in cursor.fetchall()])
        return seen

    return run


@pytest.fixture
def scene(database):
    with (
        psycopg.connect(database("admin"), autocommit=True) as admin,
        Stage(database(), database("admin"), callers=3) as stage,
    ):
        admin.execute(
            "drop schema public cascade; create schema public; grant all on schema public to learner"
        )
        yield admin, stage


def committed(run):
    return [reply is not None and reply.error is None for reply in run.replies]


@pytest.mark.parametrize(("level", "possible"), [("REPEATABLE_READ", True), ("SERIALIZABLE", False)])
def test_read_only_anomaly(scene, level, possible):
    """Fekete, O'Neil, O'Neil: a report that only reads sees a state that no serial order explains."""
    admin, stage = scene
    admin.execute("create table money (id text primary key, value int); alter table money owner to learner")
    isolation = psycopg.IsolationLevel[level]
    withdraw = serializable(
        "select value from money order by id",
        "update money set value = value - 11 where id = 'x'",
        level=isolation,
    )
    deposit = serializable("update money set value = 20 where id = 'y'", level=isolation)
    report = serializable("select value from money order by id", level=isolation)

    def anomalous(run):
        if committed(run) != [True] * 3:
            return ""
        seen_by_withdrawal, seen_by_report = run.replies[0].value[0], run.replies[2].value[0]
        odd = seen_by_withdrawal == [[0], [0]] and seen_by_report == [[0], [20]]
        return (
            "the report saw the deposit, the withdrawal did not, yet the report did not see the withdrawal"
            * odd
        )

    found = explore(
        stage,
        [caller(withdraw), caller(deposit), caller(report)],
        reset=lambda: admin.execute("delete from money; insert into money values ('x', 0), ('y', 0)"),
        invariant=anomalous,
    )
    assert found.coverage.complete
    assert bool(found.failures) == possible


@pytest.mark.parametrize(("level", "possible"), [("REPEATABLE_READ", True), ("SERIALIZABLE", False)])
def test_receipt_report(scene, level, possible):
    """A report on a closed batch misses a receipt that later turns up in it."""
    admin, stage = scene
    admin.execute(
        "create table batch (number int); create table receipt (batch int); "
        "alter table batch owner to learner; alter table receipt owner to learner"
    )
    isolation = psycopg.IsolationLevel[level]
    receive = serializable("insert into receipt select number from batch", level=isolation)
    close = serializable("update batch set number = number + 1", level=isolation)
    report = serializable(
        "select number from batch",
        "select count(*) from receipt where batch = (select number - 1 from batch)",
        level=isolation,
    )

    def incomplete(run):
        if committed(run) != [True] * 3:
            return ""
        number, count = run.replies[2].value[0][0][0], run.replies[2].value[1][0][0]
        late = admin.execute("select count(*) from receipt where batch = %s", [number - 1]).fetchone()[0]
        return "a receipt appeared in a batch that had been reported" if number == 2 and late > count else ""

    found = explore(
        stage,
        [caller(receive), caller(close), caller(report)],
        reset=lambda: admin.execute("delete from batch; delete from receipt; insert into batch values (1)"),
        invariant=incomplete,
    )
    assert found.coverage.complete
    assert bool(found.failures) == possible


def locker(*tables):
    return serializable(
        *(f"lock table {t} in access exclusive mode" for t in tables),
        level=psycopg.IsolationLevel.READ_COMMITTED,
    )


def test_deadlock_simple(scene):
    admin, stage = scene
    admin.execute(
        "create table a (); create table b (); alter table a owner to learner; alter table b owner to learner"
    )
    found = explore(stage, [caller(locker("a", "b")), caller(locker("b", "a"))], reset=lambda: None)
    assert found.coverage.complete
    dead = [r for r in found.runs if r.deadlocks]
    assert dead and all(committed(r).count(False) == 1 for r in dead)
    assert all(committed(r) == [True, True] for r in found.runs if not r.deadlocks)
    # Whoever closes the circle is the victim, in every run.
    assert all(
        r.deadlocks[0] is max((s for s in r.statements if s.waited_for), key=lambda s: s.sent_at)
        for r in dead
    )


def test_deadlock_hard(scene):
    """A circle of three."""
    admin, stage = scene
    for t in "abc":
        admin.execute(f"create table {t} (); alter table {t} owner to learner")
    callers = [caller(locker("a", "b")), caller(locker("b", "c")), caller(locker("c", "a"))]
    found = explore(stage, callers, reset=lambda: None)
    assert found.coverage.complete
    assert any(len({w.waiter for w in r.waits}) == 3 and r.deadlocks for r in found.runs)
    assert all(committed(r).count(False) == len(r.deadlocks) <= 1 for r in found.runs)


def test_skip_locked_hands_each_job_to_one_worker(scene):
    admin, stage = scene
    admin.execute(
        "create table jobs (id int primary key, done int default 0); alter table jobs owner to learner"
    )

    def take(connection):
        with connection.transaction():
            row = connection.execute(
                "select id from jobs where done = 0 order by id limit 1 for update skip locked"
            ).fetchone()
            if row:
                connection.execute("update jobs set done = done + 1 where id = %s", row)
            return row and row[0]

    def twice(run):
        taken = [r.value for r in run.replies]
        return "one job was taken twice" if len(set(taken)) < 2 or run.state != [(1,), (1,)] else ""

    found = explore(
        stage,
        [caller(take), caller(take)],
        reset=lambda: admin.execute("delete from jobs; insert into jobs values (1), (2)"),
        observe=lambda: admin.execute("select done from jobs order by id").fetchall(),
        invariant=twice,
    )
    assert found.coverage.complete
    assert not found.failures
    assert not any(r.waits for r in found.runs)


def test_foreign_key_race(scene):
    """A child inserted while its parent is deleted: somebody waits, and never an orphan."""
    admin, stage = scene
    admin.execute(
        "create table parent (id int primary key); create table child (parent int references parent); "
        "alter table parent owner to learner; alter table child owner to learner"
    )
    level = psycopg.IsolationLevel.READ_COMMITTED
    found = explore(
        stage,
        [
            caller(serializable("insert into child values (1)", level=level)),
            caller(serializable("delete from parent where id = 1", level=level)),
        ],
        reset=lambda: admin.execute("delete from child; delete from parent; insert into parent values (1)"),
        observe=lambda: admin.execute(
            "select (select count(*) from parent), (select count(*) from child)"
        ).fetchone(),
        invariant=lambda run: "an orphan" if run.state[0] < run.state[1] else "",
    )
    assert found.coverage.complete and not found.failures
    assert {r.state for r in found.runs} == {(1, 1), (0, 0)}
    assert any(r.waits for r in found.runs)


@pytest.mark.parametrize(
    ("statement", "good"),
    [
        ("insert into counters values (1, 1) on conflict (id) do update set hits = counters.hits + 1", True),
        ("check, then insert", False),
    ],
)
def test_upsert_race(scene, statement, good):
    admin, stage = scene
    admin.execute(
        "create table counters (id int primary key, hits int); alter table counters owner to learner"
    )

    def hit(connection):
        with connection.transaction():
            if good:
                connection.execute(statement)
            elif connection.execute("select 1 from counters where id = 1").fetchone():
                connection.execute("update counters set hits = hits + 1 where id = 1")
            else:
                connection.execute("insert into counters values (1, 1)")

    found = explore(
        stage,
        [caller(hit), caller(hit)],
        symmetric=[(1, 2)],
        reset=lambda: admin.execute("delete from counters"),
        observe=lambda: admin.execute("select hits from counters").fetchone()[0],
        invariant=lambda run: "" if run.state == 2 else f"two hits, counted {run.state}",
    )
    assert found.coverage.complete
    assert (not found.failures) == good
    if not good:
        assert any("23505" in (reply.error or "") for r in found.failures for reply in r.replies)


def test_names_are_unique_and_explained():
    assert len({a.name for a in anomalies.ANOMALIES}) == 10
    assert all(a.meaning.endswith(".") for a in anomalies.ANOMALIES)
