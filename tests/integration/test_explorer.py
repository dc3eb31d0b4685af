"""The explorer on answers as people write them: good, bad, and hostile."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import psycopg
import pytest
import sqlalchemy
from actors import caller

from grader.instruments.explore import Caller, Limits, SavedRows, Stage, crashes, explore, replay, timeline

FIRST = [(1, 100), (2, 100), (3, 100)]


class World:
    def __init__(self, url, admin_url):
        self.url, self.admin_url = url, admin_url
        self.admin = psycopg.connect(admin_url, autocommit=True)
        self.admin.execute("create table accounts (id int primary key, balance int not null)")
        self.admin.execute("alter table accounts owner to learner")
        self.admin.cursor().executemany("insert into accounts values (%s, %s)", FIRST)
        self.reset = SavedRows(admin_url, ["accounts"])
        self.stage = Stage(url, admin_url, callers=3)

    def observe(self):
        return self.admin.execute("select id, balance from accounts order by id").fetchall()

    def conserved(self, run):
        total = sum(balance for _, balance in run.state)
        return "" if total == 300 else f"The total is {total}, must be 300"

    def explore(self, *callers, **options):
        return explore(
            self.stage,
            callers,
            reset=self.reset,
            observe=self.observe,
            **{"invariant": self.conserved, **options},
        )

    def strangers(self):
        """Backends of the learner that nobody of ours holds."""
        ours = set(self.stage.proxy.backends())
        rows = self.admin.execute(
            "select pid from pg_stat_activity where usename = 'learner' and datname = current_database()"
        ).fetchall()
        return [pid for (pid,) in rows if pid not in ours]

    def close(self):
        self.stage.close()
        left = self.admin.execute(
            "select count(*) from pg_stat_activity where usename = 'learner' and datname = current_database()"
        ).fetchone()
        self.reset.close()
        self.admin.close()
        assert left == (0,), "backends were left behind"


@pytest.fixture
def world(empty_database):
    made = World(empty_database("learner"), empty_database("admin"))
    yield made
    made.close()


def naive(connection, source, target, amount):
    with connection.transaction():
        (has,) = connection.execute("select balance from accounts where id = %s", [source]).fetchone()
        connection.execute("update accounts set balance = %s where id = %s", [has - amount, source])
        connection.execute("update accounts set balance = balance + %s where id = %s", [amount, target])


def locking(connection, source, target, amount):
    with connection.transaction():
        connection.execute(
            "select 1 from accounts where id in (%s, %s) order by id for update", [source, target]
        )
        connection.execute("update accounts set balance = balance - %s where id = %s", [amount, source])
        connection.execute("update accounts set balance = balance + %s where id = %s", [amount, target])


def crosswise(connection, first, second):
    with connection.transaction():
        connection.execute("update accounts set balance = balance - 1 where id = %s", [first])
        connection.execute("update accounts set balance = balance + 1 where id = %s", [second])


def test_finds_the_lost_update_and_shows_it(world):
    found = world.explore(
        caller(naive, 1, 2, 10),
        caller(naive, 1, 3, 20),
        always=lambda state: "the total moved" if sum(b for _, b in state) != 300 else "",
    )
    worst = found.counterexample
    assert found.coverage.complete and "all" in str(found.coverage)
    assert worst.problem in ("The total is 320, must be 300", "The total is 310, must be 300")
    assert worst.switches == 1
    drawn = timeline(worst)
    assert drawn["lanes"] == ["T1", "T2"] and drawn["conclusion"] == worst.problem
    assert drawn["steps"][drawn["broken_at"]]["text"] == "COMMIT"
    assert any(s["read"] == "balance = 100" for s in drawn["steps"])
    assert json.loads(json.dumps(drawn)) == drawn
    assert json.loads(json.dumps(worst.to_json()))["problem"] == worst.problem


def test_a_schedule_replays(world):
    callers = caller(naive, 1, 2, 10), caller(naive, 1, 3, 20)
    worst = world.explore(*callers).counterexample
    for _ in range(3):
        again = replay(
            world.stage,
            callers,
            worst.schedule,
            reset=world.reset,
            observe=world.observe,
            invariant=world.conserved,
        )
        assert (again.schedule, again.problem, again.diverged) == (worst.schedule, worst.problem, False)
        assert timeline(again)["steps"] == timeline(worst)["steps"]


def test_a_cure_passes_and_says_who_waited(world):
    found = world.explore(caller(locking, 1, 2, 10), caller(locking, 2, 1, 20))
    assert found.coverage.complete and not found.failures
    assert any(
        w.waiter == "T2" and w.holders == ("T1",) and "for update" in w.statement
        for r in found.runs
        for w in r.waits
    )
    assert found.simplest(lambda r: bool(r.deadlocks)) is None


def test_unrelated_rows_do_not_wait(world):
    one, other = caller(crosswise, 1, 1), caller(crosswise, 2, 3)
    assert not any(r.waits for r in world.explore(one, other).runs)


def test_two_explorations_are_the_same(world):
    def story():
        found = world.explore(caller(crosswise, 1, 2), caller(crosswise, 2, 1))
        return [(r.schedule, r.problem, r.endings, r.waits, len(r.deadlocks)) for r in found.runs]

    first = story()
    assert any(deadlocks for *_, deadlocks in first)
    assert story() == first


def test_retries_inside_the_answer(world):
    def stubborn(connection, source, target, amount):
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        for _ in range(5):
            try:
                return naive(connection, source, target, amount)
            except psycopg.errors.SerializationFailure:
                time.sleep(0.002)

    found = world.explore(caller(stubborn, 1, 2, 10), caller(stubborn, 1, 3, 20))
    assert found.coverage.complete and not found.failures
    assert any(r.serialization_failures for r in found.runs)
    assert all(r.endings == ["returned", "returned"] for r in found.runs)


def test_several_connections_of_one_caller(world):
    def spread(url, source, target):
        with psycopg.connect(url) as reader, psycopg.connect(url) as writer:
            (has,) = reader.execute("select balance from accounts where id = %s", [source]).fetchone()
            writer.execute("update accounts set balance = %s where id = %s", [has - 10, source])
            writer.execute("update accounts set balance = balance + 10 where id = %s", [target])

    found = world.explore(caller(spread, 1, 2, raw=True), caller(spread, 1, 3, raw=True))
    assert found.coverage.complete and found.failures
    assert found.runs[0].connections == {"T1": 2, "T2": 2}
    assert any("1b" in r.schedule for r in found.runs)


def test_async_and_gathered_connections(world):
    def gathered(url, *ids):
        async def one(id):
            async with await psycopg.AsyncConnection.connect(url) as connection:
                await connection.execute("update accounts set balance = balance + 1 where id = %s", [id])

        async def main():
            await asyncio.gather(*(one(i) for i in ids))

        asyncio.run(main())

    cast = [caller(gathered, 1, 2, raw=True)]
    options = {"invariant": lambda run: "" if run.state[1] == (2, 101) else "no"}
    found = world.explore(*cast, **options)
    assert found.coverage.complete and not found.failures
    found = world.explore(*cast, **options)  # by now the stage knows that it uses two connections at a time
    assert len(found.runs) >= 4  # both orders of the two updates and their commits


def test_sqlalchemy_on_top(world):
    def through_engine(url, source, target, amount):
        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            sql = "select balance from accounts where id = :id"
            has = connection.execute(sqlalchemy.text(sql), {"id": source}).scalar_one()
            sql = "update accounts set balance = :b where id = :id"
            connection.execute(sqlalchemy.text(sql), {"b": has - amount, "id": source})
            sql = "update accounts set balance = balance + :b where id = :id"
            connection.execute(sqlalchemy.text(sql), {"b": amount, "id": target})
        engine.dispose()

    found = world.explore(
        caller(through_engine, 1, 2, 10, raw=True), caller(through_engine, 1, 3, 10, raw=True)
    )
    assert found.coverage.complete
    assert "The total is" in found.counterexample.problem


def test_pipelines_are_cut_into_statements(world):
    def pipelined(connection, id):
        with connection.pipeline(), connection.transaction():
            connection.execute("update accounts set balance = balance - 1 where id = %s", [id])
            connection.execute("update accounts set balance = balance + 1 where id = 3")

    found = world.explore(caller(pipelined, 1), caller(pipelined, 2))
    assert found.coverage.complete and not found.failures
    assert [s.tag for s in found.runs[0].of("T1")] == ["BEGIN", "UPDATE 1", "UPDATE 1", "COMMIT"]


def test_listen_and_notify(world):
    def waits(url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("listen news")
            return [n.payload for n in connection.notifies(timeout=10, stop_after=1)]

    def tells(url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("notify news, 'hello'")

    run = replay(world.stage, [caller(waits, raw=True), caller(tells, raw=True)], "1 2", reset=world.reset)
    assert run.endings == ["returned", "returned"] and run.replies[0].value == ["hello"]


def test_advisory_locks_do_not_outlive_a_schedule(world):
    def grabs(connection, id):
        connection.autocommit = True
        (got,) = connection.execute("select pg_try_advisory_lock(7)").fetchone()
        return got

    found = world.explore(caller(grabs, 1), caller(grabs, 2))
    assert len(found.runs) == 2
    assert all(sorted(r.value for r in run.replies) == [False, True] for run in found.runs)


def test_copy_in_a_schedule(world):
    def loads(connection, first):
        with connection.transaction(), connection.cursor().copy("copy accounts from stdin") as copy:
            for i in range(500):
                copy.write_row((first + i, 0))

    found = world.explore(caller(loads, 1000), caller(loads, 5000))
    assert found.coverage.complete and not found.failures
    assert len(found.runs[0].state) == 1003
    world.admin.execute("delete from accounts where id > 3")


# -- crashes ------------------------------------------------------------------------------------------


def test_every_boundary_of_one_call(world):
    found = crashes(
        world.stage,
        caller(locking, 1, 2, 10),
        reset=world.reset,
        observe=world.observe,
        invariant=world.conserved,
    )
    assert found.coverage.complete and not found.failures
    marks = {mark: sum(mark in r.schedule for r in found.runs) for mark in "!<>"}
    assert marks == {"!": 4, "<": 4, ">": 4}
    lost_commit = next(r for r in found.runs if r.schedule == "1 1 1 1>")
    assert lost_commit.endings == ["raised"] and lost_commit.state == [(1, 90), (2, 110), (3, 100)]
    before_commit = next(r for r in found.runs if r.schedule == "1 1 1 1<")
    assert before_commit.state == FIRST
    drawn = timeline(lost_commit, "paid, but nobody knows")
    assert drawn["steps"][-1]["state"] == "lost" and "took effect" in drawn["steps"][-1]["result"]
    died = next(r for r in found.runs if r.schedule == "1 1!")
    assert died.endings == ["died"] and timeline(died, "x")["steps"][-1]["state"] == "crash"


def test_a_process_that_reconnects_outlives_its_connections(world):
    def pays(url):
        with psycopg.connect(url) as connection:
            connection.execute("update accounts set balance = balance - 10 where id = 1")

    spawned = {}
    for reconnects in (False, True):
        usual, made = caller(pays, raw=True), []

        def spawn(usual=usual, made=made):
            made.append(usual.spawn())
            return made[-1]

        found = crashes(
            world.stage, Caller(spawn, usual.begin, reconnects), reset=world.reset, observe=world.observe
        )
        assert found.coverage.complete and len(found.runs) == 7
        assert {r.schedule: r.state[0][1] for r in found.runs if r.schedule.endswith(("<", ">"))} == {
            "1<": 100, "1>": 100, "1 1<": 100, "1 1>": 90
        }  # fmt: skip
        spawned[reconnects] = len(made)
    killed = sum(r.endings == ["died"] for r in found.runs)
    assert (killed, spawned) == (2, {False: 6, True: 3})


def test_recovery_runs_before_the_data_is_looked_at(world):
    def careless(connection, amount):
        connection.autocommit = True
        connection.execute("update accounts set balance = balance - %s where id = 1", [amount])
        connection.execute("update accounts set balance = balance + %s where id = 2", [amount])

    def books():
        if world.observe() == [(1, 90), (2, 100), (3, 100)]:
            world.admin.execute("update accounts set balance = 110 where id = 2")

    parts = {"reset": world.reset, "observe": world.observe, "invariant": world.conserved}
    assert crashes(world.stage, caller(careless, 10), **parts).failures
    assert not crashes(world.stage, caller(careless, 10), recover=lambda run: books(), **parts).failures


def test_crashes_among_schedules(world):
    found = world.explore(caller(crosswise, 1, 2), caller(crosswise, 1, 2), faults=">", symmetric=[(1, 2)])
    assert found.coverage.complete and not found.failures
    assert any(r.choices[-1].fault or r.schedule.count(">") == 1 for r in found.runs)


# -- three callers ------------------------------------------------------------------------------------


def test_three_callers_and_what_may_be_skipped(world):
    def looks(connection):
        with connection.transaction():
            return connection.execute("select balance from accounts where id = 1").fetchone()[0]

    cast = caller(looks), caller(looks), caller(crosswise, 1, 2)
    seen = {}
    for reduce in (False, True):
        found = world.explore(*cast, reduce=reduce)
        assert found.coverage.complete
        seen[reduce] = (
            {str([r.value for r in run.replies]) + str(run.state) for run in found.runs},
            len(found.runs),
        )
    assert seen[True][0] == seen[False][0]
    assert seen[True][1] < seen[False][1]
    assert "swap" in str(found.coverage)


def test_a_bound_says_what_it_left_out(world):
    found = world.explore(*[caller(naive, 1, 2, 10)] * 3, symmetric=[(1, 2, 3)], max_switches=1)
    assert not found.coverage.complete
    said = str(found.coverage)
    assert "bound of 1 change of turn" in said and "interchangeable" in said
    # Those that stand for the skipped ones may have more changes of turn.
    assert found.coverage.pruned and "all with at most" not in said
    assert found.failures


# -- answers that misbehave ---------------------------------------------------------------------------


def commits_in_the_middle(connection):
    connection.execute("update accounts set balance = balance - 10 where id = 1")
    connection.commit()
    connection.execute("update accounts set balance = balance + 10 where id = 2")
    connection.commit()


def test_reading_twice_hides_nothing(world):
    """Two equal reads are no idle loop: the other may come after the second."""

    def careful(connection, amount):
        with connection.transaction():
            for _ in range(2):
                (has,) = connection.execute("select balance from accounts where id = 1").fetchone()
            connection.execute("update accounts set balance = %s where id = 1", [has - amount])

    found = world.explore(
        caller(careful, 10), caller(careful, 20), invariant=lambda r: "" if r.state[0] == (1, 70) else "lost"
    )
    assert found.coverage.complete and found.coverage.idle == 0
    assert any(r.schedule.startswith("1 1 2 2 2 2 1") for r in found.failures)


def test_trying_again_and_again_lets_the_other_finish(world):
    def impatient(connection, amount):
        while True:
            try:
                with connection.transaction():
                    connection.execute("select 1 from accounts where id = 1 for update nowait")
                    return connection.execute(
                        "update accounts set balance = balance - %s where id = 1", [amount]
                    ).rowcount
            except psycopg.errors.LockNotAvailable:
                pass

    found = world.explore(
        caller(impatient, 10),
        caller(impatient, 20),
        invariant=lambda r: "" if r.state[0] == (1, 70) else "lost",
    )
    assert found.coverage.complete and not found.failures
    assert all(r.endings == ["returned", "returned"] for r in found.runs)
    assert "loop that is refused" in str(found.coverage)


def test_commit_in_the_middle_shows_at_a_crash(world):
    parts = {"reset": world.reset, "observe": world.observe, "invariant": world.conserved}
    found = crashes(world.stage, caller(commits_in_the_middle), **parts)
    assert {r.schedule for r in found.failures} >= {"1 1 1!", "1 1>"}


def test_autocommit(world):
    def auto(connection):
        connection.autocommit = True
        (has,) = connection.execute("select balance from accounts where id = 1").fetchone()
        connection.execute("update accounts set balance = %s where id = 1", [has + 1])

    found = world.explore(
        caller(auto), caller(auto), invariant=lambda r: "" if r.state[0] == (1, 102) else "lost"
    )
    assert len(found.runs) == 6 and found.failures


def test_left_in_a_transaction(world):
    def forgets(connection, id):
        connection.execute("update accounts set balance = balance - 0 where id = %s", [id])

    found = world.explore(caller(forgets, 1), caller(crosswise, 1, 1))
    assert all("T1" in r.left_open for r in found.runs if r.endings[0] == "returned")
    # Whoever waits for a transaction nobody will end never finishes.
    assert found.simplest(lambda r: r.endings == ["returned", "never finished"])
    assert world.strangers() == []


def test_a_table_lock_is_seen_as_waiting(world):
    def heavy(connection, id):
        with connection.transaction():
            connection.execute("lock table accounts in access exclusive mode")
            connection.execute("update accounts set balance = balance + 0 where id = %s", [id])

    found = world.explore(caller(heavy, 1), caller(heavy, 2))
    assert not found.failures and any(r.waits for r in found.runs)


def test_sleeping_in_the_server_is_not_waiting_for_anybody(world):
    def sleepy(connection):
        with connection.transaction():
            connection.execute("select pg_sleep(0.02)")

    found = world.explore(caller(sleepy), caller(sleepy))
    assert found.coverage.complete and not any(r.waits for r in found.runs)


def test_raising(world):
    def breaks(connection):
        connection.execute("update accounts set balance = 0")
        raise KeyError("oh")

    found = world.explore(caller(breaks), caller(crosswise, 1, 2))
    assert all(r.endings[0] == "raised" for r in found.runs)


def test_killing_the_other_backend(world):
    def assassin(connection):
        connection.autocommit = True
        connection.execute(
            # Of this database: other tests have sessions of the same role on the same server.
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and usename = current_user and pid <> pg_backend_pid()"
        )

    found = world.explore(caller(assassin), caller(naive, 1, 2, 10))
    assert {r.endings[1] for r in found.runs} == {"raised", "returned"}
    assert not world.explore(caller(locking, 1, 2, 10), caller(locking, 2, 1, 20)).failures
    assert world.strangers() == []


def test_a_hundred_connections(world):
    def greedy(url):
        with psycopg.connect(url) as first:
            # Held until the other is connected, which needs a place too.
            first.execute("select count(*) from accounts")
            return len([psycopg.connect(url) for _ in range(100)])

    found = world.explore(caller(greedy, raw=True), caller(naive, 1, 2, 10))
    assert found.runs[0].endings == ["raised", "returned"]
    assert world.strangers() == []


@pytest.mark.parametrize("how", ["spins", "asks for ever", "waits for itself"])
def test_never_returning(world, how):
    def spins(url):
        while True:
            pass

    def asks(url):
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                connection.execute("select 1")

    def waits_for_itself(url):
        with psycopg.connect(url) as one, psycopg.connect(url) as other:
            one.execute("update accounts set balance = 0 where id = 1")
            other.execute("update accounts set balance = 0 where id = 1")

    function = {"spins": spins, "asks for ever": asks, "waits for itself": waits_for_itself}[how]
    found = world.explore(
        caller(function, raw=True),
        caller(locking, 1, 2, 10),
        limits=Limits(statements=50, thinking=0.3, patience=0.1),
    )
    assert found.runs[-1].endings[0] == "never finished"
    assert not found.coverage.complete
    assert not world.explore(caller(locking, 1, 2, 10), caller(locking, 2, 1, 20)).failures
    assert world.strangers() == []


def test_a_flood_of_rows_and_of_output(world):
    def flood(connection):
        print("x" * 100_000, end="")
        return len(connection.execute("select repeat('x', 1000) from generate_series(1, 5000)").fetchall())

    found = world.explore(caller(flood), caller(crosswise, 1, 2))
    assert found.runs[0].replies[0].value == 5000
    assert len(found.runs[0].of("T1")[1].rows) == 20 and found.runs[0].of("T1")[1].row_count == 5000


def test_statements_that_differ_from_run_to_run(world):
    calls = itertools.count()  # each caller's process counts its own

    def moody(connection, seed):
        for _ in range((3, 1, 2)[next(calls) % 3]):
            connection.execute(f"select {time.monotonic_ns()}")
        connection.commit()

    found = world.explore(caller(moody, 1), caller(moody, 2), max_runs=60)
    assert found.coverage.diverged > 0 and "differ from run to run" in str(found.coverage)


def test_settings_and_temporary_tables_do_not_leak(world):
    def leaves_things(connection):
        connection.autocommit = True
        connection.execute("create temp table litter (a int)")
        (before,) = connection.execute("show work_mem").fetchone()
        connection.execute("set work_mem = '123kB'")
        return before

    found = world.explore(caller(leaves_things), caller(leaves_things))
    assert len({reply.value for run in found.runs for reply in run.replies}) == 1
    assert all(r.endings == ["returned", "returned"] for r in found.runs)


def test_open_transactions_while_somebody_thinks(world):
    seen = []

    def thinks(connection):
        connection.execute("select balance from accounts where id = 1")

    def look(run):
        seen.append(world.stage.open_transactions(1))
        return ""

    world.explore(caller(thinks), invariant=look)
    assert seen == [[]]  # ended with the schedule
