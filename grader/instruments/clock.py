"""One virtual clock for the answer, the provider and the servers.

The judge owns a `VirtualClock`; nothing moves it but the judge and those who sleep on it.

    clock = VirtualClock()                                   # 2030-01-01 12:00 UTC
    clock.now(), clock.time()                                # aware datetime, seconds since 1970
    clock.advance(30)                                        # wakes sleepers, expires keys of attached proxies

The answer receives an `AnswerClock`: `now()` -> aware datetime, `time()` and `monotonic()` -> float, `sleep(seconds)`,
`await asleep(seconds)`. See `grader.instruments.answer_clock`. It reaches the judge in one of two ways:

- through callbacks, for plain calls: `answer.spawn(callbacks=clock.callbacks("clock"))` and the argument
  `Resource("clock", "clock")`;
- over a socket, for apps and for sleeps that the judge holds, because nobody waits for callbacks while the judge talks
  HTTP: `path = clock.serve(bench.scratch())`, and in the worker `connect(path)` or `Resource("clock", path)`. The moment
  itself stands in a file beside the socket: libraries look at the time with every command, and must not ask each time.

sleeping="advance" (the default): a sleep moves the clock on by its length and returns at once; right for one caller.
sleeping="hold": a sleeper waits until the clock reaches its moment, so several callers share one time; the judge looks
at `clock.sleepers` and moves on with `clock.advance_to_next()`. No mode waits for real time.

TTLs: a `RespProxy(..., clock=clock)` translates them (see `grader.instruments.resp.expiry`). Without a proxy,
`age_keys(client, seconds)` makes every key of a server that much older.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.instruments.clock_door import Door, Face
from grader.instruments.steps import SAFETY_NET, Action, Journal, Step, StillRunning

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_SLEEP = 10 * 365 * 24 * 3600.0  # seconds; a longer sleep is a bug of the answer


class VirtualClock:
    """The judge's clock. Thread-safe. `sleeps` tells how the answer used it."""

    def __init__(
        self, start: datetime | str = START, *, sleeping: str = "advance", journal: Journal | None = None
    ) -> None:
        moment = datetime.fromisoformat(start) if isinstance(start, str) else start
        if moment.tzinfo is None:
            raise ValueError("the clock needs an aware datetime: add tzinfo=UTC")
        if sleeping not in ("advance", "hold"):
            raise ValueError('sleeping is "advance" or "hold"')
        self.sleeping, self.journal = sleeping, journal
        self.sleeps: list[float] = []  # seconds, in order of asking
        self.changed = threading.Condition(threading.RLock())
        self._start_us = self._us = round((moment - EPOCH) / timedelta(microseconds=1))
        self._asleep: dict[int, tuple[int, str]] = {}  # sleeper -> moment in microseconds, caller
        self._count = 0
        self._watchers: list[Callable[[], None]] = []
        self._told_of_sleepers: Callable[[], None] | None = None
        self._doors: list[Door] = []
        self._faces: list[Face] = []

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self._us)

    def time(self) -> float:
        return self._us / 1e6

    def ms(self) -> int:
        """Whole milliseconds since 1970."""
        return self._us // 1000

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._us - self._start_us) / 1e6

    elapsed = monotonic

    @property
    def sleepers(self) -> list[datetime]:
        """When those who sleep now will wake, soonest first."""
        return self.asleep()

    def asleep(self, caller: str | None = None) -> list[datetime]:
        """The same, of this caller's alone if one is given."""
        with self.changed:
            due = sorted(m for m, who in self._asleep.values() if caller in (None, who))
        return [EPOCH + timedelta(microseconds=m) for m in due]

    def watch(self, told: Callable[[], None]) -> None:
        """`told()` is called after every move of the clock."""
        with self.changed:
            self._watchers.append(told)

    def watch_sleepers(self, told: Callable[[], None]) -> None:
        """`told()` is called when somebody goes to sleep until the judge moves on."""
        self._told_of_sleepers = told

    def advance(self, seconds: float) -> None:
        """Moves on. Watchers run before sleepers wake: what is due has happened when they look."""
        if not seconds >= 0 or math.isinf(seconds):
            raise ValueError(f"a clock cannot advance by {seconds} seconds")
        self._move(self._us + round(seconds * 1e6))

    def set(self, moment: datetime) -> None:
        """Jumps to `moment`, also backwards: the wall clocks of real machines do."""
        self._move(round((moment - EPOCH) / timedelta(microseconds=1)))

    def advance_to_next(self) -> bool:
        """Moves to where the next sleeper wakes; False if nobody sleeps."""
        with self.changed:
            due = min(self._asleep.values(), default=None)
        if due is None:
            return False
        self._move(max(due[0], self._us))
        return True

    def wait_for_sleepers(self, count: int, *, exactly: bool = False) -> None:
        """Returns once `count` (or more) sleep; raises StillRunning if that does not come about."""
        with self.changed:
            if not self.changed.wait_for(
                lambda: len(self._asleep) == count if exactly else len(self._asleep) >= count, SAFETY_NET
            ):
                raise StillRunning(f"{len(self._asleep)} sleep, {count} were awaited")

    def sleep(self, seconds: float, caller: str = "app") -> None:
        """What the answer's sleep does on the judge's side. Raises ValueError as time.sleep does."""
        if not 0 <= seconds <= LONGEST_SLEEP:
            raise ValueError("sleep length must be non-negative and below ten years")
        with self.changed:
            self.sleeps.append(seconds)
            due = self._us + round(seconds * 1e6)
        ended = threading.Event()  # whoever holds the step has let it go
        step = Step(
            "clock", caller, f"sleep {seconds:g} s", self.journal or Journal(), self._end_sleep(ended)
        )
        action = self.journal.announce(step) if self.journal else "go"
        if action != "hold" and self.sleeping == "advance":
            self._move(max(due, self._us))
        else:
            self._wait_until(due, caller, ended)
        step.finish("ok")

    def _end_sleep(self, ended: threading.Event) -> Callable[[Step, Action], None]:
        def perform(step: Step, action: Action) -> None:
            ended.set()
            with self.changed:
                self.changed.notify_all()

        return perform

    def _wait_until(self, due: int, caller: str, ended: threading.Event) -> None:
        with self.changed:
            self._count += 1
            me = self._count
            self._asleep[me] = due, caller
            self.changed.notify_all()
        if self._told_of_sleepers:
            self._told_of_sleepers()
        with self.changed:
            self.changed.wait_for(lambda: self._us >= due or me not in self._asleep or ended.is_set())
            self._asleep.pop(me, None)
            self.changed.notify_all()
        if ended.is_set() and self._us < due:
            self._move(due)

    def wake_all(self) -> None:
        """Ends every sleep without moving the clock: the check is over."""
        with self.changed:
            self._asleep.clear()
            self.changed.notify_all()

    def callbacks(self, name: str = "clock") -> dict[str, Callable[..., Any]]:
        """Handlers for `answer.spawn(callbacks=...)`; only for sleeping="advance"."""
        return {f"{name}.{word}": handler for word, handler in self._handlers().items()}

    def serve(self, folder: Path | str, caller: str = "app") -> str:
        """Opens a socket in `folder` for this caller to `connect` to; closed by `close`. Returns its path."""
        path = str(Path(folder) / f"clock-{caller}.sock")
        with self.changed:
            self._faces.append(Face(path, self._start_us, self._us))
        self._doors.append(Door(path, self._handlers(caller)))
        return path

    def close(self) -> None:
        self.wake_all()
        for door in self._doors:
            door.close()
        self._doors.clear()
        with self.changed:
            for face in self._faces:
                face.close()
            self._faces.clear()

    def __enter__(self) -> VirtualClock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _handlers(self, caller: str = "app") -> dict[str, Callable[..., Any]]:
        return {
            "read": lambda: self._us,
            "start": lambda: self._start_us,
            "sleep": lambda s: self.sleep(float(s), caller),
        }

    def _move(self, us: int) -> None:
        with self.changed:
            self._us = us
            for face in self._faces:
                face.show(us)
            watchers = list(self._watchers)
        for told in watchers:
            told()
        with self.changed:  # who is due sleeps no more, also before its thread has noticed
            self._asleep = {n: (due, who) for n, (due, who) in self._asleep.items() if due > self._us}
            self.changed.notify_all()


def age_keys(client: Any, seconds: float) -> list[str]:
    """Makes every key with a TTL `seconds` older by the judge's hand; returns the keys that were due.

    `client` is a redis.Redis. Keys that are due are deleted, of the others the TTL is reduced.
    """
    source = (
        "local gone = {} for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PTTL', k) "
        "if t >= 0 then if t <= tonumber(ARGV[1]) then redis.call('DEL', k) gone[#gone + 1] = k "
        "else redis.call('PEXPIRE', k, t - tonumber(ARGV[1])) end end end return gone"
    )
    gone = client.eval(source, 0, round(seconds * 1000))
    return [k if isinstance(k, str) else k.decode("utf-8", "backslashreplace") for k in gone]
