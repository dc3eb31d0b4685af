"""Plays one schedule: starts the calls, lets one held statement go at a time, waits until all is still."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from grader.instruments.explore.independence import Effect, changes_rules, effect, leaves_session_alone
from grader.instruments.explore.run import Ending, Point, Run, Wait
from grader.instruments.explore.schedule import Choice
from grader.instruments.explore.stage import Caller, Lane, Stage
from grader.instruments.explore.statements import ends_transaction, is_local
from grader.instruments.explore.stillness import cpu_seconds, wants_to_run
from grader.instruments.pgwire import Session, Statement
from grader.instruments.pgwire.statement import State

FIRST_LOOK = 0.0004  # seconds a statement is given before the server is asked whether it waits
GRACE = 0.002  # seconds a caller with several connections is given to use the others too
PATIENT_LOOKS = 100  # as often it is given more, while its process has not come to rest
LAST_LOOK = 0.01
_BLOCKED_BY = re.compile(r"Process (\d+) waits for .*; blocked by process (\d+)\.")


@dataclass(frozen=True)
class Limits:
    """When a caller counts as one that never finishes. All are far beyond what a sound answer needs.

    statements: in one call. thinking: seconds without touching the database while nobody else can move.
    patience: the same while others could move; they then go on, and the run is marked as timed. Both count
    only time in which the caller's process sleeps, not time in which a busy machine does not get to it.
    computing: seconds of processor time between two statements.
    """

    statements: int = 200
    thinking: float = 3.0
    patience: float = 0.5
    computing: float = 1.0


class Chooser(Protocol):
    """Says what goes next; asked only when nothing moves."""

    def begin(self) -> None:
        """A run starts; it may be the same one once more."""
        ...

    def choose(self, run: Run, enabled: tuple[Choice, ...]) -> Choice: ...


class Play:
    """One run.

    pause: seconds by which somebody must have waited before a statement may close a circle of waits. Once
    that is longer than the server's deadlock_timeout, the check of whoever waited first is over, and it is
    the one who closes the circle that is refused. `hasty` tells afterwards that it was not so.
    """

    def __init__(
        self,
        stage: Stage,
        callers: Sequence[Caller],
        chooser: Chooser,
        limits: Limits | None = None,
        *,
        pause: float = 0.0,
    ) -> None:
        self.stage = stage
        self.hasty = False
        self._pause = pause
        self.limits = limits or Limits()
        self.run = Run()
        self._chooser = chooser
        self._callers = callers
        self._lanes: list[Lane] = []
        self._waiting: dict[Session, tuple[str, ...]] = {}  # sessions the server says wait, and for whom
        self._since: dict[Session, float] = {}
        self._quiet = time.monotonic()  # when something last happened
        self._asleep: set[Lane] = set()
        self._busy_since: dict[Lane, float] = {}
        self._last: Statement | None = None  # that went to the server by choice
        self._by_name: dict[str, Lane] = {}
        self._strict = stage.strict  # some level at which reads last may be in play
        self._touched: set[Session] = set()  # sessions whose transaction others might notice
        self._local: dict[str, set[int]] = {}  # numbers of each lane's statements that were no choice
        self._untold: dict[str, list[tuple[str, Statement, int]]] = {}
        self._prepared: dict[
            Session, bool
        ] = {}  # prepared just now; whether the statement's reply is to be lost
        self._wrote: set[Session] = set()  # sessions whose transaction has done more than read plainly

    # -- the course of a run --------------------------------------------------------------------------

    def go(self) -> Run:
        proxy = self.stage.proxy
        proxy.clear()
        proxy.on_finished = self._on_finished
        self._lanes = self.stage.cast(self._callers)
        self._by_name = {lane.name: lane for lane in self._lanes}
        proxy.gate = self._on_held
        opened = dict(proxy.opened)
        for lane in self._lanes:
            lane.begin()
        self._quiet = time.monotonic()  # starting the callers' processes may have taken a while
        try:
            self._schedule()
        finally:
            self._finish()
        self.run.connections = {
            lane.name: proxy.opened[lane.name] - opened[lane.name] for lane in self._lanes
        }
        return self.run

    def _schedule(self) -> None:
        before = 0
        while self._settle():
            enabled = self._enabled()
            if not enabled:
                self._dead_end()
                continue
            run = self.run
            choice = self._chooser.choose(run, tuple(enabled))
            held = [s.held for s in enabled.values() if s.held is not None]
            effects = tuple(self._effect(s) for s in enabled.values())
            blocked = bool(self._waiting)
            run.choices = (*run.choices, choice)
            self._move(choice, enabled[choice.plain])
            texts = tuple(statement.text for statement in held)  # while the server works
            run.points.append(Point(tuple(enabled), texts, choice, before, blocked, effects))
            before = choice.caller

    def _effect(self, session: Session) -> Effect:
        statement = session.held
        if statement is None or self._strict:
            return "other"
        return effect(statement.sql, session.status == "T", session in self._wrote)

    def _move(self, choice: Choice, session: Session) -> None:
        statement = session.held
        assert statement is not None
        self._quiet = time.monotonic()
        if choice.fault == "!":
            self._strike(session, statement, "abandoned")
            self._lanes[choice.caller - 1].kill()
        elif choice.fault == "<":
            self._strike(session, statement, "cut")
            session.cut()
        else:
            if ends_transaction(statement.sql):
                self._expect_wakes(session)
            elif self._pause and self._waiting:
                self._let_checks_pass()
            self._release(session, lose_reply=choice.fault == ">")

    def _strike(self, session: Session, statement: Statement, state: State) -> None:
        statement.state = state
        self._record("go", session, statement)
        self._record("end", session, statement)

    def _release(self, session: Session, *, lose_reply: bool = False) -> None:
        statement = session.held
        assert statement is not None
        if session.status == "I":
            self._wrote.discard(session)
            self._touched.discard(session)
        if statement.prepares:
            # Preparing a statement takes its snapshot, so it counts as the beginning of the statement itself,
            # which drivers send right afterwards: no choice in between.
            self._prepared[session] = lose_reply
            session.release()
        else:
            session.release(lose_reply=lose_reply)
            self._record("go", session, statement)
        if changes_rules(statement.sql):
            self._strict = True
        if not is_local(statement.sql, self._strict):
            self._touched.add(session)
            if effect(statement.sql, True, False) != "read":
                self._wrote.add(session)

    def _expect_wakes(self, session: Session) -> None:
        """Those who wait for `session` will probably go on: their replies are worth waiting for."""
        for waiter, holders in list(self._waiting.items()):
            if session.name in holders:
                del self._waiting[waiter]

    def _let_checks_pass(self) -> None:
        until = max(self._since[s] for s in self._waiting) + self._pause
        while (left := until - time.monotonic()) > 0:
            self.stage.proxy.pump(left)

    def _on_finished(self, session: Session, statement: Statement) -> None:
        self._waiting.pop(session, None)
        self._since.pop(session, None)
        if session.status == "I":
            self._touched.discard(session)
        if statement.sqlstate == "40P01":
            self.hasty = self.hasty or statement is not self._last
            self._note_circle(session, statement)
        if statement.prepares and statement.error:
            self._prepared.pop(session, None)
            self._record("go", session, statement)
        elif statement.prepares:
            return
        self._record("end", session, statement)

    def _record(self, kind: str, session: Session, statement: Statement) -> None:
        """Adds an event. Statements nobody else can notice run whenever they come in; they are told right
        before the next statement of their session, so that the same schedule always reads the same."""
        event = (kind, statement, len(self.run.choices) - 1)
        if statement.number in self._local.get(statement.lane, ()):
            self._untold.setdefault(session.name, []).append(event)
        else:
            if kind == "go":
                self._last = statement
            self.run.events += [*self._untold.pop(session.name, ()), event]

    # -- stillness ------------------------------------------------------------------------------------

    def _on_held(self, session: Session, statement: Statement) -> None:
        """A statement has come in: those nobody else can notice go on at once, the others are held."""
        lane = self._by_name[session.lane]
        if lane.ended:
            return
        if statement.number > self.limits.statements:
            self._give_up(lane)
        elif self._unnoticed(session, statement):
            if session.can_postpone:
                self._record("go", session, statement)
                session.postpone()
            else:
                self._release(session)
        elif session in self._prepared:
            self._release(session, lose_reply=self._prepared.pop(session))

    def _unnoticed(self, session: Session, statement: Statement) -> bool:
        """Whether nobody else can tell when the statement runs: by its kind, or because it ends a transaction
        that has done nothing of another kind."""
        local = is_local(statement.sql, self._strict) or (
            session not in self._touched and session.status != "I" and ends_transaction(statement.sql)
        )
        if local and statement.executes:
            self._local.setdefault(statement.lane, set()).add(statement.number)
        return local

    def _enabled(self) -> dict[Choice, Session]:
        held = [s for s in self.stage.proxy.sessions if s.held is not None and s.lane in self._by_name]
        held.sort(key=lambda s: s.name)
        return {Choice(self._by_name[s.lane].number, s.name[len(s.lane) :]): s for s in held}

    def _settle(self) -> bool:
        """Waits until every caller has ended, or holds a statement, or waits in the server for another.

        True when there may be something to choose, False when all have ended (or were given up).
        """
        proxy = self.stage.proxy
        look = FIRST_LOOK
        while True:
            running, thinking = self._survey()
            if thinking or not proxy.tidy:
                if self._pump(0.001 if any(lane.silent_call for lane in thinking) else 0.02):
                    continue
                if self._bear_with(thinking, running):
                    return True
            elif not running:
                if self._restless():
                    continue
                return not all(lane.ended for lane in self._lanes)
            elif any(s not in self._waiting for s in running) and self._pump(look):
                continue
            else:
                look = min(look * 2, LAST_LOOK)
                if self._all_wait(running) and not self._restless():
                    return True
                self._give_up_slow(running)

    def _restless(self) -> bool:
        """Whether a caller that uses several connections may still be about to use another one by itself."""
        lanes = [s.lane for s in self.stage.proxy.sessions]
        for lane in self._lanes:
            lane.plural = lane.plural or lanes.count(lane.name) > 1
        plural = [lane for lane in self._lanes if lane.plural and not lane.ended]
        if not plural:
            return False
        for _ in range(PATIENT_LOOKS):
            if self._pump(GRACE):
                return True
            if not any(wants_to_run(getattr(lane.worker, "pid", 0)) for lane in plural):
                return False
        return False

    def _pump(self, seconds: float) -> bool:
        moved = self.stage.proxy.pump(seconds)
        for lane in self._lanes:
            if lane.silent_call:
                lane.look()
        if moved:
            self._quiet = time.monotonic()
            self._asleep.clear()
            self._busy_since.clear()
        return moved

    def _survey(self) -> tuple[list[Session], list[Lane]]:
        """Sessions with a statement under way; callers busy on their own, with nothing held or under way."""
        running = []
        engaged = set()
        for session in self.stage.proxy.sessions:
            if session.current is not None:
                running.append(session)
                engaged.add(session.lane)
            elif session.held is not None:
                engaged.add(session.lane)
        idle = [x for x in self._lanes if not x.ended and x.name not in engaged and x not in self._asleep]
        return running, idle

    def _all_wait(self, running: list[Session]) -> bool:
        """Asks the server whether everything under way waits for one of our sessions, in no circle."""
        names = {s.pid: s for s in self.stage.proxy.sessions}
        now = time.monotonic()
        waits = self.stage.observer.waits([s.pid for s in running])
        settled = True
        graph: dict[Session, list[Session]] = {}
        for session in running:
            holders = [names[p] for p in waits.get(session.pid, ()) if p in names]
            if not holders:
                settled = False
                self._waiting.pop(session, None)
                continue
            graph[session] = holders
            self._since.setdefault(session, now)
            self._waiting[session] = tuple(s.name for s in holders)
        if self.stage.proxy.pump(0):  # something arrived meanwhile: the picture is old
            return False
        if not settled or _circular(graph):
            return False
        for session, holders in graph.items():
            self._note_wait(session, tuple(s.name for s in holders))
        return True

    def _note_wait(self, session: Session, holders: tuple[str, ...]) -> None:
        """Writes down who waits for whom. Only called for what lasts, so that a run always reads the same."""
        statement = session.current
        if statement is None:
            return
        first = not statement.waited_for
        statement.waited_for += [name for name in holders if name not in statement.waited_for]
        if first:
            self._record("waits", session, statement)
            self.run.waits.append(Wait(session.name, holders, statement.text))

    def _note_circle(self, session: Session, statement: Statement) -> None:
        """The victim of a deadlock waited too, if only until the server noticed: its report says for whom."""
        names = {s.pid: s.name for s in self.stage.proxy.sessions}
        for waiter, holder in _BLOCKED_BY.findall(statement.error.get("D", "")):
            if int(waiter) == session.pid and int(holder) in names and not statement.waited_for:
                statement.waited_for.append(names[int(holder)])
                self.run.waits.append(Wait(session.name, (names[int(holder)],), statement.text))

    # -- callers that do not come to an end -----------------------------------------------------------

    def _bear_with(self, thinking: list[Lane], running: list[Session]) -> bool:
        """A caller is silent. True: the others may go on without it."""
        for lane in thinking:
            if self._computes(lane):
                self._quiet = time.monotonic()
                return False
        quiet = time.monotonic() - self._quiet
        others = bool(self._enabled())
        listening = thinking and all(any(s.listens for s in lane.sessions) for lane in thinking)
        if others and quiet > (0.05 if listening else self.limits.patience) and not running:
            self._asleep.update(thinking)
            self.run.timed = self.run.timed or not listening
            return True
        if quiet > self.limits.thinking:
            for lane in thinking:
                self._give_up(lane)
        return False

    def _computes(self, lane: Lane) -> bool:
        """Whether a silent caller is busy or waits for a processor; gives it up if it has been busy too long."""
        pid = getattr(lane.worker, "pid", 0)
        if not pid or not wants_to_run(pid):
            return False
        used = cpu_seconds(pid) or 0.0
        since = self._busy_since.setdefault(lane, used)
        if used - since > self.limits.computing:
            self._give_up(lane)
        return True

    def _dead_end(self) -> None:
        """Everybody left waits for a session whose caller has ended or waits for itself: nobody can help.

        Unless the server ends the wait (lock_timeout), those who wait never finish.
        """
        if self._pump(self.limits.patience):
            return
        for lane in self._lanes:
            if not lane.ended and any(s in self._waiting for s in lane.sessions):
                self._give_up(lane)

    def _give_up_slow(self, running: list[Session]) -> None:
        if time.monotonic() - self._quiet > self.limits.thinking:
            for lane in self._lanes:
                if any(s in running and s not in self._waiting for s in lane.sessions):
                    self._give_up(lane)

    def _give_up(self, lane: Lane) -> None:
        self.run.endings += [] if self.run.endings else ["returned"] * len(self._lanes)
        self.run.endings[lane.number - 1] = "never finished"
        self._quiet = time.monotonic()
        lane.kill()

    # -- the end --------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Collects replies and brings every connection back to its first state."""
        run = self.run
        run.events += [event for name in sorted(self._untold) for event in self._untold[name]]
        given_up = run.endings or ["returned"] * len(self._lanes)
        run.endings = []
        for lane, ending in zip(self._lanes, given_up, strict=True):
            reply = None
            if lane.call is not None and not lane.killed and lane.ended:
                reply = lane.call.result(timeout=1.0)
            run.replies.append(reply)
            run.endings.append(_ending(lane, reply, ending))
            lane.call = None
            self._tidy(lane, reply)
        self.stage.sweep()

    def _tidy(self, lane: Lane, reply: Any) -> None:
        sessions = lane.sessions
        for session in sessions:
            if session.status != "I" or session.current is not None or session.held is not None:
                self.run.left_open.append(session.name)
        ours = self.run.statements
        mine = [s for s in ours if s.lane == lane.name]
        if (
            lane.killed
            or getattr(reply, "ended", None)
            or lane.name in self.stage.proxy.broken
            or any(s.name in self.run.left_open for s in sessions)
            or any(s.state in ("cut", "lost") for s in mine)
            or any("pg_terminate_backend" in s.sql.lower() for s in ours)
        ):
            lane.retire()
        else:
            if not all(leaves_session_alone(s.sql) for s in mine):
                self.stage.has_functions = True  # may have made some
            if self.stage.has_functions:
                for session in sessions:
                    session.refresh()


def _ending(lane: Lane, reply: Any, given_up: Ending) -> Ending:
    if given_up == "never finished" or not lane.ended:
        return "never finished"
    if lane.killed:
        return "died"
    if getattr(reply, "ended", ""):
        return "never finished" if reply.ended == "timeout" else "died"
    failed = getattr(reply, "error", None) is not None
    return "raised" if failed else "returned"


def _circular(graph: dict[Session, list[Session]]) -> bool:
    """Whether somebody waits for itself through others: the server is about to end it."""

    def reaches(start: Session) -> bool:
        seen: set[Session] = set()
        todo = list(graph.get(start, ()))
        while todo:
            session = todo.pop()
            if session is start:
                return True
            if session not in seen:
                seen.add(session)
                todo += graph.get(session, ())
        return False

    return any(reaches(session) for session in graph)
