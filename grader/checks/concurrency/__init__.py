"""Concurrent calls of an answer, for check modules: every schedule, every crash boundary, and rulings on them.

    with Rehearsal(answer, bench, database, callers=2) as rehearsal:
        reset = rehearsal.keep({"accounts": "id in (1, 2)"})
        scene = rehearsal.play(
            "two transfers in opposite directions",
            [Part("transfer", CONN, 1, 2, Decimal(30)), Part("transfer", CONN, 2, 1, Decimal(20))],
            reset=reset, observe=balances,
        )
        crash = rehearsal.crash("a transfer that is cut short", Part("transfer", CONN, 1, 2, Decimal(30)), ...)

and in a judge, a pure function of the history:

    return holds([scene, crash], lambda run: "" if sum(run.state) == 200 else f"the total is {sum(run.state)}",
                 expected="200.00 in all accounts together, as before")

`holds` shows the simplest run of which something is wrong as a timeline. Judges are tested from hand-written
scenes: `Scene("...", [Run(choices=parse("1 2 2 1"), replies=[...], endings=[...], state=...)])`.

A call is taken to be made on a pooled connection: what it leaves open when it returns or raises is rolled back
before the next one (a step of its own in the schedule), and `reply.connections` says so under "left". A part
whose call returned before its effect was committed therefore loses it, as it would in production.

Replaying (`bench.schedule`): only scenes with as many callers as the schedule names are played, once, and only
that schedule; `holds` then rules FAIL or UNKNOWN, never PASS, and shows the timeline in either case.
"""

from grader.checks.concurrency.parts import CONN, ENGINE, Part, Seat
from grader.checks.concurrency.rehearsal import MAX_RUNS, Rehearsal
from grader.checks.concurrency.rulings import (
    Problem,
    Scene,
    all_end,
    blame,
    covered,
    explored,
    holds,
    left_open,
    refused,
    simplest,
)

__all__ = [
    "CONN",
    "ENGINE",
    "MAX_RUNS",
    "Part",
    "Problem",
    "Rehearsal",
    "Scene",
    "Seat",
    "all_end",
    "blame",
    "covered",
    "explored",
    "holds",
    "left_open",
    "refused",
    "simplest",
]
