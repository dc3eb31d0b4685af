"""What one schedule did: the facts judges and timelines are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from grader.instruments.explore.independence import Effect
from grader.instruments.explore.schedule import Choice, spell
from grader.instruments.pgwire import Statement

Ending = Literal["returned", "raised", "never finished", "died"]


@dataclass(frozen=True)
class Wait:
    """`waiter` had to wait for `holders` (sessions: "T1", "T2b"; "other" for somebody outside) to run `statement`."""

    waiter: str
    holders: tuple[str, ...]
    statement: str


@dataclass(frozen=True)
class Point:
    """A moment of decision: what could go next, what went, and what was known about each."""

    enabled: tuple[Choice, ...]
    texts: tuple[str, ...]  # the held statement of each enabled choice
    chosen: Choice
    before: int  # the caller that moved last, 0 at the start
    blocked: bool = False  # somebody was waiting for a lock
    effects: tuple[Effect, ...] = ()  # of each enabled choice, for skipping equivalent schedules

    def switches(self, choice: Choice) -> int:
        """1 if `choice` takes the turn away from a caller who could have gone on."""
        return int(choice.caller != self.before and any(c.caller == self.before for c in self.enabled))


@dataclass
class Run:
    """One schedule, executed.

    events: ("go", "waits" or "end", statement, index of the choice that led to it), in order.
    replies: what each caller's call returned, None if it was killed or never finished; endings: in one word each.
    state: what `observe` returned after it. problem: what is wrong, in domain words, "" if all holds.
    left_open: sessions left in a transaction by a call that had ended.
    """

    choices: tuple[Choice, ...] = ()
    points: list[Point] = field(default_factory=list)
    events: list[tuple[str, Statement, int]] = field(default_factory=list)
    replies: list[Any] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    state: Any = None
    problem: str = ""
    waits: list[Wait] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    connections: dict[str, int] = field(default_factory=dict)  # opened during the run, by lane
    diverged: bool = False  # the answer did not do what it did on an earlier run of the same prefix
    timed: bool = False  # a caller was silent for so long that the others went on without it
    broken_at: int | None = None  # index into events, set by `explain`

    @property
    def schedule(self) -> str:
        return spell(self.choices)

    @property
    def switches(self) -> int:
        """How often the turn was taken from a caller who could have gone on."""
        return sum(point.switches(point.chosen) for point in self.points)

    @property
    def statements(self) -> list[Statement]:
        """Every statement the server got, in the order it got them."""
        return [s for kind, s, _ in self.events if kind == "go"]

    def of(self, lane: str) -> list[Statement]:
        return [s for s in self.statements if s.lane == lane]

    @property
    def deadlocks(self) -> list[Statement]:
        """Statements the server refused to break a deadlock."""
        return [s for s in self.statements if s.sqlstate == "40P01"]

    @property
    def serialization_failures(self) -> list[Statement]:
        return [s for s in self.statements if s.sqlstate == "40001"]

    @property
    def finished(self) -> bool:
        """Every caller returned, raised, or died where the schedule said so."""
        return "never finished" not in self.endings

    def waited(self, lane: str | None = None) -> list[Wait]:
        return [w for w in self.waits if lane is None or w.waiter.startswith(lane)]

    def to_json(self) -> dict[str, Any]:
        """A JSON-safe history of the run; replies are not part of it."""
        return {
            "schedule": self.schedule,
            "statements": [s.to_json() for s in self.statements],
            "endings": list(self.endings),
            "state": self.state,
            "problem": self.problem,
            "waits": [
                {"waiter": w.waiter, "holders": list(w.holders), "statement": w.statement} for w in self.waits
            ],
            "left_open": list(self.left_open),
        }
