"""Who waits for whom inside the server, and how sure that is."""

from __future__ import annotations

import re
import time

from grader.instruments.explore.account import Account
from grader.instruments.explore.run import Wait
from grader.instruments.explore.stage import Stage
from grader.instruments.pgwire import Session, Statement

_BLOCKED_BY = re.compile(r"Process (\d+) waits for .*; blocked by process (\d+)\.")


class Waits:
    """The sessions the server says wait. True if there are any."""

    def __init__(self, stage: Stage, account: Account) -> None:
        self._stage = stage
        self._account = account
        self._waiting: dict[Session, tuple[str, ...]] = {}  # and for whom
        self._since: dict[Session, float] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, session: Session) -> bool:
        return session in self._waiting

    def finished(self, session: Session) -> None:
        """Its reply has come: it waits no more."""
        self._waiting.pop(session, None)
        self._since.pop(session, None)

    def expect_wakes(self, session: Session) -> None:
        """Those who wait for `session` will probably go on: their replies are worth waiting for."""
        for waiter, holders in list(self._waiting.items()):
            if session.name in holders:
                del self._waiting[waiter]

    def let_checks_pass(self, pause: float) -> None:
        """Pumps until everybody who waits has done so for `pause` seconds."""
        until = max(self._since[s] for s in self._waiting) + pause
        while (left := until - time.monotonic()) > 0:
            self._stage.proxy.pump(left)

    def all_wait(self, running: list[Session]) -> bool:
        """Asks the server whether everything under way waits for one of our sessions, in no circle."""
        names = {s.pid: s for s in self._stage.proxy.sessions}
        now = time.monotonic()
        waits = self._stage.observer.waits([s.pid for s in running])
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
        if self._stage.proxy.pump(0):  # something arrived meanwhile: the picture is old
            return False
        if not settled or _circular(graph):
            return False
        for session, found in graph.items():
            self._note_wait(session, tuple(s.name for s in found))
        return True

    def _note_wait(self, session: Session, holders: tuple[str, ...]) -> None:
        """Writes down who waits for whom. Only called for what lasts, so that a run always reads the same."""
        statement = session.current
        if statement is None:
            return
        first = not statement.waited_for
        statement.waited_for += [name for name in holders if name not in statement.waited_for]
        if first:
            self._account.record("waits", session, statement)
            self._account.run.waits.append(Wait(session.name, holders, statement.text))

    def note_circle(self, session: Session, statement: Statement) -> None:
        """The victim of a deadlock waited too, if only until the server noticed: its report says for whom."""
        names = {s.pid: s.name for s in self._stage.proxy.sessions}
        for waiter, holder in _BLOCKED_BY.findall(statement.error.get("D", "")):
            if int(waiter) == session.pid and int(holder) in names and not statement.waited_for:
                statement.waited_for.append(names[int(holder)])
                self._account.run.waits.append(Wait(session.name, (names[int(holder)],), statement.text))


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
