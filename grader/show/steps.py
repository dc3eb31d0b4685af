"""Timeline data read once: lanes and steps with every default filled in (the format: `grader.show.timeline`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.show.words import clean, one_line

TAGS = {"error": "ERROR", "crash": "CRASH", "lost": "LOST"}  # states a reader must not overlook


@dataclass(frozen=True)
class Step:
    """One step with its defaults filled in. lane: its column, 0 upwards."""

    number: int
    lane: int
    text: str
    result: str
    state: str
    waits_for: str
    read: str
    broken: bool

    @property
    def remark(self) -> str:
        """What came of the statement, in words."""
        parts = []
        if self.state == "waits":
            parts.append(f"waits for {self.waits_for or 'another'}")
        if self.read:
            parts.append(f"reads {self.read}")
        if self.result:
            parts.append(self.result)
        return "; ".join(parts)

    @property
    def full(self) -> str:
        return f"{self.text}\n{self.remark}".strip()


def read_steps(data: Mapping[str, Any]) -> tuple[list[str], list[Step]]:
    """The lanes and steps of timeline data. A lane only a step names is added on the right."""
    lanes = [one_line(lane) for lane in data.get("lanes", ())]
    steps = []
    callers = {one_line(raw.get("caller") or "") for raw in data.get("steps", ())}
    for number, raw in enumerate(data.get("steps", ())):
        caller = one_line(raw.get("caller") or "") if len(callers - {""}) > 1 else ""
        lane = one_line(raw.get("lane", ""))
        if lane not in lanes:
            lanes.append(lane)
        steps.append(
            Step(
                number=number + 1,
                lane=lanes.index(lane),
                text=(f"{caller}: " if caller else "") + clean(raw.get("text") or ""),
                result=one_line(raw.get("result") or ""),
                state=str(raw.get("state") or "ok"),
                waits_for=one_line(raw.get("waits_for") or ""),
                read=one_line(raw.get("read") or ""),
                broken=data.get("broken_at") == number,
            )
        )
    return lanes or [""], steps


def resumed_at(steps: Sequence[Step], index: int) -> int:
    """Index of the step that ends the wait of steps[index]: the lane's next one, or one past the end."""
    later = (i for i in range(index + 1, len(steps)) if steps[i].lane == steps[index].lane)
    return next(later, len(steps))


def conclusion_of(data: Mapping[str, Any]) -> str:
    """ "Step 4 breaks it: Total is 90, must be 100", or the conclusion alone."""
    words, broken = one_line(data.get("conclusion") or ""), data.get("broken_at")
    if broken is None:
        return words
    return f"Step {broken + 1} breaks it: {words}" if words else f"Step {broken + 1} breaks it."
