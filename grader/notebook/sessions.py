"""`%%session A`, `%%session B`: live database sessions in one notebook.

A statement that has to wait for another session returns at once and says for whom it waits. When it goes on, the
output of the cell that started it is updated in place, by whichever notices first: the next `%%session` cell or
a thread that watches the waiting connections.
"""

from __future__ import annotations

import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from grader.instruments import statements
from grader.notebook import servers
from grader.notebook.session_cell import Entry, SessionCell

if TYPE_CHECKING:
    from grader.instruments.sessions import LiveSession, LiveSessions

_GLANCE = 0.5  # seconds after which the watching thread looks whether it is still needed


class Room:
    """The sessions of one database. All access to a connection happens under one lock."""

    def __init__(self, url: str) -> None:
        from grader.instruments.sessions import LiveSessions

        self.url = url
        self.lock = threading.RLock()
        self.live: LiveSessions = LiveSessions(url)
        self.cells: dict[str, SessionCell] = {}  # session name -> the cell whose statement is under way
        self._watcher: threading.Thread | None = None

    def run(self, name: str, sql: str) -> None:
        """Runs one cell in session `name` and displays it, then whatever that let go on."""
        with self.lock:
            self._settle()
            if name in self.cells and not self._waits(name):
                del self.cells[name]  # its server died between two of its statements
            if name in self.cells:
                print(self.cells[name].busy())
                return
            cell = SessionCell(name, [Entry(s.text) for s in statements.split(sql)])
            self.cells[name] = cell
            try:
                self._advance(cell)
            except KeyboardInterrupt:
                self._interrupt(cell)
            cell.show()
            went_on = [c for c in self._settle() if c is not cell]
            for other in went_on:
                print(other.news())
            if self.cells:
                self._watch()

    def close(self) -> None:
        with self.lock:
            self.live.close()
            self.cells.clear()

    def states(self) -> list[str]:
        """One line a session."""
        with self.lock:
            self._settle()
            return [self._state(s) for s in self.live]

    def _waits(self, name: str) -> bool:
        return any(s.name == name and s.waiting and not s.connection.closed for s in self.live)

    def _state(self, session: LiveSession) -> str:
        if session.name in self.cells:
            return self.cells[session.name].busy()
        words = {
            0: "idle",
            1: "running",
            2: "transaction open",
            3: "transaction aborted: only ROLLBACK is accepted",
        }
        status = session.connection.info.transaction_status
        return f"Session {session.name}: {words.get(int(status), 'closed')}"

    def _advance(self, cell: SessionCell) -> None:
        """Sends statements of the cell until one waits, fails or none is left."""
        from grader.instruments.sessions import Waiting

        while (entry := cell.next()) is not None:
            outcome = self.live[cell.name].execute(entry.sql)
            cell.note(entry, outcome)
            if isinstance(outcome, Waiting):
                return
        self.cells.pop(cell.name, None)

    def _settle(self) -> list[SessionCell]:
        """Takes the results that have arrived, sends what stood behind them; the cells that moved."""
        moved: list[SessionCell] = []
        while found := self.live.finished():
            for name, result in found.items():
                cell = self.cells[name]
                cell.note(cell.current(), result)
                self._advance(cell)
                cell.update()
                if cell not in moved:
                    moved.append(cell)
        return moved

    def _interrupt(self, cell: SessionCell) -> None:
        session = self.live[cell.name]
        session.cancel()
        outcome = session.poll(patience=10.0)
        if outcome is not None:
            cell.note(cell.current(), outcome)
        cell.drop_rest()
        self.cells.pop(cell.name, None)

    def _watch(self) -> None:
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(target=self._look, name="waiting sessions", daemon=True)
            self._watcher.start()

    def _look(self) -> None:
        import psycopg

        while True:
            with self.lock:
                sockets = [
                    s.connection.pgconn.socket for s in self.live if s.waiting and not s.connection.closed
                ]
            if not sockets:
                return
            with suppress(OSError, ValueError, psycopg.Error):
                if select.select(sockets, [], [], _GLANCE)[0]:
                    with self.lock:
                        self._settle()


_rooms: dict[str, Room] = {}


def ask(name: str, query: str) -> tuple[tuple[object, ...], ...]:
    """The rows of a query as session `name` sees them now, within its open transaction if there is one.

    Raises RuntimeError when the session is busy, ValueError when the query fails.
    """
    room = _room()
    with room.lock:
        got = room.live[name].execute(query)
    if getattr(got, "error", ""):
        raise ValueError(f"Session {name}: {got.error}")  # type: ignore[union-attr]
    return getattr(got, "rows", ())


def session_magic(line: str, cell: str | None = None) -> None:
    """`%%session A` runs the cell in session A; `%session` lists them, `%session close` ends them all."""
    import psycopg

    name = line.strip()
    try:
        if cell is None:
            _line(name)
        elif not name.isidentifier():
            print("Name the session in the first line, such as `%%session A`.")
        elif not statements.split(cell):
            print("There is no statement here.")
        else:
            _room().run(name, cell)
    except servers.ServersUnavailable as error:
        print(error)
    except psycopg.Error as error:
        close_all()
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        print(f"The sessions were lost ({first}); run the cell again to open new ones.")


def close_all() -> None:
    """Ends every session; what they had open rolls back."""
    for room in _rooms.values():
        with suppress(Exception):
            room.close()
    _rooms.clear()


def _line(word: str) -> None:
    if word == "close":
        close_all()
        print("All sessions are closed; what was open in them is rolled back.")
    elif word:
        print(
            "`%session` lists the sessions and `%session close` ends them; `%%session A` runs a cell in one."
        )
    else:
        lines = [state for room in _rooms.values() for state in room.states()]
        print("\n".join(lines) or "No session is open yet: begin a cell with `%%session A`.")


def _room() -> Room:
    database = servers.current().database
    url = servers.url(database)
    if url not in _rooms:
        _rooms[url] = Room(url)
    return _rooms[url]
