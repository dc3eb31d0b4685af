"""What the schedules of some calls did, and rulings on all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Reply
from grader.instruments.explore import Exploration, Run, timeline
from grader.verdict import Evidence

Problem = Callable[[Run], str | None]


@dataclass
class Scene:
    """What some concurrent calls did under the schedules that were played.

    runs: in the order played, fewest changes of turn first. asked: None, or the only schedule that was played.
    cut: not all were played, because so many were broken already.
    """

    title: str
    runs: list[Run] = field(default_factory=list)
    coverage: str = ""
    asked: str | None = None
    cut: bool = False

    @property
    def replies(self) -> list[Reply | None]:
        """Those of the first run: what the calls say when nobody comes between."""
        return list(self.runs[0].replies) if self.runs else []

    def exhibit(self, run: Run, problem: str = "") -> Evidence:
        return Evidence("timeline", self.title[:1].upper() + self.title[1:], timeline(run, problem))


def simplest(scenes: Sequence[Scene], wrong: Problem) -> tuple[Scene, Run, str] | None:
    """The run easiest to follow of which `wrong` has something to say, and what it says."""
    found = [(scene, run, text) for scene in scenes for run in scene.runs if (text := wrong(run))]
    return min(found, key=lambda f: (len(f[1].replies), f[1].switches, len(f[1].statements)), default=None)


def explored(
    found: Exploration | None, expected: str, title: str, *, never: str, unanswered: Ruling
) -> Ruling:
    """The ruling on an exploration that was judged as it was played: FAIL with its simplest counterexample.

    never: why there is none. unanswered: the ruling if nothing was wrong, but some call never came to an end.
    """
    if found is None:
        return unknown(never)
    if (worst := found.counterexample) is not None:
        exhibit = Evidence("timeline", title, timeline(worst))
        return fail(expected, f"{worst.problem} (schedule {worst.schedule})", evidence=[exhibit])
    return True if all(run.finished for run in found.runs) else unanswered


def holds(
    scenes: Sequence[Scene],
    wrong: Problem,
    *,
    expected: str,
    misconception: str | Callable[[Run], str] = "",
    evidence: Sequence[Evidence] = (),
) -> Ruling:
    """FAIL with the simplest counterexample; PASS if no run has one; UNKNOWN if that was not established.

    wrong(run) is called for every run whose callers all came to an end; it says in domain words what is wrong.
    """

    def judge(run: Run) -> str | None:
        return wrong(run) if run.finished else None

    found = simplest(scenes, judge)
    if found is not None:
        scene, run, text = found
        exhibits = [scene.exhibit(run, text), *evidence]
        why = misconception(run) if callable(misconception) else misconception
        return fail(expected, f"{text} (schedule {run.schedule})", why, exhibits)
    asked = next((s.asked for s in scenes if s.asked is not None), None)
    if asked is not None:
        shown = next(((s, s.runs[0]) for s in scenes if s.runs), None)
        return unknown(
            f"It holds under the schedule {asked}; only that one was played."
            if shown
            else f"Only the schedule {asked} was played, which says nothing about this.",
            [shown[0].exhibit(shown[1])] if shown else (),
        )
    if any(not run.finished for s in scenes for run in s.runs) or not any(s.runs for s in scenes):
        return unknown("A call did not come to an end, so the schedules were not explored.")
    if any(s.cut for s in scenes):
        return unknown("So many schedules went wrong in another way that the rest was not played.")
    return True


def all_end(scenes: Sequence[Scene], expected: str = "a call that returns or raises") -> Ruling:
    """Whether every call of every run came to an end by itself."""
    for scene in scenes:
        for run in scene.runs:
            for number, ending in enumerate(run.endings, 1):
                reply = run.replies[number - 1] if number <= len(run.replies) else None
                died = getattr(reply, "ended", "") == "died"
                if ending == "never finished" or died:
                    text = f"T{number} {'ended its process' if died else 'never came back'}"
                    why = (
                        "What it waits for is never given back: a lock of a session outlives the transaction and the "
                        "call that took it, and a loop that only asks again does not let go of what it holds itself."
                    )
                    return fail(
                        expected,
                        f"{text} (schedule {run.schedule})",
                        "" if died else why,
                        [scene.exhibit(run, text)],
                    )
    return True


def blame(reply: Reply | None) -> str:
    """What a call did, in words: "returned", "raised DeadlockDetected (40P01): deadlock detected"."""
    if reply is None or reply.ended:
        return "did not come back"
    if reply.error is None:
        return "returned"
    text = f"raised {reply.error.type}"
    text = f"{text} ({reply.error.sqlstate})" if reply.error.sqlstate else text
    first = (reply.error.message.splitlines() or [""])[0][:160]
    return f"{text}: {first}" if first else text


def refused(reply: Reply | None) -> bool:
    """Whether a call ended with a typed refusal: an exception of the domain, or a ValueError of its own choice."""
    if reply is None or reply.error is None:
        return False
    return reply.error.kind == "domain" or (
        reply.error.kind == "builtin" and reply.error.type in ("ValueError", "LookupError")
    )


def left_open(reply: Reply | None) -> bool:
    """Whether a call ended while its transaction was still open, so that its effect was taken back."""
    return reply is not None and reply.connections.get("left") == "open"


def covered(*scenes: Scene) -> str:
    """The coverage sentence of a verdict."""
    return "; ".join(scene.coverage for scene in scenes if scene.coverage)
