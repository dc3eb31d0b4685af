"""A verdict in one line."""

from __future__ import annotations

from grader.verdict import Outcome, Status, Verdict


def headline(verdict: Verdict) -> str:
    """One line: "3 of 6 points, 1 of 4 properties not met: Money is conserved..."."""
    if verdict.status is not Status.JUDGED:
        return verdict.message or str(verdict.status)
    score = f"{verdict.points:g} of {verdict.max_points:g} points"
    if verdict.message:
        return f"{score}. {verdict.message}"
    missed = [f for f in verdict.findings if f.outcome is not Outcome.PASS]
    if not missed:
        return f"{score}, every property holds."
    worst = next((f for f in missed if f.outcome is Outcome.FAIL), missed[0])
    verb = "not shown to hold" if worst.outcome is Outcome.UNKNOWN else "not met"
    return f"{score}, {len(missed)} of {len(verdict.findings)} properties {verb}: {worst.claim}"
