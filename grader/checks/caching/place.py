"""Where answers of this lab run: a counted Postgres, a counted Redis, and one virtual clock for both and `time`.

    with Place(answer, bench, bench.database()) as place:
        worker = place.worker()
        reply, asked = place.call(worker, "get_product", place.conn(), place.redis(), 7)
        asked.queries, asked.commands         # what went over the two wires during that call

Workers see `time.time`, `time.monotonic` and `time.sleep` on the virtual clock, as the TTLs of their keys are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any

import redis

from grader.checks.caching.values import PLAIN
from grader.checks.running import Answer, Bench, Database, Reply, Resource
from grader.checks.virtual_time import CALLED, DRIVER
from grader.instruments.clock import VirtualClock
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.resp import RespProxy
from grader.instruments.rest import at_rest
from grader.instruments.steps import Journal, Step
from grader.verdict import Evidence

_TOLD = (
    PLAIN
    + """
__bare__ = __pooled__


def __pooled__(name, *args):
    return __plain__(__bare__(name, *args))
"""
)
FEW = 13  # looks that find nothing moving, the last three at processes as well
BEHIND = "behind"  # under which name threads sleep that callers left behind
_ENDINGS = ("BEGIN", "COMMIT", "ROLLBACK", "END", "START ", "SAVEPOINT", "RELEASE", "SET ", "ABORT")


@dataclass(frozen=True)
class Asked:
    """What one call asked of the outside world."""

    queries: list[str] = field(
        default_factory=list
    )  # Postgres, without what only begins or ends transactions
    commands: list[str] = field(default_factory=list)  # Redis
    timeline: dict[str, Any] = field(default_factory=dict)

    def exhibit(self, title: str) -> Evidence:
        return Evidence("timeline", title, self.timeline)


def asks(steps: list[Step], timeline: dict[str, Any]) -> Asked:
    return Asked(
        [s.text for s in steps if s.lane == "Postgres" and not s.text.upper().startswith(_ENDINGS)],
        [s.text for s in steps if s.lane == "Redis"],
        timeline,
    )


class Place:
    """See the module. callers: the names under which workers reach the servers."""

    def __init__(
        self,
        answer: Answer,
        bench: Bench,
        database: Database | None = None,
        *,
        callers: tuple[str, ...] = ("app",),
        sleeping: str = "advance",
        **proxy: Any,
    ) -> None:
        self._answer, self.bench, self.database = answer, bench, database
        self.journal = Journal()
        self.clock = VirtualClock(sleeping=sleeping)
        self.clock.watch_sleepers(self.journal.tell)  # whoever waits for something to come about looks again
        self.folder = bench.scratch()
        url = bench.redis_url()
        self.proxy = RespProxy(url, self.folder, journal=self.journal, clock=self.clock, **proxy)
        self.cache: Any = redis.Redis.from_url(url)  # the judge's own, past the proxy
        self.postgres: PostgresSteps | None = None
        if database is not None:
            self.postgres = PostgresSteps(
                database.url("learner"), self.folder, journal=self.journal, callers=callers
            )
        self._doors: dict[str, str] = {}
        self._workers = 0

    def worker(
        self,
        *,
        driver: str = "",
        callbacks: Mapping[str, Callable[..., Any]] | None = None,
        caller: str = "app",
        apart: bool = False,
    ) -> Any:
        """A process of the answer's, on the virtual clock, its `random` seeded by the course, for each another way.

        apart: its threads are told apart, see `virtual_time.CALLED`; the driver calls through `__called__`.
        """
        self._workers += 1
        seed = self.bench.random(f"answer {self._workers}").randrange(2**32)
        start = f"\n__time_flows__({self._door(caller)!r})\n__seed__({seed})\n"
        if apart:
            driver = CALLED + driver
            start += f"__others_sleep_apart__({self._door(BEHIND)!r})\n"
        return self._answer.spawn(driver=DRIVER + _TOLD + driver + start, callbacks=callbacks)

    def _door(self, caller: str) -> str:
        if caller not in self._doors:
            self._doors[caller] = self.clock.serve(self.folder, caller)
        return self._doors[caller]

    def conn(self, caller: str = "app") -> Resource:
        assert self.postgres is not None
        return Resource("connection", self.postgres.url(caller), settings={"prepare_threshold": None})

    def redis(self, caller: str = "app", **settings: Any) -> Resource:
        return Resource("redis", self.proxy.url(caller), settings=settings)

    def call(self, worker: Any, name: str, *args: Any) -> tuple[Reply, Asked]:
        """One call by itself, and what it asked for."""
        with self.journal.changed:
            self.journal.clear()
        reply = worker.call("__pooled__", name, *args)
        return reply, asks(self.journal.steps, self.journal.timeline())

    def keys(self) -> dict[str, float | None]:
        """Every key in Redis and the seconds it has left; None for one that stays for ever."""
        return {name(k): self.proxy.ttl(k) for k in self.cache.scan_iter(count=1000)}

    def entries(self) -> dict[str, float | None]:
        """As `keys`, but of a hash each field ("key field") where fields have an expiry of their own."""
        found: dict[str, float | None] = {}
        for key, whole in self.keys().items():
            fields = self.proxy.ttls_of_fields(key)
            if all(left is None for left in fields.values()):
                found[key] = whole
                continue
            for part, left in fields.items():
                found[f"{key} {name(part)}"] = min((t for t in (left, whole) if t is not None), default=None)
        return found

    def later(self, seconds: float, *workers: Any) -> None:
        """Time passes. Threads that calls to these workers have left behind do, each at its moment, what they are for.

        workers: made with `apart`.
        """
        living = [worker for worker in workers if not worker.dead]
        behind = sum(worker.call("__behind__").value or 0 for worker in living)
        until = self.clock.now() + timedelta(seconds=seconds)
        if seconds:
            self.journal.note("time", f"{seconds:g} seconds pass")
        while behind:
            self._settle(behind, living)
            due = self.clock.asleep(BEHIND)[:1]
            if not due or due[0] > until:
                break
            self.clock.set(due[0])
        self.clock.set(until)

    def _settle(self, behind: int, workers: Sequence[Any]) -> None:
        """Until all that were left behind sleep, or nothing moves: they may listen, wait for a held step, or have ended."""
        pids = [worker.pid for worker in workers]
        at_rest(self.journal, lambda: len(self.clock.asleep(BEHIND)) >= behind, pids=pids, looks=FEW)

    def close(self) -> None:
        self.journal.let_go()
        if self.postgres is not None:
            self.postgres.close()
        self.proxy.close()
        self.clock.close()
        self.cache.close()

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def name(key: Any) -> str:
    return key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else str(key)
