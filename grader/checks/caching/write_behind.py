"""The scenes of `record_view`: who records and who flushes, a flush that is disturbed, and one that is killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import Asked, Place
from grader.checks.caching.values import told
from grader.checks.holdings import empty_tables
from grader.checks.running import Database, Reply
from grader.instruments.faults import Sweep, sweep
from grader.instruments.saved_keys import SavedKeys

PAUSE = 120.0  # seconds until what a dead process held is free again
PATIENCE = 1000  # commands; whoever asks more often, two minutes after somebody died, waits for the dead
MOST_RUNS = 20  # steps of a flush at which something happens
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
class Overtaken:
    """A record_view that was stopped before `step`; or, if `killed`, that ended there with its process.

    wanted: what the table may say; of a view that was killed that it is there, or that it is not.
    trouble: what a call of the others did, "" if all came back.
    """

    step: str
    killed: bool
    wanted: list[Rows]
    found: Rows
    trouble: str
    timeline: dict[str, Any]

    @property
    def arrived(self) -> int:
        return sum(count for count, _ in self.found.values())

    @property
    def expected(self) -> list[int]:
        """The fewest views that must be in the table and the most that may."""
        sums = [sum(count for count, _ in rows.values()) for rows in self.wanted]
        return [min(sums), max(sums)]


@dataclass
class History:
    declared: Any = 0
    recorded: Reply | None = None
    flushed: Reply | None = None
    asked: Asked = field(default_factory=Asked)
    wanted: Rows = field(default_factory=dict)
    found: Rows = field(default_factory=dict)
    idle: Rows = field(default_factory=dict)  # after one more flush, of nothing
    left: int = 0  # things in Redis after that, where they stay
    meanwhile: list[Meanwhile] = field(default_factory=list)
    orphaned: tuple[int, int] = (0, 0)  # views that a killed process recorded, and how many arrived
    overtaken: list[Overtaken] = field(default_factory=list)  # recorders
    crashes: Sweep | None = None
    disorder: str = ""  # where everything arrived but not in order


class Staff:
    """The processes that record and flush on one place, by name, and what they have to do with."""

    def __init__(self, place: Place, database: Database) -> None:
        self.place, self.database = place, database
        self._workers: dict[str, Any] = {}
        self._gathered: SavedKeys | None = None

    def worker(self, name: str) -> Any:
        """The process of this name; another one where it was killed."""
        if name not in self._workers or self._workers[name].dead:
            self._workers[name] = self.place.worker(driver=DRIVER)
        return self._workers[name]

    def kill(self, name: str) -> None:
        self._workers[name].kill()

    def kill_all(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    def record(self, some: Views, by: str = "recorder") -> Reply:
        reply: Reply = self.start_record(some, by).result()
        return reply

    def start_record(self, some: Views, by: str) -> Any:
        return self.worker(by).start("__record__", self.place.redis(), some)

    def start_flush(self, by: str = "flusher") -> Any:
        return self.worker(by).start("__pooled__", "flush_views", self.place.conn(), self.place.redis())

    def flush(self, by: str = "flusher") -> Reply:
        reply: Reply = self.start_flush(by).result()
        return reply

    def turn(self, call: Any) -> str:
        """Lets a call come to its end, also where it has to wait for whoever is held. Returns what went wrong, or ""."""
        place = self.place
        start = len(place.journal.steps)

        def waits() -> bool:
            blocked = any(step.waiting() for step in place.journal.steps if step.state == "running")
            return bool(place.clock.sleepers) or blocked

        def endless() -> bool:
            return len(place.journal.steps) - start > PATIENCE

        while True:
            place.journal.wait(lambda: call.done() or waits() or endless())
            if call.done():
                reply: Reply = call.result()
                return "" if reply.ok else told(reply)
            if endless():
                self.kill_all()
                return "does not come back"
            if place.journal.held():  # it holds a lock: then others come after it
                place.journal.let_go()
            elif not place.clock.advance_to_next():
                place.clock.advance(0.5)

    def rows(self) -> Rows:
        found = self.database.query("SELECT product_id, views, last_customer FROM public.product_views")
        return {product: (count, customer) for product, count, customer in found}

    def reset(self) -> None:
        """Nothing gathered, nothing written."""
        self.place.cache.flushdb()
        empty_tables(self.database)

    def remember(self) -> None:
        """What stands in Redis now is what `gather` brings back."""
        self._gathered = SavedKeys(self.place.cache)

    def gather(self) -> None:
        """As if the views that are remembered had just been recorded; the journal is not told."""
        with self.place.journal.shielded():
            empty_tables(self.database)
            assert self._gathered
            self._gathered()


def disturb(history: History, staff: Staff, some: Views) -> None:
    """A flush is stopped at each of its steps in turn, and a view recorded there."""
    journal = staff.place.journal
    late = (some[0][0], 77_777)
    staff.place.clock.sleeping = (
        "hold"  # or whoever waits its turn would let the lease of whoever is held run out
    )
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
            staff.turn(staff.start_record([late], "recorder"))
        journal.note("caller", f"one more view of product {late[0]}, by customer {late[1]}")
        journal.let_go()
        staff.turn(pending)
        reply = pending.result()
        once_more = staff.start_flush()
        staff.turn(once_more)
        again = once_more.result()
        history.meanwhile.append(
            Meanwhile(
                held[0].text,
                rows_of([*some, late]),
                staff.rows(),
                reply if not reply.ok else again,
                journal.timeline(),
            )
        )
    staff.place.clock.sleeping = "advance"


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
