"""A scene of `close_the_hole`: two codes at the same moment, where one guess is left.

Of two refusals nobody can say whether a code was compared. But a schedule can be played twice, with the right code
at the one caller and then at the other: if it lets in both times, both codes were compared.
"""

from __future__ import annotations

from typing import Any

from grader.checks.authentication.close_the_hole_scenes import MOST_GUESSES, Door, wrong
from grader.checks.authentication.served import Served
from grader.instruments.explore import Caller, Run, Stage, replay
from grader.instruments.steps import Journal

MOST_STEPS = 3  # statements of the first caller before the other makes all of its own
ALL = 20  # more statements than a call has


def last_guess(door: Door, checker: Served) -> list[tuple[Run, Run]]:
    """Schedules, each with the right code at the first caller and at the second; the last is wrong if any is."""
    journal, form, right = Journal(), [door.ticket()], [1]
    urls = door.database.url(), door.database.url("admin")
    found = []

    def reset() -> None:
        form[0] = door.ticket()
        for _ in range(MOST_GUESSES - 1):
            door.send(checker, {**form[0], "code": wrong(form[0]["code"])})

    with Stage(*urls, callers=2, folder=str(door.folder)) as stage:

        def caller(lane: int) -> Caller:
            def begin(place: Served, url: str) -> Any:
                code = form[0]["code"]
                sent = {**form[0], "code": code if right[0] == lane else wrong(code)}
                return place.client.start("POST", "/code", json=sent)

            return Caller(lambda: door.place(stage.url(lane), journal), begin)

        callers = [caller(1), caller(2)]

        def play(schedule: str, lane: int) -> Run:
            right[0] = lane
            return replay(stage, callers, schedule, reset=reset)

        for steps in range(1, MOST_STEPS + 1):
            schedule = " ".join(["1"] * steps + ["2"] * ALL)
            found.append((play(schedule, 1), play(schedule, 2)))
            if both_compared(*found[-1]):
                break
    return found


def both_compared(first: Run, second: Run) -> bool:
    """Whether the right code let in at the first caller as at the second, by one schedule."""
    return all(
        (reply := run.replies[lane]) is not None and reply.ok for lane, run in enumerate((first, second))
    )
