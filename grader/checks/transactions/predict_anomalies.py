"""`predict_anomalies`: thirty predictions, compared with what the server at hand does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.running import Answer, Bench, Opaque
from grader.checks.transactions.unit import lab
from grader.instruments.anomalies import ANOMALIES, LEVELS, laboratory, play
from grader.instruments.explore import Run, timeline
from grader.verdict import Evidence

NAMES = [a.name for a in ANOMALIES]
_SHORT = {
    "rc": LEVELS[0],
    "rr": LEVELS[1],
    "ser": LEVELS[2],
    "s": LEVELS[2],
    "snapshot": LEVELS[1],
    "si": LEVELS[1],
}
_WORDS = {
    **dict.fromkeys(("allowed", "allow", "allows", "possible", "yes", "a", "true"), "allowed"),
    **dict.fromkeys(("prevented", "prevent", "prevents", "impossible", "no", "p", "false"), "prevented"),
}


@dataclass
class Cell:
    """What the server did. run: the schedule that shows the anomaly if anything does."""

    happened: bool
    meaning: str = ""
    run: Run | None = None

    @property
    def word(self) -> str:
        return "allowed" if self.happened else "prevented"


@dataclass
class History:
    predicted: dict[tuple[str, str], str] = field(default_factory=dict)
    measured: dict[tuple[str, str], Cell] = field(default_factory=dict)


@lab.exercise(
    "predict_anomalies",
    kind="value",
    points=3,
    read="04-transactions: Ten anomalies, three levels",
    coverage=lambda h: f"{len(h.measured)} cells run on the installed server",
    hints=(
        "Which of the ten need a read of something uncommitted? Does PostgreSQL ever show you that, at any level?",
        "READ COMMITTED takes a new snapshot for every statement, REPEATABLE READ one for the whole transaction and "
        "refuses to overwrite what changed since; SERIALIZABLE also watches what you read.",
        "Go level by level: at the first, ask what two snapshots in one transaction make possible; at the second, what "
        "remains if nobody writes what another has written; at the third, recall what the word promises.",
    ),
)
def predict_anomalies(answer: Answer, bench: Bench) -> History:
    worker = answer.spawn()
    value = worker.value("predict_anomalies").value
    if isinstance(value, Opaque):  # a function that gives the grid
        value = worker.call("predict_anomalies").value
    history = History(predictions(value))
    database = bench.database("empty")
    with laboratory(database.url("admin")) as (stage, connection):
        for anomaly in ANOMALIES:
            for level in LEVELS:
                run = play(stage, connection, anomaly, level, schedule=anomaly.schedule).runs[0]
                history.measured[anomaly.name, level] = Cell(bool(run.problem), anomaly.meaning, run)
    return history


def predictions(value: Any) -> dict[tuple[str, str], str]:
    """The grid in any of its shapes: by anomaly, by level, by pairs, with mappings or rows of three.

    Cells that cannot be read are left out. Raises Rejected for what is no grid at all.
    """
    found: dict[tuple[str, str], str] = {}
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(NAMES):
        value = dict(zip(NAMES, value, strict=True))
    if not isinstance(value, Mapping):
        raise Rejected(
            "`predict_anomalies` must be a grid: a dict with a row of three words for each anomaly."
        )
    for key, row in value.items():
        if isinstance(key, tuple) and len(key) == 2:
            _put(found, key[0], key[1], row)
        elif isinstance(row, Mapping):
            for inner, word in row.items():
                _put(found, key, inner, word)
        elif isinstance(row, Sequence) and not isinstance(row, str):
            others = LEVELS if _anomaly(key) else NAMES
            for inner, word in zip(others, row, strict=False):
                _put(found, key, inner, word)
    return found


def _put(found: dict[tuple[str, str], str], one: Any, other: Any, word: Any) -> None:
    anomaly, level = _anomaly(one) or _anomaly(other), _level(other) or _level(one)
    meaning = _WORDS.get(str(word).strip().lower())
    if anomaly and level and meaning:
        found[anomaly, level] = meaning


def _plain(text: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(text).lower())


def _anomaly(text: Any) -> str:
    return next((name for name in NAMES if _plain(name) == _plain(text)), "")


def _level(text: Any) -> str:
    return next((level for level in LEVELS if _plain(level) == _plain(text)), _SHORT.get(_plain(text), ""))


@predict_anomalies.property(weight=0)
def complete(history: History) -> Ruling:
    """The grid has a readable prediction, "allowed" or "prevented", for each of the thirty cells."""
    missing = [
        f"{name} at {level}" for name in NAMES for level in LEVELS if (name, level) not in history.predicted
    ]
    if not missing:
        return True
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return fail(
        "thirty cells", f"{len(history.predicted)} can be read; missing: {', '.join(missing[:3])}{more}"
    )


def compare(history: History, level: str) -> Ruling:
    """The ruling on one column; the first wrong cell is shown as it ran."""
    wrong = [n for n in NAMES if history.predicted[n, level] != history.measured[n, level].word]
    if not wrong:
        return True
    cell = history.measured[wrong[0], level]
    exhibits = []
    if cell.run is not None:
        conclusion = cell.meaning if cell.happened else "It did not happen."
        exhibits = [Evidence("timeline", f"{wrong[0]} at {level}", timeline(cell.run, conclusion))]
    said = history.predicted[wrong[0], level]
    more = f" ({len(wrong)} cells of this level are wrong)" if len(wrong) > 1 else ""
    return fail(
        f"{wrong[0]} at {level}: what the server does",
        f"you say {said}; tried on this server, it {'happened' if cell.happened else 'did not happen'}{more}",
        evidence=exhibits,
    )


@predict_anomalies.property(
    needs=["complete"],
    misconception="READ COMMITTED never shows what is uncommitted, but every statement has a snapshot of its own, and "
    "nothing it read is protected.",
)
def read_committed(history: History) -> Ruling:
    """The ten predictions for READ COMMITTED are what this server does."""
    return compare(history, LEVELS[0])


@predict_anomalies.property(
    needs=["complete"],
    misconception="REPEATABLE READ here is snapshot isolation: stricter than the standard's with phantoms and lost updates, "
    "and blind for two transactions that each write what the other only read.",
)
def repeatable_read(history: History) -> Ruling:
    """The ten predictions for REPEATABLE READ are what this server does."""
    return compare(history, LEVELS[1])


@predict_anomalies.property(
    needs=["complete", "read_committed"],
    misconception="SERIALIZABLE means that some order of one after the other explains everything that committed.",
)
def serializable(history: History) -> Ruling:
    """The ten predictions for SERIALIZABLE are what this server does."""
    return compare(history, LEVELS[2])
