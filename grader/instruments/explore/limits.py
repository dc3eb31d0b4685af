"""When a caller counts as one that never finishes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When a caller counts as one that never finishes. All are far beyond what a sound answer needs.

    statements: in one call. thinking: seconds without touching the database while nobody else can move.
    patience: the same while others could move; they then go on, and the run is marked as timed. Both count
    only time in which the caller's process sleeps, not time in which a busy machine does not get to it.
    computing: seconds of processor time between two statements.
    """

    statements: int = 200
    thinking: float = 3.0
    patience: float = 0.5
    computing: float = 1.0


PATIENT = Limits(patience=15, thinking=20)  # a busy machine is no reason to go on without a caller
