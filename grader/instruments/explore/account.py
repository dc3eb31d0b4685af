"""Writes a run's events down, in an order that is the same for the same schedule."""

from __future__ import annotations

from grader.instruments.explore.run import Run
from grader.instruments.pgwire import Session, Statement


class Account:
    """Statements nobody else can notice run whenever they come in; they are told right before the next
    statement of their session, so that the same schedule always reads the same."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.last: Statement | None = None  # that went to the server by choice
        self._local: dict[str, set[int]] = {}  # numbers of each lane's statements that were no choice
        self._untold: dict[str, list[tuple[str, Statement, int]]] = {}

    def set_apart(self, statement: Statement) -> None:
        """Nobody else can notice this one."""
        self._local.setdefault(statement.lane, set()).add(statement.number)

    def record(self, kind: str, session: Session, statement: Statement) -> None:
        """Adds an event: "go", "waits" or "end"."""
        event = (kind, statement, len(self.run.choices) - 1)
        if statement.number in self._local.get(statement.lane, ()):
            self._untold.setdefault(session.name, []).append(event)
        else:
            if kind == "go":
                self.last = statement
            self.run.events += [*self._untold.pop(session.name, ()), event]

    def close(self) -> None:
        """Tells what no later statement followed."""
        self.run.events += [event for name in sorted(self._untold) for event in self._untold[name]]
