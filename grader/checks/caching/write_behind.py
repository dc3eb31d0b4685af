"""The scenes of `record_view`: who records and who flushes, a flush that is disturbed, and one that is killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import Asked, Place
from grader.checks.running import Database, Reply
from grader.instruments.faults import Sweep, sweep

PAUSE = 120.0  # seconds until what a dead process held is free again
MOST_RUNS = 25  # steps of a flush at which something happens
DRIVER = """
def __record__(redis, views):
    for product_id, customer_id in views:
        record_view(redis, product_id, customer_id)


def __max_loss__():
    return globals().get("MAX_LOSS", 0)
"""

Views = list[tuple[int, int]]  # (product, customer), in order
Rows = dict[int, tuple[int, int]]  # product -> (views, last customer)


def rows_of(views: Views) -> Rows:
    """What the table must say."""
    rows: Rows = {}
    for product, customer in views:
        rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
    return rows


@dataclass
class Meanwhile:
    """A flush during which, at one of its steps, another view was recorded."""

    step: str
    wanted: Rows
    found: Rows
    reply: Reply
    timeline: dict[str, Any]


@dataclass
class History:
    declared: Any = 0
    recorded: Reply | None = None
    flushed: Reply | None = None
    asked: Asked = field(default_factory=Asked)
    wanted: Rows = field(default_factory=dict)
    found: Rows = field(default_factory=dict)
    idle: Rows = field(default_factory=dict)  # after one more flush, of nothing
    meanwhile: list[Meanwhile] = field(default_factory=list)
    orphaned: tuple[int, int] = (0, 0)  # views that a killed process recorded, and how many arrived
    crashes: Sweep | None = None
    disorder: str = ""  # where everything arrived but not in order


class Staff:
    """The processes that record and flush on one place, by name, and what they have to do with."""

    def __init__(self, place: Place, database: Database) -> None:
        self.place, self.database = place, database
        self._workers: dict[str, Any] = {}
        self._gathered: list[tuple[bytes, int, bytes]] = []

    def worker(self, name: str) -> Any:
        """The process of this name; another one where it was killed."""
        if name not in self._workers or self._workers[name].dead:
            self._workers[name] = self.place.worker(driver=DRIVER)
        return self._workers[name]

    def kill(self, name: str) -> None:
        self._workers[name].kill()

    def record(self, some: Views, by: str = "recorder") -> Reply:
        reply: Reply = self.worker(by).call("__record__", self.place.redis(), some)
        return reply

    def start_flush(self, by: str = "flusher") -> Any:
        return self.worker(by).start("__pooled__", "flush_views", self.place.conn(), self.place.redis())

    def flush(self, by: str = "flusher") -> Reply:
        reply: Reply = self.start_flush(by).result()
        return reply

    def rows(self) -> Rows:
        found = self.database.query("SELECT product_id, views, last_customer FROM public.product_views")
        return {product: (count, customer) for product, count, customer in found}

    def reset(self) -> None:
        """Nothing gathered, nothing written."""
        self.place.cache.flushdb()
        tables = self.database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = ", ".join(f'public."{table}"' for (table,) in tables)
        self.database.execute(f"TRUNCATE {names}")

    def remember(self) -> None:
        """What stands in Redis now is what `gather` brings back."""
        cache = self.place.cache
        self._gathered = [(k, max(cache.pexpiretime(k), 0), cache.dump(k)) for k in cache.scan_iter()]

    def gather(self) -> None:
        """As if the views that are remembered had just been recorded; the journal is not told."""
        with self.place.journal.shielded():
            self.reset()
            for key, until, value in self._gathered:
                self.place.cache.restore(key, until, value, absttl=bool(until))


def disturb(history: History, staff: Staff, some: Views) -> None:
    """A flush is stopped at each of its steps in turn, and a view recorded there."""
    journal = staff.place.journal
    late = (some[0][0], 77_777)
    for number in range(MOST_RUNS):
        staff.gather()
        journal.clear()
        journal.hold(lambda step, n=number: step.number == n)  # type: ignore[misc]
        pending = staff.start_flush()
        journal.wait(lambda p=pending: bool(journal.held()) or p.done())  # type: ignore[misc]
        held = journal.held()
        if not held:
            journal.let_go()
            break
        with journal.shielded():
            staff.record([late])
        journal.note("caller", f"one more view of product {late[0]}, by customer {late[1]}")
        journal.let_go()
        reply = pending.result()
        again = staff.flush()
        history.meanwhile.append(
            Meanwhile(
                held[0].text,
                rows_of([*some, late]),
                staff.rows(),
                reply if not reply.ok else again,
                journal.timeline(),
            )
        )


def crash(history: History, staff: Staff, some: Views) -> Sweep:
    """The flushing process is killed after each of its steps; another one flushes again."""
    place = staff.place
    bound = history.declared if isinstance(history.declared, int) else 0

    def attempt() -> str:
        staff.gather()
        if not staff.flush().ok:
            place.journal.note("caller", "another process flushes")
        assert place.postgres
        place.postgres.settle()
        with place.journal.shielded():
            for _ in range(2):
                place.clock.advance(PAUSE)
                staff.flush("heir")
        found = staff.rows()
        arrived = sum(count for count, _ in found.values())
        if abs(arrived - len(some)) > bound:
            word = "lost" if arrived < len(some) else "counted twice"
            return f"{abs(arrived - len(some))} of {len(some)} views are {word}, declared were {bound}"
        if found != rows_of(some) and arrived == len(some) and not history.disorder:
            history.disorder = "after a crash every view has arrived, but not in order"
        return ""

    return sweep(
        attempt,
        place.journal,
        actions=("crash after",),
        crash=lambda caller: staff.kill("flusher"),
        most_runs=MOST_RUNS,
    )
