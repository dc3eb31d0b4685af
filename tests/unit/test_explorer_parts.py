"""The explorer's parts that need no server: schedules, statement kinds, enumeration, timelines."""

from __future__ import annotations

import json
import time
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.instruments.explore import Limits, Run, parse, spell, timeline
from grader.instruments.explore.independence import changes_rules, commute, effect
from grader.instruments.explore.loops import lets_go, spins
from grader.instruments.explore.patience import STALLED, Patience
from grader.instruments.explore.run import Point, Wait
from grader.instruments.explore.schedule import Choice
from grader.instruments.explore.search import Search
from grader.instruments.explore.statements import ends_transaction, is_local
from grader.instruments.pgwire import Statement


def test_schedules_as_text():
    choices = parse("T1 2, 1b 2! 1< 2>")
    assert spell(choices) == "1 2 1b 2! 1< 2>"
    assert choices[2] == Choice(1, "b") and choices[3].fault == "!"
    with pytest.raises(ValueError, match="'x' is not a step of a schedule: write the caller's number"):
        parse("1 x")
    with pytest.raises(ValueError, match="'0'"):
        parse("0")


@given(
    st.lists(
        st.builds(
            Choice, st.integers(1, 9), st.sampled_from(["", "b", "z3"]), st.sampled_from(["", "!", "<", ">"])
        )
    )
)
def test_what_is_spelled_reads_back(choices):
    assert parse(spell(tuple(choices))) == tuple(choices)


@pytest.mark.parametrize(
    "sql",
    ["BEGIN", "begin isolation level serializable read only", "START TRANSACTION", "SAVEPOINT a", "RELEASE a", "SHOW x",
     "SET LOCAL lock_timeout = '1s'", "/* hello */ BEGIN;", "-- x\nSET work_mem = 1", "", "DEALLOCATE ALL"],
)  # fmt: skip
def test_nobody_else_can_notice(sql):
    assert is_local(sql)


@pytest.mark.parametrize(
    "sql",
    ["COMMIT", "ROLLBACK TO a", "BEGIN; UPDATE t SET a = 1", "SET CONSTRAINTS ALL IMMEDIATE", "SELECT 1",
     "SET TRANSACTION SNAPSHOT 'x'", "SET a = '/*'; DELETE FROM t; -- */", "SELECT version()", "LOCK TABLE t",
     "BEGINNING", "SELECT set_config('a', 'b', true)"],
)  # fmt: skip
def test_somebody_might_notice(sql):
    assert not is_local(sql)


def test_questions_about_the_server_matter_only_where_they_fix_the_snapshot():
    asked = "SELECT typname AS name, oid FROM pg_type t WHERE t.oid = to_regtype($1) ORDER BY t.oid"
    for sql in ("select pg_catalog.version()", "select current_schema()", asked):
        assert is_local(sql, strict=False) and not is_local(sql, strict=True)
    assert not is_local("select version(), pg_advisory_lock(1)", strict=False)
    assert not is_local("select a from pg_type, t", strict=False)


def test_ends_of_transactions():
    assert all(map(ends_transaction, ("COMMIT", "end", "ROLLBACK", "abort", "commit and chain")))
    assert not any(map(ends_transaction, ("BEGIN", "ENDLESS", "SELECT 1")))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE b IN (1, 2)", "read"),
        ("SELECT count(*) FROM t", "read"),
        ("SELECT a FROM t FOR UPDATE", "write"),
        ("SELECT a INTO u FROM t", "write"),
        ("SELECT pg_advisory_lock(1)", "other"),
        ("SELECT my_function(a) FROM t", "other"),
        ("UPDATE t SET a = a + 1", "write"),
        ("INSERT INTO t (a) VALUES (1)", "write"),
        ("INSERT INTO t VALUES (nextval('s'))", "other"),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x", "other"),
        ("SELECT 1; DELETE FROM t", "other"),
        ("LOCK TABLE t", "other"),
        ("COMMIT", "other"),
        ("ROLLBACK", "rollback"),
        ("ROLLBACK TO a", "other"),
    ],
)
def test_effects_inside_a_transaction_that_has_written(sql, expected):
    assert effect(sql, True, True) == expected


def test_effects_elsewhere():
    assert effect("UPDATE t SET a = 1", False, False) == "other"  # commits by itself
    assert effect("COMMIT", True, False) == effect("ROLLBACK", True, False) == "quiet end"


def test_what_may_be_swapped():
    assert (
        commute("read", "read", False)
        and commute("read", "write", False)
        and commute("rollback", "read", False)
    )
    assert commute("quiet end", "other", False)
    assert not commute("read", "other", False) and not commute("write", "write", False)
    assert not commute("rollback", "read", True) and commute("read", "write", True)
    for sql in ("read", "write", "quiet end", "rollback", "other"):
        assert commute("Redis", sql, True) and commute(sql, "provider", False)
    assert commute("Redis", "broker", True) and not commute("Redis", "Redis", False)
    for step in ("read", "write", "rollback", "other", "Redis", "provider", "broker", "unknown"):
        assert not commute("unknown", step, False) and not commute(step, "unknown", True)
    assert changes_rules("BEGIN ISOLATION LEVEL SERIALIZABLE") and not changes_rules(
        "show transaction_isolation"
    )


class Simulated:
    """Callers that take their steps unhindered: `steps[i]` are the effects of caller i's statements."""

    def __init__(self, *steps):
        self.steps = steps
        self.traces = []

    def __call__(self, chooser):
        chooser.begin()
        run, done, before, trace = Run(), [0] * len(self.steps), 0, []
        run.endings = ["returned"] * len(self.steps)
        while left := [i for i, n in enumerate(done) if n < len(self.steps[i])]:
            enabled = tuple(Choice(i + 1) for i in left)
            choice = chooser.choose(run, enabled)
            effects = tuple(self.steps[i][done[i]] for i in left)
            run.points.append(Point(enabled, effects, choice, before, False, effects))
            run.choices = (*run.choices, choice)
            who, before = choice.caller - 1, choice.caller
            if choice.fault == "!":
                done[who] = len(self.steps[who])
                continue
            trace.append((who, done[who], self.steps[who][done[who]]))
            done[who] += 1
        self.traces.append(tuple(trace))
        return run


def canonical(trace):
    """The same for traces that differ only by swaps of neighbouring steps that commute (lexicographic normal form)."""
    rest, form = list(trace), []
    while rest:
        free = [
            s
            for i, s in enumerate(rest)
            if all(s[0] != e[0] and commute(s[2], e[2], False) for e in rest[:i])
        ]
        first = min(free)
        rest.remove(first)
        form.append(first)
    return tuple(form)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 2), (4, 4)])
def test_every_schedule_of_two_once(n, m):
    play = Simulated(["other"] * n, ["other"] * m)
    search = Search(play, callers=2)
    runs = list(search)
    assert len(runs) == len(set(play.traces)) == comb(n + m, n)
    assert (
        search.coverage.complete
        and str(search.coverage) == f"all {comb(n + m, n)} schedules of 2 concurrent calls"
    )
    assert [r.switches for r in runs] == sorted(r.switches for r in runs)  # simplest first


@given(
    st.lists(st.lists(st.sampled_from(["read", "write", "quiet end", "other", "Redis", "provider", "unknown"]), min_size=1, max_size=3), min_size=2, max_size=3)
    .filter(lambda steps: sum(map(len, steps)) <= 6)
)  # fmt: skip
def test_skipping_keeps_one_of_each_equivalence_class(steps):
    everything, fewer = Simulated(*steps), Simulated(*steps)
    list(Search(everything, callers=len(steps)))
    list(Search(fewer, callers=len(steps), reduce=True))
    assert {canonical(t) for t in fewer.traces} == {canonical(t) for t in everything.traces}
    assert len(fewer.traces) <= len(everything.traces)


def test_interchangeable_callers():
    play = Simulated(*[["other"] * 2] * 3)
    search = Search(play, callers=3, symmetric=[(1, 2, 3)])
    assert len(list(search)) == factorial(6) // 2**3 // factorial(3)
    assert "3 interchangeable callers" in str(search.coverage)


def test_bounds_are_stated():
    search = Search(Simulated(["other"] * 3, ["other"] * 3), callers=2, max_switches=1)
    runs = list(search)
    assert max(r.switches for r in runs) == 1 and not search.coverage.complete
    assert "all with at most 1 change of turn" in str(search.coverage)
    search = Search(Simulated(["read"] * 3, ["read", "other"]), callers=2, max_switches=1, reduce=True)
    assert list(search) and search.coverage.pruned and "all with" not in str(search.coverage)
    search = Search(Simulated(["other"] * 3, ["other"] * 3), callers=2, max_runs=5)
    assert len(list(search)) == 5 and "limit of 5 runs" in str(search.coverage)


def test_one_fault_a_run():
    runs = list(Search(Simulated(["other"] * 3), callers=1, faults="!<>"))
    assert len(runs) == 1 + 3 * 3
    assert all(sum(bool(c.fault) for c in r.choices) <= 1 for r in runs)
    pairs = list(Search(Simulated(["other"] * 2, ["other"]), callers=2, faults="!"))
    assert len({r.choices for r in pairs}) == len(pairs)


def story():
    first = Statement(
        "T1", "T1", 1, "UPDATE accounts\n SET balance = 90 WHERE id = 1", state="ok", tags=["UPDATE 1"]
    )
    second = Statement("T2", "T2", 1, "SELECT 1 FOR UPDATE", state="ok", tags=["SELECT 1"], waited_for=["T1"])
    commit = Statement("T1", "T1", 2, "COMMIT", state="ok", tags=["COMMIT"])
    events = [("go", first, 0), ("end", first, 0), ("go", second, 1), ("waits", second, 1), ("go", commit, 2)]
    events += [("end", commit, 2), ("end", second, 2)]
    choices = parse("1 2 1")
    return Run(
        choices=choices,
        events=events,
        endings=["returned", "returned"],
        waits=[Wait("T2", ("T1",), second.text)],
    )


def test_a_wait_is_shown_where_it_begins_and_where_it_ends():
    drawn = timeline(story(), "Total is 90, must be 100")
    assert [(s["lane"], s["state"], s["text"], s["result"]) for s in drawn["steps"]] == [
        ("T1", "ok", "UPDATE accounts SET balance = 90 WHERE id = 1", "1 row"),
        ("T2", "waits", "SELECT 1 FOR UPDATE", ""),
        ("T1", "ok", "COMMIT", "COMMIT"),
        ("T2", "ok", "(goes on) SELECT 1 FOR UPDATE", "1 row"),
    ]
    assert drawn["steps"][1]["waits_for"] == "T1"
    assert drawn["lanes"] == ["T1", "T2"] and drawn["schedule"] == "1 2 1" and drawn["broken_at"] == 3
    assert json.loads(json.dumps(drawn)) == drawn


def alone(*texts, sqlstate=""):
    """A run in which one caller did all of this, and the server said nothing else each time."""
    run = Run(choices=(Choice(1),) * len(texts))
    for at, sql in enumerate(texts):
        run.points.append(Point((Choice(1), Choice(2)), (sql, "x"), Choice(1), 1))
        statement = Statement("T1", "T1", at + 1, sql, error={"C": sqlstate} if sqlstate else {})
        run.events.append(("go", statement, at))
    return run


def test_who_asks_again_and_again_spins():
    tried = ["SELECT 1 FROM t FOR UPDATE NOWAIT", "ROLLBACK"]
    assert spins(alone(*tried * 3)) and not spins(alone(*tried * 2))
    assert not spins(alone(*tried * 2, "SELECT 2", "ROLLBACK"))
    assert not spins(alone(*tried * 3), refused=True)  # nobody said no
    assert spins(alone(*tried * 3, sqlstate="55P03"), refused=True)


def test_others_come_when_a_loop_is_out_of_its_transaction():
    tried = ["SELECT 1 FROM t FOR UPDATE NOWAIT", "ROLLBACK"]
    assert lets_go(alone(*tried * 3))
    assert not lets_go(alone(*tried * 3, tried[0]))  # inside again, and it will be out soon
    assert lets_go(alone(*["SELECT pg_try_advisory_lock(1)"] * 8))  # its loop never ends a transaction


class Stalling:
    """A stage on which nothing happens, seen by a judge that did not get to look for a while."""

    def __init__(self, seconds: float) -> None:
        self.proxy, self.seconds = self, seconds

    def pump(self, timeout: float) -> bool:
        time.sleep(self.seconds)
        return False


@pytest.mark.parametrize(("seconds", "renewed"), [(0.01, False), (STALLED + 0.05, True)])
def test_time_in_which_the_judge_stood_still_is_held_against_nobody(seconds, renewed):
    patience = Patience(Stalling(seconds), Run(), None, Limits())  # type: ignore[arg-type]
    before = patience._quiet
    assert not patience.pump(0.001)
    assert (patience._quiet > before) is renewed


def test_without_a_conclusion_nothing_is_broken():
    assert timeline(story())["broken_at"] is None


def test_a_run_is_json():
    assert json.loads(json.dumps(story().to_json()))["waits"][0]["holders"] == ["T1"]
