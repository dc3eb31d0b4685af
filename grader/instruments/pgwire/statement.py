"""One statement on the wire: what was asked, what came of it. The unit of every history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from grader.instruments.pgwire import messages

State = Literal["held", "running", "ok", "error", "cut", "lost", "abandoned"]
ROWS_KEPT = 20


@dataclass(eq=False, slots=True)
class Statement:
    """A step of a session: one simple query, or one Execute with the messages that prepare it.

    lane, session: on whose listener, and which of its connections ("T1", "T1b"). number: counts the lane's
    statements from 1. state: "held" before the server has seen it; "cut" if the connection was dropped
    before, "lost" if after it took effect; "abandoned" if the run ended while it was under way.
    transaction: "I" idle, "T" in a transaction, "E" in a failed one, as ReadyForQuery said before it;
    transaction_after: the same after it.
    """

    lane: str
    session: str
    number: int
    sql: str
    wire: bytes = b""  # what is sent to the server when the statement is released
    synced: bool = True  # ends with Sync (or is a simple query): ReadyForQuery marks its end
    executes: bool = True  # False for a batch that only prepares or describes
    prepares: bool = (
        False  # such a batch with a Parse: the server analyses the statement, which takes a snapshot
    )
    pid: int = 0  # of the backend
    bind: bytes = b""  # the Bind message with the parameters
    oids: tuple[int, ...] = ()
    more: bool = False  # the client sent the next statement in the same message
    state: State = "held"
    transaction: str = "I"
    transaction_after: str = "I"
    tags: list[str] = field(default_factory=list)
    error: dict[str, str] = field(default_factory=dict)
    raw_columns: bytes = b""
    raw_rows: list[bytes] = field(default_factory=list)
    row_count: int = 0
    notices: list[str] = field(default_factory=list)
    waited_for: list[str] = field(default_factory=list)  # sessions the server named as blockers
    announced: bool = False
    sent_at: float = 0.0  # time.monotonic() when it went to the server, and when its reply was complete
    ended_at: float = 0.0

    @property
    def text(self) -> str:
        """The statement on one line."""
        return " ".join(self.sql.split())

    @property
    def params(self) -> list[Any]:
        """Decoded parameters, JSON-safe."""
        if not self.bind:
            return []
        raw = messages.read_bind(self.bind)[2]
        oids = self.oids + (0,) * (len(raw) - len(self.oids))
        return [messages.decode(data, oid, fmt) for (fmt, data), oid in zip(raw, oids, strict=False)]

    @property
    def columns(self) -> list[str]:
        return [name for name, _, _ in messages.read_columns(self.raw_columns)] if self.raw_columns else []

    @property
    def rows(self) -> list[list[Any]]:
        """The first `ROWS_KEPT` rows, decoded, JSON-safe."""
        if not self.raw_columns:
            return []
        kinds = messages.read_columns(self.raw_columns)
        return [
            [
                messages.decode(data, oid, fmt)
                for data, (_, oid, fmt) in zip(messages.read_row(row), kinds, strict=False)
            ]
            for row in self.raw_rows
        ]

    @property
    def tag(self) -> str:
        """The last command tag: "UPDATE 1"."""
        return self.tags[-1] if self.tags else ""

    @property
    def sqlstate(self) -> str:
        return self.error.get("C", "")

    @property
    def done(self) -> bool:
        return self.state not in ("held", "running")

    def to_json(self) -> dict[str, Any]:
        """The statement as one entry of a history."""
        return {
            "lane": self.lane,
            "session": self.session,
            "number": self.number,
            "sql": self.text,
            "params": self.params,
            "state": self.state,
            "tag": self.tag,
            "columns": self.columns,
            "rows": self.rows,
            "row_count": self.row_count,
            "sqlstate": self.sqlstate,
            "error": self.error.get("M", ""),
            "transaction": self.transaction,
            "transaction_after": self.transaction_after,
            "waited_for": list(self.waited_for),
        }
