"""Every order of some functions' steps in Postgres and Redis together: the explorer over two servers, for a lesson.

    found = race(db, wires.url, [(read, 7), (write, 7, 12)], tables=["products"], before=warm, look=look, wrong=stale)
    steps(found.counterexample, names=("reader", "writer"))

Each function is called with an autocommit connection, a Redis client and its further arguments.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.instruments.explore import PATIENT, Caller, Exploration, Run, SavedRows, Stage, crashes, explore
from grader.instruments.explore.threads import thread_caller
from grader.instruments.joining import join
from grader.instruments.resp import RespProxy
from grader.instruments.steps import Journal
from grader.notebook import every_order
from grader.notebook.every_order import Call
from grader.notebook.picture import Picture
from grader.notebook.picture import timeline as picture_of
from grader.notebook.scratch import Scratch
from grader.notebook.stepping import Steps

Look = Callable[[psycopg.Connection[Any], "redis.Redis"], Any]


def race(
    scratch: Scratch,
    cache: str,
    calls: Sequence[Call],
    *,
    tables: Mapping[str, str] | Sequence[str],
    look: Look,
    wrong: Callable[[Any], str] = lambda state: "",
    before: Look = lambda conn, redis: None,
    schedule: str | None = None,
) -> Exploration:
    """Runs the calls at once in every order of their statements and commands, each time from the same data.

    cache: URL of a Redis server, which is emptied. before(conn, redis): what happens first, undisturbed;
    look(conn, redis): what is looked at afterwards; wrong(state): what is wrong with that, or "". tables and
    schedule: as for `every_order`.
    """
    with _theatre(scratch, cache, tables, len(calls), before) as theatre:
        return explore(
            theatre.stage,
            theatre.cast(calls),
            reset=theatre.reset,
            observe=lambda: look(theatre.conn, theatre.redis),
            invariant=lambda run: wrong(run.state),
            always=wrong,
            schedule=schedule,
            reduce=False,
            limits=PATIENT,
        )


def race_crash(
    scratch: Scratch,
    cache: str,
    call: Call,
    *,
    tables: Mapping[str, str] | Sequence[str],
    look: Look,
    wrong: Callable[[Any], str] = lambda state: "",
    before: Look = lambda conn, redis: None,
    after: Look = lambda conn, redis: None,
) -> Exploration:
    """Runs the call alone and lets it die before each statement and command.

    after(conn, redis): what whoever comes next does, before the look. Other arguments as for `race`.
    """
    with _theatre(scratch, cache, tables, 1, before) as theatre, _quietly():
        return crashes(
            theatre.stage,
            theatre.cast([call])[0],
            reset=theatre.reset,
            recover=lambda run: after(theatre.conn, theatre.redis),
            observe=lambda: look(theatre.conn, theatre.redis),
            invariant=lambda run: wrong(run.state),
            faults="!",
            limits=PATIENT,
        )


@dataclass
class _Theatre:
    """A stage over both servers, and a look past the proxies. It is emptied and set up before each run."""

    stage: Stage
    proxy: RespProxy
    conn: psycopg.Connection[Any]
    redis: redis.Redis
    reset: Callable[[], None]

    def cast(self, calls: Sequence[Call]) -> list[Caller]:
        return [self._caller(f"T{number}", call) for number, call in enumerate(calls, 1)]

    def _caller(self, lane: str, call: Call) -> Caller:
        function, *arguments = call

        def work(connection: psycopg.Connection[Any]) -> Any:
            connection.autocommit = True
            with _client(self.proxy.url(lane)) as client:
                return every_order.guarded(connection, function, client, *arguments)

        return thread_caller(work)


@contextmanager
def _theatre(
    scratch: Scratch,
    cache: str,
    tables: Mapping[str, str] | Sequence[str],
    callers: int,
    before: Look,
) -> Iterator[_Theatre]:
    journal = Journal()
    with ExitStack() as stack:
        saved = SavedRows(scratch.url("admin"), tables)
        stack.callback(saved.close)
        stack.callback(saved)
        conn, own = stack.enter_context(scratch.connect()), stack.enter_context(_client(cache))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="race"))
        stage = stack.enter_context(Stage(scratch.url(), scratch.url("admin"), callers=callers))
        proxy = stack.enter_context(RespProxy(cache, folder, journal=journal))
        joined = join(stage, journal)
        stack.callback(joined.end)

        def reset() -> None:
            joined.clear()
            own.flushdb()
            saved()
            before(conn, own)

        yield _Theatre(stage, proxy, conn, own, reset)


@contextmanager
def _quietly() -> Iterator[None]:
    """Whoever is killed inside a transaction cannot roll it back, and psycopg would log that."""
    log = logging.getLogger("psycopg")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _client(url: str) -> redis.Redis:
    client: redis.Redis = redis.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0))
    return client


def steps(run: Run, conclusion: str = "", names: Sequence[str] = ()) -> Steps:
    """One order, to step through: a column for each caller, commands to Redis marked as such."""
    return Steps(every_order.story(run, conclusion, names, merged=True))


def still(run: Run, conclusion: str = "", names: Sequence[str] = ()) -> Picture:
    """One order, whole."""
    return picture_of(every_order.story(run, conclusion, names, merged=True))
