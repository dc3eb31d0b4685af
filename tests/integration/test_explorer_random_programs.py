"""Small random transaction programs: the explorer against a reference that shares no code with it.

The reference enumerates schedules on direct connections: each process asks at a gate before each statement,
the runner tries every order. Both must reach exactly the same set of outcomes.
"""

from __future__ import annotations

import itertools

import psycopg
import pytest
from actors import caller
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lockstep import Lockstep

from grader.instruments.explore import Stage, explore

ITEMS = (1, 2)
LEVELS = ("READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE")


def perform(connection, level, statements, ending, gate=lambda: None):
    """Runs a program; what it read and how it ended."""
    if connection.info.transaction_status:
        connection.rollback()
    connection.prepare_threshold = None
    connection.isolation_level = psycopg.IsolationLevel[level]
    seen = []
    try:
        for kind, item, value in statements:
            last = seen[-1] if seen and isinstance(seen[-1], int) else 0
            gate()
            if kind == "read":
                (found,) = connection.execute("select value from items where id = %s", [item]).fetchone()
                seen.append(found)
            elif kind == "lock":
                (found,) = connection.execute(
                    "select value from items where id = %s for update", [item]
                ).fetchone()
                seen.append(found)
            elif kind == "set":
                connection.execute("update items set value = %s where id = %s", [last + value, item])
            else:
                connection.execute("update items set value = value * 2 + %s where id = %s", [value, item])
        gate()
        connection.commit() if ending == "commit" else connection.rollback()
        seen.append(ending)
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as refusal:
        seen.append(refusal.sqlstate)
        gate()
        connection.rollback()
    return seen


statement = st.tuples(
    st.sampled_from(["read", "lock", "set", "add"]), st.sampled_from(ITEMS), st.integers(1, 3)
)
program = st.tuples(
    st.sampled_from(LEVELS),
    st.lists(statement, min_size=1, max_size=2),
    st.sampled_from(["commit", "commit", "rollback"]),
)


class Ground:
    """A table, a stage and the reference runner over one database."""

    def __init__(self, url, admin_url):
        self.admin = psycopg.connect(admin_url, autocommit=True)
        self.admin.execute(
            "create table items (id int primary key, value int); alter table items owner to learner"
        )
        self.stage = Stage(url, admin_url, callers=3)
        self.lockstep = Lockstep(url, admin_url, pause=0.02)

    def reset(self):
        self.admin.execute("delete from items; insert into items values (1, 10), (2, 20)")

    def items(self):
        return tuple(v for (v,) in self.admin.execute("select value from items order by id").fetchall())

    def explored(self, programs, **options):
        found = explore(
            self.stage,
            [caller(perform, *p) for p in programs],
            reset=self.reset,
            observe=self.items,
            **options,
        )
        assert found.coverage.complete and found.coverage.diverged == 0, str(found.coverage)
        assert all(r.endings == ["returned"] * len(programs) for r in found.runs)
        return {(r.state, tuple(tuple(x.value) for x in r.replies)) for r in found.runs}, len(found.runs)

    def reference(self, programs):
        """Outcomes over every order of every statement that can be told apart."""
        outcomes = set()
        todo, done = [()], set()
        actors = self.lockstep.cast(perform, programs)
        try:
            while todo:
                prefix = todo.pop()
                self.reset()
                went, could = self.lockstep.follow(actors, prefix)
                replies = tuple(tuple(a.said) for a in actors)
                outcomes.add((self.items(), replies))
                for at in range(len(prefix), len(went)):
                    for other in could[at]:
                        branch = (*went[:at], other)
                        if other != went[at] and branch not in done:
                            done.add(branch)
                            todo.append(branch)
        finally:
            self.lockstep.dismiss(actors)
        return outcomes

    def close(self):
        self.stage.close()
        self.lockstep.observer.close()
        self.admin.close()


@pytest.fixture
def ground(empty_database):
    made = Ground(empty_database("learner"), empty_database("admin"))
    yield made
    made.close()


SLOW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SLOW
@given(st.tuples(program, program))
def test_two_programs_reach_the_same_outcomes(ground, programs):
    explored, _ = ground.explored(programs)
    assert explored == ground.reference(programs)


@settings(SLOW, max_examples=5)
@given(
    st.lists(
        st.tuples(st.just("READ_COMMITTED"), st.lists(statement, min_size=1, max_size=2), st.just("commit")),
        min_size=3,
        max_size=3,
    ).filter(lambda ps: sum(len(p[1]) for p in ps) <= 4)
)
def test_skipping_equivalent_schedules_loses_no_outcome(ground, programs):
    everything, many = ground.explored(programs, reduce=False)
    fewer, few = ground.explored(programs, reduce=True)
    assert fewer == everything and few <= many


@settings(SLOW, max_examples=4)
@given(st.lists(statement, min_size=1, max_size=1))
def test_interchangeable_callers_lose_no_outcome(ground, statements):
    programs = [("READ_COMMITTED", statements, "commit")] * 3
    everything, many = ground.explored(programs, reduce=False)
    fewer, few = ground.explored(programs, reduce=True, symmetric=[(1, 2, 3)])
    renamed = {(state, order) for state, replies in fewer for order in itertools.permutations(replies)}
    assert renamed == everything and few < many
