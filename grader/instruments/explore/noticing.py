"""Whether anybody else could notice a statement, going by what its transaction has done so far."""

from __future__ import annotations

from grader.instruments.explore.independence import ELSEWHERE, Effect, changes_rules, effect
from grader.instruments.explore.statements import ends_transaction, is_local
from grader.instruments.pgwire import Session, Statement


class Noticing:
    """Follows the transactions of a run. strict: some level at which reads last may be in play."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._touched: set[Session] = set()  # sessions whose transaction others might notice
        self._wrote: set[Session] = set()  # sessions whose transaction has done more than read plainly

    def unnoticed(self, session: Session, statement: Statement) -> bool:
        """Whether nobody else can tell when the statement runs: by its kind, or because it ends a transaction
        that has done nothing of another kind."""
        return is_local(statement.sql, self._strict) or (
            session not in self._touched and session.status != "I" and ends_transaction(statement.sql)
        )

    def effect(self, session: Session) -> Effect:
        """What the session's held statement may do."""
        if session.elsewhere:
            return session.elsewhere if session.elsewhere in ELSEWHERE else "unknown"
        statement = session.held
        if statement is None or self._strict:
            return "other"
        return effect(statement.sql, session.status == "T", session in self._wrote)

    def starts(self, session: Session) -> None:
        """The session's held statement is about to go to the server."""
        if session.status == "I":
            self._wrote.discard(session)
            self._touched.discard(session)

    def sent(self, session: Session, statement: Statement) -> None:
        """It has gone there."""
        if changes_rules(statement.sql):
            self._strict = True
        if not is_local(statement.sql, self._strict):
            self._touched.add(session)
            if effect(statement.sql, True, False) != "read":
                self._wrote.add(session)

    def finished(self, session: Session) -> None:
        """Its reply is complete."""
        if session.status == "I":
            self._touched.discard(session)
