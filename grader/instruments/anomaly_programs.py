"""The ten anomalies of isolation, as small programs.

Names after Adya ("Weak Consistency", 1999) and Bailis et al. ("Highly Available Transactions", 2013); the idea
of one small program for each is Hermitage's (Kleppmann). Statements are our own. Each program is two or three
transactions over a table of two items; whether its anomaly happened is read off what the transactions saw
and what they left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TABLE = "anomaly_items"
FIRST = ((1, 10), (2, 20))


@dataclass(frozen=True)
class Outcome:
    """What came of one run: per transaction, whether it committed and the values each of its reads returned;
    and the items left behind."""

    committed: tuple[bool, ...]
    reads: tuple[tuple[tuple[int, ...], ...], ...]
    items: dict[int, int]


@dataclass(frozen=True)
class Anomaly:
    """One program. transactions: their statements without BEGIN and COMMIT; "{last}" stands for the first value
    the transaction read last; a final "ROLLBACK" replaces COMMIT. schedule: the order in which the anomaly
    shows if the level allows it, COMMIT included."""

    name: str
    title: str
    transactions: tuple[tuple[str, ...], ...]
    schedule: str
    happened: Callable[[Outcome], bool]
    meaning: str


def _read(item: int) -> str:
    return f"SELECT value FROM {TABLE} WHERE id = {item}"


def _write(item: int, value: object) -> str:
    return f"UPDATE {TABLE} SET value = {value} WHERE id = {item}"


_BOTH = f"SELECT value FROM {TABLE} WHERE id IN (1, 2) ORDER BY id"
_THIRDS = f"SELECT value FROM {TABLE} WHERE value % 3 = 0 ORDER BY id"


def _mixed(o: Outcome) -> bool:
    return all(o.committed) and (o.items[1], o.items[2]) not in ((11, 21), (12, 22))


def _skewed(o: Outcome) -> bool:
    return o.committed[0] and len(o.reads[0]) == 2 and o.reads[0] in (((10,), (21,)), ((11,), (20,)))


def _vanished(o: Outcome) -> bool:
    """The reader saw one item from the last writer, then the other item without that writer's change; or the
    first item from any writer, and then the other as it was at the start."""
    if not o.committed[2] or len(o.reads[2]) != 2:
        return False
    (first,), (second,) = o.reads[2]
    return (first == o.items[1] != 10 and second != o.items[2]) or (first != 10 and second == 20)


ANOMALIES: tuple[Anomaly, ...] = (
    Anomaly(
        "G0",
        "dirty write",
        ((_write(1, 11), _write(2, 21)), (_write(1, 12), _write(2, 22))),
        "1 2 1 1 2 2",
        _mixed,
        "Two transactions overwrite each other's uncommitted writes and leave a mixture of both.",
    ),
    Anomaly(
        "G1a",
        "aborted read",
        ((_write(1, 101), "ROLLBACK"), (_read(1), _read(1))),
        "1 2 1 2 2",
        lambda o: (101,) in o.reads[1],
        "A transaction reads what another wrote and then took back.",
    ),
    Anomaly(
        "G1b",
        "intermediate read",
        ((_write(1, 101), _write(1, 11)), (_read(1), _read(1))),
        "1 2 1 1 2 2",
        lambda o: (101,) in o.reads[1],
        "A transaction reads a value that its writer replaced before committing.",
    ),
    Anomaly(
        "G1c",
        "circular information flow",
        ((_write(1, 11), _read(2)), (_write(2, 22), _read(1))),
        "1 2 1 2 1 2",
        lambda o: all(o.committed) and o.reads[0] == ((22,),) and o.reads[1] == ((11,),),
        "Each of two transactions reads what the other has written.",
    ),
    Anomaly(
        "OTV",
        "observed transaction vanishes",
        ((_write(1, 11), _write(2, 19)), (_write(1, 12), _write(2, 18)), (_read(1), _read(2))),
        "1 1 2 1 3 2 2 3 3",
        _vanished,
        "A transaction sees one effect of another and afterwards no longer sees its other effect.",
    ),
    Anomaly(
        "PMP",
        "predicate-many-preceders",
        ((_THIRDS, _THIRDS), (f"INSERT INTO {TABLE} VALUES (3, 30)",)),
        "1 2 2 1 1",
        lambda o: o.committed[0] and len(o.reads[0]) == 2 and o.reads[0][0] != o.reads[0][1],
        "The same search finds different rows within one transaction.",
    ),
    Anomaly(
        "P4",
        "lost update",
        ((_read(1), _write(1, "{last} + 1")), (_read(1), _write(1, "{last} + 1"))),
        "1 2 1 1 2 2",
        lambda o: all(o.committed) and o.items[1] != 12,
        "Both read, both write what they computed, and one write disappears.",
    ),
    Anomaly(
        "G-single",
        "read skew",
        ((_read(1), _read(2)), (_write(1, 11), _write(2, 21))),
        "1 2 2 2 1 1",
        _skewed,
        "A transaction sees one item before and another item after somebody's change of both.",
    ),
    Anomaly(
        "G2-item",
        "write skew",
        ((_BOTH, _write(1, 0)), (_BOTH, _write(2, 0))),
        "1 2 1 1 2 2",
        lambda o: all(o.committed) and o.reads[0] == o.reads[1] == ((10, 20),),
        "Each decides on what it read, each changes the other item, and together they break the rule.",
    ),
    Anomaly(
        "G2",
        "anti-dependency cycle",
        (
            (_THIRDS, f"INSERT INTO {TABLE} VALUES (3, 30)"),
            (_THIRDS, f"INSERT INTO {TABLE} VALUES (4, 42)"),
        ),
        "1 2 1 1 2 2",
        lambda o: all(o.committed) and o.reads[0] == o.reads[1] == ((),),
        "Each finds that no row matches, each adds one that does.",
    ),
)
