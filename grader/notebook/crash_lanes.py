"""A function that is killed at each of its boundaries in turn, in Postgres and outside, and what is left each time.

    lanes = {
        "publish, then commit": crash_everywhere(db, outside, outside.broker, publish_first, judge=judge, ...),
        "commit, then publish": ...,
    }
    draw_crashes(lanes, good={"told once"}, doubt={"told twice"})

The function runs here, on a connection and a client that are cut off for good at the boundary: whatever it tries
after that fails, and it ends by an exception that it cannot catch as one of its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import psycopg

from grader.instruments.explore import SavedRows
from grader.instruments.faults import sweep
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.steps import SAFETY_NET
from grader.notebook.outside import Outside, Partner
from grader.notebook.picture import Picture
from grader.notebook.scratch import Scratch
from grader.show.crashes import CrashLane, crashes_svg, crashes_text

Work = Callable[[psycopg.Connection[Any], Any], Any]  # (conn, client)


class _Killed(BaseException):
    """The process is dead; nothing of the function's own may catch this."""


def crash_everywhere(
    scratch: Scratch,
    outside: Outside,
    partner: Partner,
    work: Work,
    *,
    judge: Callable[[list[tuple[Any, ...]]], str],
    tables: Mapping[str, str] | Sequence[str],
    look: str,
    before: Callable[[], object] = lambda: None,
    after: Work | None = None,
) -> CrashLane:
    """Runs `work(conn, client)` undisturbed, then once for each boundary, dead from there on; a lane of a picture.

    partner: whom it talks to outside. before(): fills the partner's side. after(conn, client): what comes next
    in any case, until it returns: the job that runs again, the client that repeats. judge(rows of look): what is
    left, in a few words; it may look at `partner` too. The rows are as before afterwards.
    """
    saved = SavedRows(scratch.url("admin"), tables)
    said: list[str] = []
    rehearsal = _Rehearsal(outside, partner)
    try:
        with (
            scratch.connect("admin") as observer,
            PostgresSteps(scratch.url(), outside.folder, journal=outside.journal) as postgres,
        ):
            rehearsal.postgres = postgres

            def attempt() -> str:
                with outside.journal.shielded():
                    saved()
                    partner.forget()
                    before()
                rehearsal.run(work)
                with outside.journal.shielded():
                    postgres.settle()
                    if after is not None:
                        rehearsal.repeat(after)
                    said.append(judge(observer.execute(look.encode()).fetchall()))
                return ""

            found = sweep(
                attempt,
                outside.journal,
                actions=("crash before", "crash after"),
                crash=rehearsal.die,
                stop_at=0,
            )
            saved()
    finally:
        saved.close()
        outside.forget()
    undisturbed, *left = said[1:]  # the first run of a sweep only warms up
    return CrashLane(tuple(b.text for b in found.boundaries), tuple(left), undisturbed)


class _Rehearsal:
    """Runs functions until they die."""

    postgres: PostgresSteps

    def __init__(self, outside: Outside, partner: Partner) -> None:
        self.client = outside.client(partner)
        self.dead = threading.Event()

    def die(self, caller: str) -> None:
        self.dead.set()

    def run(self, work: Work) -> None:
        self.dead.clear()
        conn = psycopg.connect(self.postgres.url(), prepare_threshold=None)
        with contextlib.suppress(_Killed):
            try:
                work(conn, _Mortal(self.client, self.dead, conn))
            except psycopg.OperationalError:
                if not self.dead.wait(SAFETY_NET):  # the news of a death may come after the cut
                    raise
            except Exception:
                if not self.dead.is_set():
                    raise
        conn.close()

    def repeat(self, work: Work) -> None:
        """Undisturbed; it may refuse a few times."""
        with psycopg.connect(self.postgres.url(), prepare_threshold=None) as conn:
            for _ in range(3):
                try:
                    work(conn, self.client)
                    return
                except Exception:
                    conn.rollback()


class _Mortal:
    """A client whose process may be dead when the reply comes, if it comes."""

    def __init__(self, client: Any, dead: threading.Event, conn: psycopg.Connection[Any]) -> None:
        self._client, self._dead, self._conn = client, dead, conn

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **more: Any) -> Any:
            try:
                return method(*args, **more)
            finally:
                if self._dead.is_set():
                    self._conn.close()
                    raise _Killed

        return call


def draw_crashes(
    lanes: Mapping[str, CrashLane], *, good: Collection[str], doubt: Collection[str] = ()
) -> Picture:
    """Every lane with what is left after a death at each of its boundaries; good and doubt: the words that are all
    right, or harmless under a condition."""
    return Picture(crashes_svg(lanes, good, doubt), crashes_text(lanes, good, doubt))
