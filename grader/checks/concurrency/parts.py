"""One call of an answer: what it is given, how it is begun, and what is done with its connection afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grader.checks.running import Reply, Resource
from grader.instruments.explore import Caller

DRIVER = '''
def __call_on_pooled__(name, args, kwargs):
    """Calls the answer; then does what a pool does with the connection it gets back."""
    global __left__
    import contextlib, psycopg
    connections = [a for a in (*args, *kwargs.values()) if isinstance(a, psycopg.Connection)]
    left = __left__ = "idle"
    try:
        value = globals()[name](*args, **kwargs)
    finally:
        for connection in connections:
            status = connection.info.transaction_status
            if not connection.closed and status.name != "IDLE":
                left = __left__ = "open"
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
            if not connection.closed and connection.info.transaction_status.name == "IDLE":
                with contextlib.suppress(psycopg.Error):
                    connection.autocommit = False
                    connection.isolation_level = connection.read_only = connection.deferrable = None
                    connection.row_factory = psycopg.rows.tuple_row
    return (value, left)


def __call_on_pooled_positional__(name, count, *rest):
    keys = rest[count::2]
    return __call_on_pooled__(name, list(rest[:count]), dict(zip(keys, rest[count + 1 :: 2])))
'''


@dataclass(frozen=True)
class Seat:
    """Where a caller sits: its number from 1, its lane's name, and the database address it must use."""

    number: int
    url: str

    @property
    def name(self) -> str:
        return f"T{self.number}"


def CONN(seat: Seat) -> Resource:
    """Stands for the caller's own psycopg connection in a part's arguments."""
    return Resource("connection", seat.url, id="conn", settings={"prepare_threshold": None})


def ENGINE(seat: Seat) -> Resource:
    """Stands for an SQLAlchemy engine of the caller's own."""
    return Resource("engine", seat.url, id="engine", settings={"connect_args": {"prepare_threshold": None}})


@dataclass(frozen=True, init=False)
class Part:
    """One call: the function's name and its arguments. An argument that is callable is given the `Seat`."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        for key, value in (("name", name), ("args", args), ("kwargs", kwargs)):
            object.__setattr__(self, key, value)


class _Pending:
    """A call under way, whose reply is unpacked."""

    def __init__(self, worker: Any, call: Any) -> None:
        self._worker, self._call = worker, call

    def fileno(self) -> int:
        return int(self._call.fileno())

    def done(self) -> bool:
        return bool(self._call.done())

    def result(self, timeout: float = 10.0) -> Reply:
        reply: Reply = self._call.result(timeout)
        if reply.error is not None:
            left = self._worker.value("__left__").value
            return replace(reply, connections={**reply.connections, "left": str(left)})
        if isinstance(reply.value, tuple) and len(reply.value) == 2:
            value, left = reply.value
            return replace(reply, value=value, connections={**reply.connections, "left": str(left)})
        return reply


def begin(worker: Any, part: Part, seat: Seat) -> _Pending:
    args = [a(seat) if callable(a) else a for a in part.args]
    extra = [x for k, v in part.kwargs.items() for x in (k, v(seat) if callable(v) else v)]
    # resources are only resolved as arguments of the call itself, so keywords travel flat
    call = worker.start("__call_on_pooled_positional__", part.name, len(args), *args, *extra)
    return _Pending(worker, call)


class Actor:
    """A lane's worker process, kept from scene to scene, and the part it plays now."""

    def __init__(self, number: int, spawn: Callable[[int], Any]) -> None:
        self.number = number
        self.part = Part("")
        self.caller = Caller(lambda: spawn(number), self._begin, reconnects=True)

    def _begin(self, worker: Any, url: str) -> _Pending:
        seat = Seat(self.number, url)
        return begin(worker, self.part, seat)
