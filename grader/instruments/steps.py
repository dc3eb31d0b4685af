"""The one small interface every instrument shares: a step, and the journal all steps are written to.

A *step* is one thing an answer asks of the outside world: a Postgres statement, a Redis command, an HTTP
exchange. An instrument announces each step to a `Journal` before it takes effect, and then does what the
journal's plan says: let it go, hold it, answer an error, cut the connection before or after the effect,
or kill the caller at that point.

    journal = Journal()
    with RespProxy(redis_url, folder, journal=journal) as redis, PaymentProvider(folder, journal=journal) as bank:
        journal.hold(lambda step: step.caller == "A")        # from now on steps of A wait
        ...
        step = journal.wait_for_step(caller="A")             # the next held step
        step.text                                            # 'GET product:5'
        step.release()                                       # or step.cut("before"), step.cut("after")
        journal.wait(step.settled)                           # replied, or waiting inside the server

Several instruments given the same journal are one system: one lock, one order, one counting of steps.
An explorer needs nothing else: `lane`, `caller`, `text`, `release()`, `cut(when)`, `waiting()`, `settled()`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal[
    "go",
    "hold",
    "error",
    "error after",
    "cut before",
    "cut after",
    "crash before",
    "crash after",
    "duplicate",
    "garbage",
]
State = Literal["held", "running", "waits", "ok", "error", "cut", "lost", "crash", "abandoned"]
FINAL: tuple[State, ...] = ("ok", "error", "cut", "lost", "crash", "abandoned")

SAFETY_NET = 20.0  # seconds; running into it means our fault or a hung answer, never a judgement of speed


class StillRunning(TimeoutError):
    """Nothing changed for `SAFETY_NET` seconds: the caller, or the server, hangs."""


@dataclass(eq=False)
class Step:
    """One boundary crossing. `number` counts the steps of the whole journal from 0, in order of arrival.

    lane: "Postgres", "Redis", "provider", "app", ...; caller: whose connection it came on ("A", "worker 1").
    result: short text of the reply once there is one. touches: names a step reads or writes (Redis keys), for
    explorers that skip orders of independent steps; None means unknown.
    """

    lane: str
    caller: str
    text: str
    journal: Journal = field(repr=False)
    perform: Callable[[Step, Action], None] = field(repr=False)  # set by the instrument
    look: Callable[[Step], bool] = field(default=lambda step: False, repr=False)  # waits inside the server?
    number: int = -1
    state: State = "held"
    result: str = ""
    touches: tuple[str, ...] | None = None
    connection: int = 0
    read: str | None = None  # what a query returned, in words

    def release(self) -> None:
        """Lets a held step take effect."""
        self.act("go")

    def cut(self, when: Literal["before", "after"]) -> None:
        """Closes the caller's connection, before the step takes effect or after it, its reply unsent."""
        self.act("cut before" if when == "before" else "cut after")

    def drop_before(self) -> None:
        self.cut("before")

    def drop_after(self) -> None:
        self.cut("after")

    def fail(self) -> None:
        """Answers with the server's kind of transient error; the step has no effect."""
        self.act("error")

    def act(self, action: Action) -> None:
        """Ends a hold with `action`; a step that is no longer held is left alone."""
        with self.journal.changed:
            if self.state == "held":
                self.state = "running"
                self.perform(self, action)
                self.journal.tell()

    def finished(self) -> bool:
        return self.state in FINAL

    def waiting(self) -> bool:
        """Released, and now waiting inside the server (BLPOP without data, a row lock)."""
        return self.state == "running" and self.look(self)

    def settled(self) -> bool:
        """Nothing more will happen to this step unless somebody else acts."""
        return self.finished() or self.waiting()

    def finish(self, state: State, result: str = "") -> None:
        """For instruments: records the end of the step."""
        with self.journal.changed:
            if not self.finished():
                self.state, self.result = state, result
                self.journal.tell()

    def line(self) -> dict[str, Any]:
        """This step as one step of timeline data (see `grader.show`)."""
        state = {"held": "waits", "running": "waits", "cut": "lost", "abandoned": "lost"}.get(
            self.state, self.state
        )
        return {
            "lane": self.lane,
            "text": self.text,
            "result": self.result,
            "state": state,
            "read": self.read,
            "caller": self.caller,
        }


@dataclass(frozen=True)
class Note:
    """A line of the story that is no boundary: "POST /v1/payments", "the worker is started again"."""

    lane: str
    text: str
    result: str = ""
    state: str = "note"

    def line(self) -> dict[str, Any]:
        return {
            "lane": self.lane,
            "text": self.text,
            "result": self.result,
            "state": self.state,
            "caller": "",
        }


class Journal:
    """Everything that happened, in order, and the plan for what is still to come. Thread-safe."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._steps: list[Step] = []
        self._story: list[Step | Note] = []
        self.armed: dict[int, Action] = {}
        self.struck: list[tuple[Step, Action]] = []  # armed actions that found their step
        self.on_crash: Callable[[str], None] = lambda caller: None
        self._hold: Callable[[Step], bool] | None = None
        self._shields = 0
        self._bell: tuple[socket.socket, socket.socket] | None = None

    @property
    def steps(self) -> list[Step]:
        """All steps so far, oldest first. Whoever has seen a reply finds its step finished here."""
        with self.changed:  # instruments pass a reply on and finish its step under one lock
            return list(self._steps)

    @property
    def story(self) -> list[Step | Note]:
        """Steps and notes, oldest first."""
        with self.changed:
            return list(self._story)

    def clear(self) -> None:
        """Forgets the past and the plan; open connections stay."""
        with self.changed:
            self._steps, self._story, self.armed, self.struck = [], [], {}, []
            self._hold = None

    def note(self, lane: str, text: str, result: str = "", state: str = "note") -> None:
        with self.changed:
            if not self._shields:
                self._story.append(Note(lane, text, result, state))
                self.tell()

    def hold(self, which: Callable[[Step], bool] = lambda step: True) -> None:
        """From now on, arriving steps for which `which(step)` is true wait for `release`."""
        with self.changed:
            self._hold = which

    def let_go(self) -> None:
        """Stops holding and releases every held step, in order of arrival."""
        with self.changed:
            self._hold = None
            for step in self.held():
                step.release()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Steps inside are the judge's own business: they are not counted, held or struck, and not told."""
        with self.changed:
            self._shields += 1
        try:
            yield
        finally:
            with self.changed:
                self._shields -= 1

    def arm(self, number: int, action: Action) -> None:
        """The step that will be the `number`th (from 0) of this journal meets `action`."""
        with self.changed:
            self.armed[number] = action

    def held(self, caller: str | None = None) -> list[Step]:
        with self.changed:
            return [s for s in self._steps if s.state == "held" and caller in (None, s.caller)]

    def announce(self, step: Step) -> Action:
        """For instruments: writes the step down and says what is to be done with it."""
        with self.changed:
            if self._shields:
                step.state = "running"
                return "go"
            step.number = len(self._steps)
            self._steps.append(step)
            self._story.append(step)
            action = self.armed.pop(step.number, None)
            if action is not None:
                self.struck.append((step, action))
            else:
                action = "hold" if self._hold is not None and self._hold(step) else "go"
            if action != "hold":
                step.state = "running"
            self.tell()
            return action

    def careful(self) -> bool:
        """True while steps may be held or struck, so instruments must pass them on one at a time."""
        return bool(self.armed) or self._hold is not None

    def tell(self) -> None:
        """For instruments: something changed."""
        with self.changed:
            self.changed.notify_all()
            if self._bell is not None:
                with suppress(BlockingIOError):
                    self._bell[1].send(b"!")

    def bell(self) -> socket.socket:
        """A socket that is readable after every change, for loops that wait on descriptors. Read it empty."""
        with self.changed:
            if self._bell is None:
                self._bell = socket.socketpair()
                for end in self._bell:
                    end.setblocking(False)
            return self._bell[0]

    def crash(self, caller: str) -> None:
        """For instruments: the caller dies here (SIGKILL by the check that set `on_crash`)."""
        self.on_crash(caller)

    def wait(self, condition: Callable[[], bool], timeout: float = SAFETY_NET) -> None:
        """Returns once `condition()` holds, looked at after every change; raises StillRunning."""
        with self.changed:
            # The short inner wait is for conditions that ask a server, which announces nothing to us.
            waited = 0.0
            while not condition():
                if waited >= timeout:
                    raise StillRunning(f"nothing settled within {timeout:g} seconds")
                if not self.changed.wait(0.002):
                    waited += 0.002

    def wait_for_step(self, caller: str | None = None, timeout: float = SAFETY_NET) -> Step:
        """The first held step (of `caller`), waiting for one if there is none yet."""
        self.wait(lambda: bool(self.held(caller)), timeout)
        return self.held(caller)[0]

    def timeline(
        self,
        *,
        lanes: tuple[str, ...] = (),
        conclusion: str = "",
        schedule: str = "",
        most: int | None = None,
    ) -> dict[str, Any]:
        """The story as timeline data for `grader.show`; `broken_at` is the last step if there is a conclusion.

        most: of a longer story the beginning and the end are told, so many lines each.
        """
        with self.changed:
            lines = [entry.line() for entry in self._story]
        if most is not None and len(lines) > 2 * most:
            gap = Note(lines[most]["lane"], f"{len(lines) - 2 * most} more like these").line()
            lines = [*lines[:most], gap, *lines[-most:]]
        present = list(dict.fromkeys([*lanes, *(line["lane"] for line in lines)]))
        return {
            "lanes": present,
            "steps": [{"waits_for": None, "read": None, **line} for line in lines],
            "broken_at": len(lines) - 1 if conclusion and lines else None,
            "conclusion": conclusion,
            "schedule": schedule,
        }
