"""Plays one schedule: starts the calls, lets one held statement go at a time, waits until all is still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from grader.instruments.explore.account import Account
from grader.instruments.explore.aftermath import clear_up
from grader.instruments.explore.lane import Caller, Lane
from grader.instruments.explore.limits import Limits
from grader.instruments.explore.noticing import Noticing
from grader.instruments.explore.patience import Patience
from grader.instruments.explore.run import Point, Run
from grader.instruments.explore.schedule import Choice
from grader.instruments.explore.stage import Stage
from grader.instruments.explore.statements import ends_transaction
from grader.instruments.explore.waits import Waits
from grader.instruments.pgwire import Session, Statement
from grader.instruments.pgwire.statement import State

FIRST_LOOK = 0.0004  # seconds a statement is given before the server is asked whether it waits
LAST_LOOK = 0.01


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
        self.run = Run()
        self._chooser = chooser
        self._callers = callers
        self._lanes: list[Lane] = []
        self._by_name: dict[str, Lane] = {}
        self._account = Account(self.run)
        self._noticing = Noticing(stage.strict)
        self._waits = Waits(stage, self._account)
        self._patience = Patience(stage, self.run, self._waits, limits or Limits())
        # Sessions that have prepared a statement just now, and whether its reply is to be lost.
        self._prepared: dict[Session, bool] = {}

    # -- the course of a run --------------------------------------------------------------------------

    def go(self) -> Run:
        proxy = self.stage.proxy
        proxy.clear()
        proxy.on_finished = self._on_finished
        self._lanes = self._patience.lanes = self.stage.cast(self._callers)
        self._by_name = {lane.name: lane for lane in self._lanes}
        proxy.gate = self._on_held
        opened = dict(proxy.opened)
        for lane in self._lanes:
            lane.begin()
        self._patience.renew()  # starting the callers' processes may have taken a while
        try:
            self._schedule()
        finally:
            self._account.close()
            clear_up(self.stage, self.run, self._lanes)
        self.run.connections = {
            lane.name: proxy.opened[lane.name] - opened[lane.name] for lane in self._lanes
        }
        return self.run

    def _schedule(self) -> None:
        before = 0
        while self._settle():
            enabled = self._enabled()
            if not enabled:
                self._patience.dead_end()
                continue
            run = self.run
            choice = self._chooser.choose(run, tuple(enabled))
            held = [s.held for s in enabled.values() if s.held is not None]
            effects = tuple(self._noticing.effect(s) for s in enabled.values())
            blocked = bool(self._waits)
            run.choices = (*run.choices, choice)
            self._move(choice, enabled[choice.plain])
            texts = tuple(statement.text for statement in held)  # while the server works
            run.points.append(Point(tuple(enabled), texts, choice, before, blocked, effects))
            before = choice.caller

    def _move(self, choice: Choice, session: Session) -> None:
        statement = session.held
        assert statement is not None
        self._patience.renew()
        if choice.fault == "!":
            self._strike(session, statement, "abandoned")
            self._lanes[choice.caller - 1].kill()
        elif choice.fault == "<":
            self._strike(session, statement, "cut")
            session.cut()
        else:
            if ends_transaction(statement.sql):
                self._waits.expect_wakes(session)
            elif self._pause and self._waits:
                self._waits.let_checks_pass(self._pause)
            self._release(session, lose_reply=choice.fault == ">")

    def _strike(self, session: Session, statement: Statement, state: State) -> None:
        statement.state = state
        self._account.record("go", session, statement)
        self._account.record("end", session, statement)

    def _release(self, session: Session, *, lose_reply: bool = False) -> None:
        statement = session.held
        assert statement is not None
        self._noticing.starts(session)
        if statement.prepares:
            # Preparing a statement takes its snapshot, so it counts as the beginning of the statement itself,
            # which drivers send right afterwards: no choice in between.
            self._prepared[session] = lose_reply
            session.release()
        else:
            session.release(lose_reply=lose_reply)
            self._account.record("go", session, statement)
        self._noticing.sent(session, statement)

    def _on_finished(self, session: Session, statement: Statement) -> None:
        self._waits.finished(session)
        self._noticing.finished(session)
        if statement.sqlstate == "40P01":
            self.hasty = self.hasty or statement is not self._account.last
            self._waits.note_circle(session, statement)
        if statement.prepares and statement.error:
            self._prepared.pop(session, None)
            self._account.record("go", session, statement)
        elif statement.prepares:
            return
        self._account.record("end", session, statement)

    # -- stillness ------------------------------------------------------------------------------------

    def _on_held(self, session: Session, statement: Statement) -> None:
        """A statement has come in: those nobody else can notice go on at once, the others are held."""
        lane = self._by_name[session.lane]
        if lane.ended:
            return
        if statement.number > self._patience.limits.statements:
            self._patience.give_up(lane)
        elif self._noticing.unnoticed(session, statement):
            if statement.executes:
                self._account.set_apart(statement)
            if session.can_postpone:
                self._account.record("go", session, statement)
                session.postpone()
            else:
                self._release(session)
        elif session in self._prepared:
            self._release(session, lose_reply=self._prepared.pop(session))

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
                if self._patience.pump(self._patience.next_look(thinking)):
                    continue
                if self._patience.bear_with(thinking, running, bool(self._enabled())):
                    return True
            elif not running:
                if self._patience.restless():
                    continue
                return not all(lane.ended for lane in self._lanes)
            elif any(s not in self._waits for s in running) and self._patience.pump(look):
                continue
            else:
                look = min(look * 2, LAST_LOOK)
                if self._waits.all_wait(running) and not self._patience.restless():
                    return True
                self._patience.give_up_slow(running)

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
        idle = [
            x for x in self._lanes if not x.ended and x.name not in engaged and x not in self._patience.asleep
        ]
        return running, idle
