"""What an exploration covered, as data and as a sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Coverage:
    """What an exploration covered. complete: every schedule, up to the stated reductions."""

    callers: int = 0
    explored: int = 0
    complete: bool = False
    bound: int | None = None  # all schedules with at most so many changes of turn were explored
    symmetric: int = 0  # how many callers were taken as interchangeable
    pruned: int = 0  # branches that would only have swapped neighbouring independent statements
    idle: int = 0  # branches that would only have added turns of a loop which the server refuses
    diverged: int = 0
    timed: int = 0
    waiting: int = 0  # branches left when the limit was reached
    faults: str = ""
    limit: str = ""

    def stop(self, why: str) -> None:
        self.limit, self.complete = why, False

    def __str__(self) -> str:
        calls = "call" if self.callers == 1 else "concurrent calls"
        failing = self.faults and self.callers == 1
        one, many = ("way to fail", "ways to fail") if failing else ("schedule", "schedules")
        explored = counted(self.explored, one, many)
        if self.complete:
            text = (
                f"{f'the only {one}' if self.explored == 1 else f'all {explored}'} of {self.callers} {calls}"
            )
        else:
            text = f"{explored} of {self.callers} {calls} ({self.limit})"
            # The one that stands for a skipped schedule may have more changes of turn, and be among those not played.
            if self.bound is not None and not self.pruned:
                text += f", all with at most {changes_of_turn(self.bound)}"
        if self.faults:
            text += f", {self.faults}"
        if self.symmetric:
            text += f"; {self.symmetric} interchangeable callers counted once"
        if self.pruned:
            text += (
                f"; {counted(self.pruned, 'branch', 'branches')} skipped: only independent statements swapped"
            )
        if self.idle:
            text += f"; {counted(self.idle, 'branch', 'branches')} skipped: only more turns of a loop that is refused"
        if self.diverged:
            text += f"; {counted(self.diverged, 'run', 'runs')} did not repeat: the statements differ from run to run"
        if self.timed:
            text += f"; {counted(self.timed, 'run', 'runs')} went on past a caller that slept"
        return text


def counted(number: int, one: str, many: str) -> str:
    """ "1 run", "2 runs"."""
    return f"{number} {one if number == 1 else many}"


def changes_of_turn(number: int) -> str:
    """ "1 change of turn"."""
    return counted(number, "change of turn", "changes of turn")
