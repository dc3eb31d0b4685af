"""What the explorer costs: one line of JSON a figure.

The rival is a lockstep runner as one would write it by hand for one known function: no proxy, the function
calls `gate()` before each statement, the runner says which process goes next and asks `pg_blocking_pids`
whether it waits. Both play the same schedules in the same kind of processes with the same reset and the
same invariant, alternating, so the ratio holds on a busy machine too.
`python tests/benchmarks/bench_explorer.py [ROUNDS]`
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from actors import caller
from lockstep import Lockstep

from grader import services
from grader.instruments.explore import Exploration, Run, Stage, crashes, explore, replay

NO_GATE: Callable[[], None] = lambda: None  # noqa: E731


def figure(name: str, value: float, unit: str, target: float, **detail: object) -> None:
    print(
        json.dumps(
            {"figure": name, "value": round(value, 3), "unit": unit, "target": target, "detail": detail}
        ),
        flush=True,
    )


def transfer(conn: Any, source: int, target: int, amount: int, gate: Callable[[], None] = NO_GATE) -> None:
    """Four statements, COMMIT included; BEGIN is psycopg's own."""
    with conn.transaction():
        gate()
        rows = conn.execute(
            "select id, balance from accounts where id in (%s, %s) order by id for update", [source, target]
        ).fetchall()
        if dict(rows)[source] < amount:
            raise ValueError("not enough")
        gate()
        conn.execute("update accounts set balance = balance - %s where id = %s", [amount, source])
        gate()
        conn.execute("update accounts set balance = balance + %s where id = %s", [amount, target])
        gate()


def naive(conn: Any, source: int, target: int, amount: int, gate: Callable[[], None] = NO_GATE) -> None:
    """Reads, then writes what it read: five statements, no lock until it writes, many schedules."""
    with conn.transaction():
        gate()
        (has,) = conn.execute("select balance from accounts where id = %s", [source]).fetchone()
        gate()
        conn.execute("update accounts set balance = %s where id = %s", [has - amount, source])
        gate()
        conn.execute("update accounts set balance = balance + %s where id = %s", [amount, target])
        gate()


def crosswise(conn: Any, first: int, second: int) -> None:
    with conn.transaction():
        conn.execute("update accounts set balance = balance + 1 where id = %s", [first])
        conn.execute("update accounts set balance = balance + 1 where id = %s", [second])


class World:
    """The data, its reset and what must hold."""

    def __init__(self, admin: psycopg.Connection[Any]) -> None:
        self.admin = admin
        admin.execute("create table accounts (id int primary key, balance int not null)")
        admin.execute("alter table accounts owner to learner")

    def reset(self) -> None:
        self.admin.execute(
            "delete from accounts; insert into accounts values (1, 100), (2, 100), (3, 100), (4, 100)"
        )

    def observe(self) -> list[tuple[int, int]]:
        return self.admin.execute("select id, balance from accounts order by id").fetchall()

    def invariant(self, run: Run) -> str:
        total = sum(balance for _, balance in run.state)
        return "" if total == 400 else f"The total is {total}, must be 400"


@contextmanager
def scene() -> Any:
    server = services.up().judge_postgres
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("drop database if exists bench_explorer with (force)")
        admin.execute("create database bench_explorer owner learner")
        with psycopg.connect(server.url("bench_explorer"), autocommit=True) as inside:
            yield server, World(inside)
        admin.execute("drop database bench_explorer with (force)")


def side_by_side(
    stage: Stage, world: World, lockstep: Lockstep, function: Any, rounds: int
) -> tuple[float, float, Exploration]:
    """Median milliseconds a schedule: ours, the lockstep runner's; and what the exploration found."""
    args = [(1, 2, 10), (2, 1, 20)] if function is naive else [(1, 2, 10), (1, 3, 20)]
    callers = [caller(function, *a) for a in args]
    parts = {"reset": world.reset, "observe": world.observe, "invariant": world.invariant}
    found = explore(stage, callers, **parts)
    actors = lockstep.cast(function, args)
    # Where calls deadlock, both wait for the server's check so that the victim is always the same.
    lockstep.pause = stage.pause
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        for run in found.runs:
            begin = time.perf_counter()
            again = replay(stage, callers, run.schedule, **parts)
            middle = time.perf_counter()
            world.reset()
            lockstep.play(actors, [c.caller - 1 for c in run.choices])
            again.state = world.observe()
            world.invariant(again)
            end = time.perf_counter()
            ours.append(middle - begin)
            theirs.append(end - middle)
    lockstep.dismiss(actors)
    return statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3, found


def main(rounds: int = 3) -> None:
    with scene() as (server, world):
        url, admin = server.url("bench_explorer", "learner"), server.url("bench_explorer")
        with Stage(url, admin, callers=2) as stage, Lockstep(url, admin) as lockstep:
            for function in (transfer, naive):
                ours, theirs, found = side_by_side(stage, world, lockstep, function, rounds)
                detail = {"answer": function.__name__, "schedules": len(found.runs), "cores": os.cpu_count()}
                figure("explorer: median schedule of two 4-statement calls", ours, "ms", 5, **detail)
                figure(
                    "explorer: over a lockstep runner without a proxy",
                    ours / theirs,
                    "ratio",
                    1.25,
                    **detail,
                    lockstep_ms=round(theirs, 3),
                )
            callers = [caller(transfer, 1, 2, 10), caller(transfer, 2, 1, 20)]
            parts = {"reset": world.reset, "observe": world.observe, "invariant": world.invariant}
            times = []
            for _ in range(rounds):
                begin = time.perf_counter()
                both = explore(stage, callers, **parts)
                alone = crashes(stage, callers[0], **parts)
                times.append((time.perf_counter() - begin) * 1e3)
            figure(
                "explorer: transfer, all schedules of two calls and all boundaries",
                statistics.median(times),
                "ms",
                1000,
                schedules=len(both.runs),
                boundaries=len(alone.runs),
            )
            crossing = [caller(crosswise, 1, 2), caller(crosswise, 2, 1)]
            found = explore(stage, crossing, **parts)
            run = found.simplest(lambda r: bool(r.deadlocks))
            assert run is not None
            spans = [_deadlock_ms(replay(stage, crossing, run.schedule, **parts)) for _ in range(20)]
            figure(
                "explorer: deadlock resolved", statistics.median(spans), "ms", 20, worst=round(max(spans), 2)
            )


def _deadlock_ms(run: Run) -> float:
    victim = run.deadlocks[0]
    return (victim.ended_at - victim.sent_at) * 1e3


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
