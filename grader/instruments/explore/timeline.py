"""A run as timeline data: JSON-safe, in the form `grader.show` draws and prints."""

from __future__ import annotations

import json
import re
from typing import Any

from grader.instruments.explore.run import Run
from grader.instruments.explore.schedule import FAULTS
from grader.instruments.pgwire import Statement

_PARAMETER = re.compile(r"\$(\d+)")
_STATES = {
    "ok": "ok",
    "error": "error",
    "cut": "lost",
    "lost": "lost",
    "abandoned": "error",
    "running": "waits",
}


def timeline(run: Run, conclusion: str = "") -> dict[str, Any]:
    """The run's statements in the order the server got them.

    A statement that had to wait appears twice: where it began to wait, and where its turn came.
    """
    steps: list[dict[str, Any]] = []
    broken_at = None
    lanes = dict.fromkeys(f"T{i + 1}" for i in range(len(run.endings)))
    waiting: set[Statement] = set()
    shown: dict[int, int] = {}
    for index, (kind, statement, at) in enumerate(run.events):
        lanes.setdefault(statement.session)
        if kind == "waits":
            waiting.add(statement)
            steps.append(_step(statement, "waits"))
        elif kind == "end":
            fault = run.choices[at].fault if 0 <= at < len(run.choices) else ""
            struck = fault if statement.state in ("cut", "lost", "abandoned") else ""
            steps.append(_step(statement, "done", resumed=statement in waiting, fault=struck))
        elif not statement.done:
            steps.append(_step(statement, "waits"))
        if steps:
            shown[index] = len(steps) - 1
    text = conclusion or run.problem
    if text and steps:
        broken_at = shown.get(run.broken_at if run.broken_at is not None else -1, len(steps) - 1)
    return {
        "lanes": list(lanes),
        "steps": steps,
        "broken_at": broken_at,
        "conclusion": text,
        "schedule": run.schedule,
    }


def _step(statement: Statement, kind: str, *, resumed: bool = False, fault: str = "") -> dict[str, Any]:
    step = {
        "lane": statement.session,
        "text": readable(statement),
        "result": "",
        "state": "waits",
        "waits_for": ", ".join(statement.waited_for) or None,
        "read": None,
    }
    if kind == "waits":
        return step
    step["waits_for"] = None
    step["state"] = "crash" if fault == "!" else _STATES.get(statement.state, "ok")
    step["result"] = FAULTS[fault] if fault else _result(statement)
    step["read"] = _read(statement)
    if resumed:
        step["text"] = f"(goes on) {step['text']}"
    return step


def readable(statement: Statement) -> str:
    """The statement with its parameters in place."""
    params = statement.params

    def put(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        if not 0 <= at < len(params):
            return found[0]
        value = params[at]
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return str(value).upper()
        return str(value) if isinstance(value, (int, float)) else f"'{value}'"

    return _PARAMETER.sub(put, statement.text)


def _result(statement: Statement) -> str:
    if statement.error:
        return f"{statement.sqlstate} {statement.error.get('M', '')}".strip()
    tag = statement.tag
    verb, _, count = tag.rpartition(" ")
    if verb.split(" ")[0] in ("UPDATE", "DELETE", "INSERT", "SELECT", "MERGE") and count.isdigit():
        return f"{count} row" + ("" if count == "1" else "s")
    return tag if tag not in ("BEGIN", "SET", "SAVEPOINT") else ""


def _read(statement: Statement) -> str | None:
    """The first rows in words: "balance = 100"."""
    rows, names = statement.rows, statement.columns
    if not rows:
        return None
    if len(rows) == 1:
        return ", ".join(f"{n} = {_short(v)}" for n, v in zip(names, rows[0], strict=False))
    shown = "; ".join(", ".join(_short(v) for v in row) for row in rows[:4])
    return shown + ("; ..." if statement.row_count > 4 else "")


def _short(value: Any) -> str:
    text = "NULL" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
