"""What a worker says is a claim: reduced here to known kinds, bounded lengths and plain values."""

from __future__ import annotations

from typing import Any

from grader.checks.running import Error, ErrorKind, Reply
from grader.judge.codec import decode
from grader.shop import errors

KNOWN_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}
_KINDS = {"database", "redis", "http", "domain", "builtin", "not_answered"}


def names_in(data: Any) -> list[Any]:
    """A claimed list, [] for anything else."""
    return data if isinstance(data, list) else []


def error_in(data: Any) -> Error | None:
    """The exception a worker reports, None if it reports none."""
    if not isinstance(data, dict):
        return None
    claimed = data.get("kind")
    kind: ErrorKind = claimed if claimed in _KINDS else "domain"
    name = str(data.get("type", ""))[:80]
    if kind == "domain" and name not in KNOWN_ERRORS:
        name = "an error of its own"  # a class name the answer chose is text the learner wrote: not echoed
    line = data.get("line")
    return Error(
        kind,
        name,
        str(data.get("message", ""))[:2000],
        str(data.get("sqlstate", ""))[:5],
        line if isinstance(line, int) else 0,
    )


def reply_in(message: dict[str, Any]) -> Reply:
    """The reply in a worker's message; a malformed value becomes an error of the answer's."""
    states = message.get("connections")
    connections = {str(k): str(v) for k, v in states.items()} if isinstance(states, dict) else {}
    output = str(message.get("output", ""))[:11_000]
    if (error := error_in(message.get("error"))) is not None:
        ended = "memory" if error.type == "MemoryError" else ""
        return Reply(error=error, output=output, connections=connections, ended=ended)  # type: ignore[arg-type]
    try:
        return Reply(value=decode(message.get("value")), output=output, connections=connections)
    except (ValueError, TypeError, ArithmeticError, KeyError, IndexError, RecursionError):
        return Reply(
            error=Error("builtin", "ValueError", "the answer returned a malformed value"), output=output
        )
