"""A caller's place on the stage: its worker, its sessions, the call under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from grader.instruments.pgwire import Session

if TYPE_CHECKING:
    from grader.instruments.explore.stage import Stage


class CallUnderWay(Protocol):
    """What a caller's `begin` returns: see `grader.checks.running.Call`. A `fileno()` that is readable when
    there is something to look at is used if present; without one `done()` is asked every millisecond."""

    def done(self) -> bool: ...

    def result(self, timeout: float = 10.0) -> Any: ...


@dataclass(frozen=True)
class Caller:
    """One concurrent call of the answer.

    spawn: makes the process it runs in (`answer.spawn`); called on first use and again after it was killed.
    begin: starts the call in that process, told the address of the database as this caller must see it.
    reconnects: a connection that was lost is made anew with the next call, so the process may serve on.
    """

    spawn: Callable[[], Any]
    begin: Callable[[Any, str], CallUnderWay]
    reconnects: bool = False


class Lane:
    """A caller's place on the stage: its listener, its worker, the call under way."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.number = number
        self.name = f"T{number}"
        self.caller: Caller | None = None
        self.worker: Any = None
        self.call: CallUnderWay | None = None
        self.ended = False
        self.killed = False
        self.plural = False  # this caller has used several connections at a time
        self._fd = -1

    @property
    def sessions(self) -> list[Session]:
        return [s for s in self.stage.proxy.sessions if s.lane == self.name]

    @property
    def rests(self) -> bool:
        """It polls for what only another caller can bring about."""
        return any(s.rests for s in self.sessions)

    @property
    def listens(self) -> bool:
        """It waits in a server for somebody to call."""
        return any(s.listens for s in self.sessions)

    def cast(self, caller: Caller) -> None:
        """Makes sure a live worker of `caller` stands in this lane."""
        if self.caller is not caller or self.name in self.stage.proxy.broken:
            self.retire()
            self.caller, self.plural = caller, self.plural and self.caller is caller
        if self.worker is None:
            self.worker = self.stage.unheld(caller.spawn)

    def begin(self) -> None:
        assert self.caller is not None
        self.ended = self.killed = False
        call = self.caller.begin(self.worker, self.stage.url(self.number))
        self.call = call
        fileno = getattr(call, "fileno", None)
        self._fd = fileno() if fileno else -1
        if self._fd >= 0:
            self.stage.proxy.watch(self._fd, lambda mask: self.look())

    def look(self) -> None:
        """Notes whether the call has ended."""
        if self.call is not None and not self.ended and self.call.done():
            self.ended = True
            self.unwatch()

    def unwatch(self) -> None:
        if self._fd >= 0:
            self.stage.proxy.unwatch(self._fd)
            self._fd = -1

    @property
    def silent_call(self) -> bool:
        """Its end has to be asked for."""
        return self._fd < 0 and not self.ended

    def kill(self) -> None:
        """The caller dies: its process and with it its connections."""
        self.unwatch()
        self.killed = self.ended = True
        self.retire()

    def retire(self) -> None:
        self.unwatch()
        self.stage.proxy.cut(self.sessions)
        if self.worker is not None:
            self.worker.kill()
            self.worker = None
