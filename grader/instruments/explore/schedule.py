"""Schedules as text: "1 1 2 2 1" says whose held statement goes next, and where a fault strikes.

A choice is the caller's number, a letter if it is not that caller's first connection, and a fault:

    1     the statement T1 holds goes to the server
    2b    the one T2's second connection holds
    1!    T1 dies (SIGKILL) instead; its connections drop
    1<    T1's connection drops before the server sees the statement; T1 lives
    1>    the server executes the statement, then T1's connection drops, the reply unsent

"T1 T2 T1" is read too. Statements nobody else can notice (BEGIN, SET, SAVEPOINT) go on their own and are no
choice. A schedule that ends early goes on without changing callers unless it must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Fault = Literal["", "!", "<", ">"]
FAULTS: dict[str, str] = {
    "!": "dies before this statement",
    "<": "loses the connection before this statement",
    ">": "loses the connection after it took effect",
}
_CHOICE = re.compile(r"[Tt]?(\d+)([b-z]\d*)?([!<>])?$")


@dataclass(frozen=True, order=True, slots=True)
class Choice:
    """caller: from 1. connection: "" or its letter."""

    caller: int
    connection: str = ""
    fault: Fault = ""

    def __str__(self) -> str:
        return f"{self.caller}{self.connection}{self.fault}"

    @property
    def plain(self) -> Choice:
        return Choice(self.caller, self.connection)


def parse(text: str) -> tuple[Choice, ...]:
    """Reads a schedule. Raises ValueError with one clear sentence."""
    choices = []
    for word in text.replace(",", " ").split():
        found = _CHOICE.match(word)
        if not found or int(found[1]) < 1:
            raise ValueError(
                f"'{word}' is not a step of a schedule: write the caller's number, as in '1 1 2 2', with ! < or > "
                "after it for a fault."
            )
        choices.append(Choice(int(found[1]), found[2] or "", found[3] or ""))  # type: ignore[arg-type]
    return tuple(choices)


def spell(choices: tuple[Choice, ...]) -> str:
    return " ".join(map(str, choices))
