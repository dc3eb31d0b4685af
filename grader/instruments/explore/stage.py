"""The stage: proxy, observer and workers, kept warm from one schedule to the next."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import psycopg

from grader.instruments.explore.lane import Caller, Lane
from grader.instruments.explore.observer import Observer
from grader.instruments.pgwire import PgProxy

_OWN_FUNCTIONS = """
select exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
               where n.nspname not in ('pg_catalog', 'information_schema')
               and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e'))
"""


class Stage:
    """Where schedules are played. Use as a context manager; several explorations may share one.

    url: the database as the answer's role sees it. observer_url: the same server for a role that may look
    at and end every session (the admin). callers: how many lanes there are.
    """

    def __init__(self, url: str, observer_url: str, *, callers: int = 2, folder: str | None = None) -> None:
        self.observer = Observer(observer_url)
        self.has_functions = True  # of somebody's own: statements may do more than they say
        self.strict = False  # sessions start at another level than READ COMMITTED
        self.deadlock_timeout = self._hasten_deadlocks(url)
        self.pause = 0.0  # see `Play`; kept from one exploration of an answer to the next
        self._pauses = [self.deadlock_timeout * n for n in (1.1, 5, 25, 100)]
        self.proxy = PgProxy(
            url,
            lanes=[f"T{i + 1}" for i in range(callers)],
            folder=folder,
            gate=lambda session, statement: None,
        )
        self.lanes = [Lane(self, i + 1) for i in range(callers)]

    def slow_down(self) -> bool:
        """For an answer that deadlocks: from here on a slower, steadier pace. False if there is none left."""
        if self._pauses:
            self.pause = self._pauses.pop(0)
            return True
        return False

    def _hasten_deadlocks(self, url: str) -> float:
        """Makes the server look for deadlocks after a millisecond; returns its timeout in seconds.

        With a short timeout the check of whoever waits first is over before anybody else moves, so it is
        always the one who closes the circle that the server picks as the victim.
        """
        named = psycopg.conninfo.conninfo_to_dict(url)
        role, database = named.get("user"), named.get("dbname")
        if role is None or database is None:  # the environment may say
            with psycopg.connect(url) as probe:
                role, database = probe.info.user, probe.info.dbname
        connection = self.observer.connection
        names = psycopg.sql.Identifier(str(role)), psycopg.sql.Identifier(str(database))
        with contextlib.suppress(psycopg.Error):  # not ours to change: slower, and the victim may vary
            connection.execute(
                psycopg.sql.SQL("alter role {} in database {} set deadlock_timeout = '1ms'").format(*names)
            )
        with psycopg.connect(url) as probe:
            row = probe.execute(
                "select setting::float / 1000 from pg_catalog.pg_settings where name = 'deadlock_timeout'"
            ).fetchone()
            level = probe.execute("show default_transaction_isolation").fetchone()
            own = probe.execute(_OWN_FUNCTIONS).fetchone()
            self.has_functions = own != (False,)
            self.strict = level != ("read committed",)
        return float(row[0]) if row else 1.0

    def url(self, caller: int = 1, server_url: str | None = None) -> str:
        """The address through which caller number `caller` must connect."""
        return self.proxy.url(f"T{caller}", server_url)

    def open_transactions(self, caller: int) -> list[str]:
        """Sessions of caller number `caller` that are in a transaction now; for callbacks of an answer that
        stand for a person who thinks, or for a slow call to somebody else."""
        return [s.name for s in self.lanes[caller - 1].sessions if s.status != "I"]

    def unheld(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, during which statements pass: an app may use the database while it is built.

        What is asked then is no part of a schedule, and is forgotten.
        """
        proxy, told, done = self.proxy, threading.Event(), os.eventfd(0)
        before = proxy.gate, proxy.on_finished
        proxy.gate = lambda session, statement: session.release()
        proxy.on_finished = lambda session, statement: None
        proxy.watch(done, lambda mask: told.set())

        def relay() -> None:
            while not told.is_set():
                proxy.pump(1.0)

        # The relaying is what moves to a thread: processes that `work` starts may be bound to the one it runs in.
        try:
            with ThreadPoolExecutor(max_workers=1) as pool:
                relaying = pool.submit(relay)
                try:
                    return work()
                finally:
                    os.eventfd_write(done, 1)
                    relaying.result()
        finally:
            proxy.unwatch(done)
            os.close(done)
            proxy.gate, proxy.on_finished = before
            proxy.clear()

    def cast(self, callers: Sequence[Caller]) -> list[Lane]:
        """Puts the callers on the first lanes, workers alive, and empties the other lanes."""
        if len(callers) > len(self.lanes):
            raise ValueError(
                f"This stage has {len(self.lanes)} lanes and was asked for {len(callers)} callers."
            )
        for lane in self.lanes[len(callers) :]:
            lane.retire()
        self.proxy.pump(0)
        used = self.lanes[: len(callers)]
        for lane, caller in zip(used, callers, strict=True):
            lane.cast(caller)
        self.proxy.broken.clear()
        return used

    def sweep(self) -> list[int]:
        """Waits until backends that were left have gone, ending those that stay; returns the ended ones."""
        if self.proxy.settle(1.0):
            return []
        stuck = [b.pid for b in self.proxy.leaving() if b.pid]
        self.observer.terminate(stuck)
        deadline = time.monotonic() + 5
        while not self.proxy.left and time.monotonic() < deadline:
            self.proxy.pump(0.01)
        return stuck

    def close(self) -> None:
        for lane in self.lanes:
            lane.retire()
        self.sweep()
        self.proxy.close()
        self.observer.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
