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
        way = ("way to fail", "ways to fail") if self.faults and self.callers == 1 else ("schedule",)
        if self.complete:
            what = f"all {_count(self.explored, *way)}" if self.explored != 1 else f"the only {way[0]}"
            text = f"{what} of {self.callers} {calls}"
        else:
            text = f"{_count(self.explored, *way)} of {self.callers} {calls} ({self.limit})"
            if self.bound is not None:
                text += f", all with at most {_count(self.bound, 'change of turn', 'changes of turn')}"
        if self.faults:
            text += f", {self.faults}"
        if self.symmetric:
            text += f"; {self.symmetric} interchangeable callers counted once"
        if self.pruned:
            text += (
                f"; {_count(self.pruned, 'branch', 'branches')} skipped: only independent statements swapped"
            )
        if self.idle:
            text += f"; {_count(self.idle, 'branch', 'branches')} skipped: only more turns of a loop that is refused"
        if self.diverged:
            text += f"; {_count(self.diverged, 'run')} did not repeat: the statements differ from run to run"
        if self.timed:
            text += f"; {_count(self.timed, 'run')} went on past a caller that slept"
        return text


def _count(number: int, one: str, many: str = "") -> str:
    """ "1 run", "2 runs"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
