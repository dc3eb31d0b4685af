"""A delivery that has to wait for somebody else, who holds the row it needs: it is overtaken, or cancelled as it waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any

import psycopg

from grader.checks.idempotency.deliveries import Postman, Series, State
from grader.checks.running import Reply
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.rest import at_rest
from grader.instruments.steps import Journal

SPINS = 40  # statements of a delivery that asks again and again instead of waiting
WAITING = "from pg_catalog.pg_stat_activity w where datname = current_database() and wait_event_type = 'Lock'"
# For a session without a transaction, which will not give it back.
FOR_EVER = f"""
{WAITING} and exists (select from pg_catalog.pg_stat_activity h
                       where h.state = 'idle' and h.pid = any (pg_catalog.pg_blocking_pids(w.pid)))
"""


class Meanwhile:
    """One delivery, every statement of which can be held, and another session. Use as a context manager."""

    def __init__(self, post: Postman, message: Any) -> None:
        self._post, self._message = post, message
        self._stack = ExitStack()

    def __enter__(self) -> Meanwhile:
        rehearsal = self._post.rehearsal
        url, admin = rehearsal.database.url(), rehearsal.database.url("admin")
        self._journal = Journal()
        steps = PostgresSteps(url, rehearsal.bench.scratch(), journal=self._journal, observer_url=admin)
        self._url = self._stack.enter_context(steps).url()
        self._other = self._stack.enter_context(psycopg.connect(url, autocommit=True))
        self._other.execute("set lock_timeout = '20ms'")  # what the delivery holds is not waited for
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def write(self, statement: str) -> None:
        """The other session begins a transaction with this, unless the delivery holds what it takes."""
        self._other.execute("begin")
        with suppress(psycopg.errors.LockNotAvailable):
            self._other.execute(statement.encode())

    def end(self) -> None:
        """The other session commits."""
        self._other.execute("commit")

    def begin(self) -> bool:
        """Begins the delivery; whether it comes to wait for the other session."""
        self._call = self._post.begin(self._message, self._url)
        return self._waits()

    def hold(self) -> None:
        """Nothing the delivery says from now on reaches the server."""
        self._journal.hold()

    def held(self) -> bool:
        """Whether it says something more, once what it waited for has come."""
        self._rests(lambda: bool(self._journal.held()))
        return not self._call.done()

    def let_go(self) -> bool:
        """Whether it comes to wait for the other session again."""
        self._journal.let_go()
        return self._waits()

    def cancel(self) -> None:
        """The statement that waits is cancelled, as by its timeout or by an administrator."""
        under_way = [step for step in self._journal.steps if step.state == "running"]
        self._other.execute(f"select pg_catalog.pg_cancel_backend(pid) {WAITING}".encode())
        self._rests(lambda: all(step.finished() for step in under_way))

    def result(self) -> Reply:
        return self._post.end(self._call)

    def again(self) -> Reply:
        """The same over another connection; the first one is back in its pool."""
        call = self._post.begin(self._message)

        def stuck() -> bool:
            return self._any(FOR_EVER)

        at_rest(self._journal, lambda: call.done() or stuck(), pids=self._post.pids)
        if not call.done() and stuck():
            self._post.dismiss()
            return Reply(ended="timeout")
        return self._post.end(call)

    def _waits(self) -> bool:
        before = len(self._journal.steps)

        def held_up() -> bool:
            return len(self._journal.steps) - before > SPINS or self._any(WAITING)

        self._rests(held_up)
        return not self._call.done()

    def _any(self, sessions: str) -> bool:
        return bool(self._post.rehearsal.database.query(f"select {sessions}"))

    def _rests(self, condition: Callable[[], bool]) -> None:
        at_rest(self._journal, lambda: self._call.done() or condition(), pids=self._post.pids)


def overtaken(
    post: Postman,
    what: str,
    message: Any,
    wanted: State,
    reset: Callable[[], object],
    others: tuple[str, str],
) -> Series:
    """Two others write what the delivery is about to write, one after the other: the second begins when the delivery
    has learnt of the first, and before it tries again. others: their statements."""
    found = Series("queue", what, [post.words(message)], wanted)
    reset()
    with Meanwhile(post, message) as meanwhile:
        meanwhile.write(others[0])
        waited = meanwhile.begin()
        meanwhile.hold()
        meanwhile.end()
        if waited and meanwhile.held():
            meanwhile.write(others[1])
            meanwhile.let_go()
            meanwhile.end()
        meanwhile.let_go()
        found.replies.append(meanwhile.result())
    found.state = post.observe()
    return found


def cancelled(
    post: Postman, what: str, message: Any, wanted: State, reset: Callable[[], object], other: str
) -> Series:
    """A delivery is cancelled while it waits, and comes again over another connection. other: what it waits for."""
    found = Series("cancelled", what, [post.words(message), f"{post.words(message)}, again"], wanted)
    reset()
    with Meanwhile(post, message) as meanwhile:
        meanwhile.write(other)
        if meanwhile.begin():
            meanwhile.cancel()
        meanwhile.end()
        found.replies = [meanwhile.result(), meanwhile.again()]
    found.state = post.observe()
    return found
