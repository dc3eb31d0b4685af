"""Schedules that interleave Postgres and Redis steps, and sleeps, of the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cached_prices as answers
import psycopg
import pytest
import redis

from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Caller, Exploration, Limits, Stage, explore, timeline
from grader.instruments.joining import join
from grader.instruments.resp import RespProxy
from grader.instruments.steps import Journal

PATIENT = Limits(patience=15.0, thinking=20.0)  # a busy machine is no reason to go on without a caller


class Theatre:
    def __init__(self, folder: Any, database: Callable[[str], str], redis_url: str, child: Any) -> None:
        self.child = child
        self.journal = Journal()
        self.clock = VirtualClock(sleeping="hold", journal=self.journal)
        self.stage = Stage(database("learner"), database("admin"), callers=2)
        self.proxy = RespProxy(redis_url, folder, journal=self.journal, clock=self.clock)
        self.doors = {name: self.clock.serve(folder, name) for name in ("T1", "T2")}
        self.rows = psycopg.connect(database("learner"), autocommit=True)
        self.rows.execute("CREATE TABLE product (id int PRIMARY KEY, price int)")
        self.rows.execute("INSERT INTO product VALUES (7, 1)")
        self.cache = redis.Redis.from_url(redis_url)
        self.joined = join(self.stage, self.journal)

    def close(self) -> None:
        self.joined.end()
        self.stage.close()
        self.clock.close()
        self.proxy.close()
        self.rows.close()
        self.cache.close()

    def reset(self) -> None:
        self.joined.clear()
        self.rows.execute("UPDATE product SET price = 1")
        self.cache.flushdb()

    def caller(self, lane: str, function: Callable[..., Any], *arguments: Any) -> Caller:
        def begin(worker: Any, url: str) -> Any:
            place = {"db": url, "store": self.proxy.url(lane), "clock": self.doors[lane]}
            return worker.start(function, *(place.get(a, a) for a in arguments))

        return Caller(self.child, begin)

    def explore(self, *callers: Caller, **more: Any) -> Exploration:
        return explore(self.stage, callers, reset=self.reset, limits=PATIENT, **more)

    def staleness(self, run: Any) -> str:
        cached = self.cache.get(answers.KEY)
        actual = self.rows.execute("SELECT price FROM product").fetchone()[0]
        return f"the cache says {int(cached)}, the row {actual}" if cached and int(cached) != actual else ""


@pytest.fixture
def theatre(short, empty_database, redis_url, child) -> Iterator[Theatre]:
    theatre = Theatre(short, empty_database, redis_url, child)
    yield theatre
    theatre.close()


def test_the_stale_fill_is_found_across_both_servers(theatre: Theatre) -> None:
    found = theatre.explore(
        theatre.caller("T1", answers.read_and_fill, "db", "store"),
        theatre.caller("T2", answers.write_then_delete, "db", "store", 2),
        invariant=theatre.staleness,
    )
    worst = found.counterexample
    assert worst.problem == "the cache says 1, the row 2"
    assert "1r" in worst.schedule
    shown = timeline(worst)
    texts = [s["text"] for s in shown["steps"]]
    assert "Redis: GET price:7" in texts
    assert texts.index("Redis: DEL price:7") < texts.index("Redis: SET price:7 1 EX 60")
    assert all(r.finished for r in found.runs)
    assert [r.schedule for r in found.runs if r.timed or r.diverged] == []
    # GET, SELECT, COMMIT, SET against UPDATE, COMMIT, DEL: all interleavings, and those where the read hits early
    assert len(found.runs) >= 35


def test_a_change_that_is_sent_twice_is_not_taken_for_polling(theatre: Theatre) -> None:
    found = theatre.explore(
        theatre.caller("T1", answers.read_and_fill, "db", "store"),
        theatre.caller("T2", answers.write_then_delete_twice, "db", "store", 2),
        invariant=theatre.staleness,
    )
    # The one that matters: the reader has read the old row, and fills once the writer is done.
    assert found.counterexample is not None
    assert found.counterexample.problem == "the cache says 1, the row 2"
    assert found.coverage.complete


def test_an_answer_that_never_fills_is_never_stale(theatre: Theatre) -> None:
    found = theatre.explore(
        theatre.caller("T1", answers.read_only_hits, "db", "store"),
        theatre.caller("T2", answers.write_then_delete, "db", "store", 2),
        invariant=theatre.staleness,
    )
    assert found.counterexample is None
    assert [r.schedule for r in found.runs if r.timed or r.diverged] == []


def test_a_writer_that_dies_between_commit_and_delete_leaves_a_stale_entry(theatre: Theatre) -> None:
    def reset_with_entry() -> None:
        theatre.reset()
        theatre.cache.set(answers.KEY, 1)

    found = explore(
        theatre.stage,
        [theatre.caller("T1", answers.write_then_delete, "db", "store", 2)],
        reset=reset_with_entry,
        invariant=theatre.staleness,
        faults="!<>",
        limits=PATIENT,
    )
    assert {r.schedule.split()[-1] for r in found.failures} >= {"1r!", "1r<"}
    assert not any(r.problem for r in found.runs if r.schedule.endswith("1r>"))


def test_a_blocking_command_waits_for_the_other_caller(theatre: Theatre) -> None:
    found = theatre.explore(
        theatre.caller("T1", answers.wait_for_work, "store"),
        theatre.caller("T2", answers.send_work, "store"),
    )
    assert [r.replies for r in found.runs] == [[("ok", b"parcel"), ("ok", 1)]] * len(found.runs)
    assert len(found.runs) == 3


def test_sleeps_on_the_virtual_clock_are_choices_too(theatre: Theatre) -> None:
    found = theatre.explore(
        theatre.caller("T1", answers.poll_for_flag, "store", "clock"),
        theatre.caller("T2", answers.set_flag, "store"),
    )
    answered = {r.replies[0][1] for r in found.runs}
    assert answered == {0, 1, 2, 3, 4, 5}
    assert any("1k" in r.schedule for r in found.runs)
