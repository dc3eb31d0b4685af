"""Concurrent calls of an answer whose schedules interleave Postgres and Redis steps.

with Together(answer, bench, database, callers=2) as together:
    together.rehearsal.play("...", [Part("update_price", CONN, together.redis, 7, price)], reset=together.reset, ...)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import redis

from grader.checks.concurrency import Rehearsal, Seat
from grader.checks.running import Answer, Bench, Database, Resource
from grader.checks.virtual_time import DRIVER
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import PATIENT
from grader.instruments.joining import join
from grader.instruments.resp import RespProxy
from grader.instruments.steps import Journal


class Together:
    """A rehearsal, the Redis proxy joined to its stage, and the judge's own client `cache`."""

    def __init__(
        self, answer: Answer, bench: Bench, database: Database, *, callers: int = 2, driver: str = ""
    ) -> None:
        self._stack = ExitStack()
        self.journal = Journal()
        self.clock = VirtualClock()
        self._stack.callback(self.clock.close)
        folder, url = bench.scratch(), bench.redis_url()
        self.proxy = self._stack.enter_context(RespProxy(url, folder, journal=self.journal, clock=self.clock))
        self.cache: Any = redis.Redis.from_url(url)
        self._stack.callback(self.cache.close)
        door = self.clock.serve(folder, "all")
        self.rehearsal = self._stack.enter_context(
            Rehearsal(
                answer,
                bench,
                database,
                callers=callers,
                driver=f"{DRIVER}{driver}\n__time_flows__({door!r})\n",
                limits=PATIENT,
            )
        )
        self._joined = join(self.rehearsal.stage, self.journal)
        self._stack.callback(self._joined.end)

    def redis(self, seat: Seat) -> Resource:
        """Stands for the caller's own client in a part's arguments."""
        return Resource("redis", self.proxy.url(seat.name), id="redis")

    def start_over(
        self, *resets: Callable[[], object], keys: Callable[[], object] | None = None
    ) -> Callable[[], None]:
        """A reset: an empty Redis, or what `keys` (a `SavedKeys`) makes of it, and then `resets`."""
        first = keys or self.cache.flushdb

        def reset() -> None:
            self._joined.clear()
            first()
            for each in resets:
                each()

        return reset

    def __enter__(self) -> Together:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
