"""What the properties of `oauth_callback` have in common."""

from __future__ import annotations

from grader.checks.authentication.oauth_scenes import History
from grader.checks.exercise import Ruling, fail, unknown

NEVER = "It was not tried: no login ever succeeded."


def none_works(history: History, family: str, why: str = "") -> Ruling:
    """Whether no attack of that family lets anybody in. why: what is said instead of the misconception."""
    rows = history.of(family)
    if not rows:
        return unknown(NEVER)
    worked = [a for a in rows if a.works]
    if not worked:
        return True
    return fail(
        "nobody is logged in, and no code is given away",
        "; ".join(f"{a.name}: {a.outcome()}" for a in worked),
        why,
        evidence=[history.table(worked)],
    )


def fresh(history: History, name: str, parameter: str) -> Ruling:
    drawn = [s[name] for s in history.sent if not s["refused"]]
    if len(set(drawn)) < len(drawn):
        return fail(
            f"a {parameter} of its own for each login",
            f"{len(set(drawn))} different ones in {len(drawn)} logins",
        )
    how = history.calculated.get(parameter)
    if how:
        return fail(
            f"a {'verifier' if parameter == 'code_challenge' else parameter} from the system's randomness",
            f"it is made of what stands in the address: {how}",
            "Addresses stay in histories and logs; what can be calculated from one is no secret beside it.",
        )
    return parameter not in history.repeated or fail(
        f"a {parameter} from the system's randomness",
        "two logins got the same, as the module random was in the same state and the machine's clock showed the same",
        "random is made for simulations, a clock for everybody; secrets is made for this.",
    )
