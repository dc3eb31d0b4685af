"""One `%%session` cell as it is shown: its statements, what each did, and for whom it waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from grader.notebook.tables import SHOWN, Table

if TYPE_CHECKING:
    from grader.instruments.sessions import Result, Waiting

_COLOURS = ("#1d5fa6", "#9a4f12", "#2c6e49", "#6a3d9a", "#00696f", "#7a3b5d")


@dataclass
class Entry:
    """One statement. waited_for: names of the sessions it had to wait for."""

    sql: str
    outcome: Result | Waiting | None = None
    waited_for: str = ""
    dropped: bool = False

    @property
    def waits(self) -> bool:
        return self.outcome is not None and hasattr(self.outcome, "blockers")

    def lines(self) -> list[str]:
        """What came of it, in words; a table comes after."""
        if self.dropped:
            return ["not sent, because the statement above failed"]
        if self.outcome is None:
            return ["not sent yet"]
        if self.waits:
            return [f"WAITS for {self.waited_for}" if self.waited_for else "still running"]
        result: Any = self.outcome
        lead = f"waited for {self.waited_for}, then: " if self.waited_for else ""
        said = [f"notice: {n}" for n in result.notices]
        if result.error:
            first, *more = result.error.splitlines()
            code = f" (SQLSTATE {result.sqlstate})" if result.sqlstate else ""
            return [*said, f"{lead}{first}{code}", *more]
        return [*said, f"{lead}{_words(result)}"]

    def table(self) -> Table | None:
        result: Any = self.outcome
        if result is None or self.waits or not result.columns:
            return None
        return Table(result.columns, result.rows[:SHOWN], len(result.rows))


def _words(result: Result) -> str:
    if result.columns:
        return "1 row" if len(result.rows) == 1 else f"{len(result.rows)} rows"
    said_already = result.tag.upper() == result.statement.strip().rstrip(";").upper()  # BEGIN, COMMIT
    return "done" if said_already else result.tag or "done"


def _blockers(waiting: Waiting) -> str:
    names = dict.fromkeys(b.session or f"another session (pid {b.pid})" for b in waiting.blockers)
    return " and ".join(names)


@dataclass
class SessionCell:
    """The statements of one cell in one session."""

    name: str
    entries: list[Entry]
    handle: Any = field(default=None, repr=False)

    def next(self) -> Entry | None:
        """The next statement to send; None once one failed."""
        for entry in self.entries:
            if entry.outcome is None and not entry.dropped:
                return entry
        return None

    def current(self) -> Entry:
        """The statement under way, or the first that was not sent."""
        return next(e for e in self.entries if e.waits or e.outcome is None)

    def note(self, entry: Entry, outcome: Result | Waiting) -> None:
        entry.outcome = outcome
        if entry.waits:
            entry.waited_for = _blockers(outcome) or entry.waited_for  # type: ignore[arg-type]
        elif getattr(outcome, "error", ""):
            self.drop_rest()

    def drop_rest(self) -> None:
        for entry in self.entries:
            entry.dropped = entry.dropped or entry.outcome is None

    def show(self) -> None:
        """Displays the cell so that it can be updated later."""
        from IPython.display import display

        self.handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        if self.handle is not None:
            self.handle.update(self)

    def busy(self) -> str:
        entry = self.current()
        why = f"it waits for {entry.waited_for}" if entry.waited_for else "it is still running"
        return (
            f"Session {self.name} is busy ({why}): {' '.join(entry.sql.split())}. "
            "Let the other session COMMIT or ROLLBACK first."
        )

    def news(self) -> str:
        """One line for the cell that let this one go on."""
        lead = f"{self.name} went on"
        first = next((i for i, e in enumerate(self.entries) if e.waited_for), 0)
        told = [e.lines()[-1].rpartition("then: ")[2] for e in self.entries[first:] if e.outcome is not None]
        return f"{lead}: {'; '.join(told)}"

    @property
    def state(self) -> str:
        """What the session's transaction is in, "" when there is nothing to say."""
        done = [e.outcome for e in self.entries if e.outcome is not None and not e.waits]
        words = {
            "in_transaction": "transaction open",
            "in_error": "transaction aborted: everything is refused until ROLLBACK",
            "closed": "connection closed: the next cell of this session opens a new one",
        }
        return words.get(getattr(done[-1], "transaction", ""), "") if done else ""

    def __repr__(self) -> str:
        parts: list[str] = []
        for entry in self.entries:
            sql = entry.sql.replace("\n", "\n" + " " * (len(self.name) + 2))
            parts.append(f"{self.name}> {sql}")
            table = entry.table()
            parts += [table.text()] if table else []
            parts += [] if table and not entry.waited_for else [f"   {line}" for line in entry.lines()]
        return "\n".join([*parts, f"   [{self.state}]"] if self.state else parts)

    def _repr_html_(self) -> str:
        colour = _COLOURS[sum(self.name.encode()) % len(_COLOURS)]
        mono = "font:13px/1.5 ui-monospace,Menlo,monospace;white-space:pre-wrap"
        rows = []
        for entry in self.entries:
            rows.append(f'<div style="{mono}">{escape(entry.sql)}</div>')
            table = entry.table()
            if not table or entry.waited_for:
                weight = "font-weight:600;" if entry.waits else ""
                text = escape("\n".join(entry.lines()))
                rows.append(f'<div style="{mono};{weight}padding-left:14px">→ {text}</div>')
            if table:
                rows.append(f'<div style="padding-left:14px">{table._repr_html_()}</div>')
        if self.state:
            rows.append(f'<div style="font:12px sans-serif;opacity:.75">{escape(self.state)}</div>')
        return (
            f'<div style="border-left:5px solid {colour};padding:4px 12px;max-width:900px">'
            f'<b style="color:{colour};font-family:sans-serif">Session {escape(self.name)}</b>{"".join(rows)}</div>'
        )
