"""`run_transaction`: the whole unit again, and only when the server asks for it."""

from __future__ import annotations

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.checks.transactions.run_transaction_scenes import (
    ATTEMPTS,
    SCENARIOS,
    History,
    described,
    play_all,
)
from grader.checks.transactions.unit import lab

LONGEST = 120.0  # seconds between two attempts that a caller may be asked to wait
FOR_GOOD = [
    "a unique violation",
    "a lock that was not available",
    "a statement that was cancelled",
    "a statement of which nobody knows whether it was completed",
    "a bug in the work",
]
CONFLICTS = [
    "a serialization failure",
    "a deadlock",
    "a serialization failure at COMMIT",
    "two different conflicts",
]


@lab.exercise(
    "run_transaction",
    points=4,
    read="04-transactions: SERIALIZABLE and retries",
    coverage=lambda h: f"{len(h.outcomes)} courses of events, {len(h.repeated)} times conflicts without end",
    hints=(
        "The server refuses your transaction and asks you to try again. Which part of the work may you repeat: the "
        "statement, or everything since BEGIN?",
        "SQLAlchemy wraps the driver's exception: its `orig` carries the `sqlstate`. Which two of them mean that trying "
        "again can help? And when may such an error come: also at COMMIT?",
        "A loop with a limit; inside it a fresh transaction around the whole of `work`, commit included; after it, "
        "outside the transaction, a random wait that may grow. Everything else goes straight to the caller.",
    ),
)
def run_transaction(answer: Answer, bench: Bench) -> History:
    return play_all(answer, bench)


@run_transaction.property(
    misconception="`work` gets a connection in a transaction; what it returns is the caller's."
)
def returns_the_result(history: History) -> Ruling:
    """Without a conflict the work runs once, is committed, and its result is returned."""
    outcome = history.outcomes["no conflict"]
    if outcome.broken or outcome.error or outcome.tries != 1 or outcome.value != "result of attempt 1":
        return fail("the work's result after one attempt", described(outcome))
    if outcome.rows != [1]:
        return fail("the work's row committed", "its row is not in the table: nothing was committed")
    return True


@run_transaction.property(
    needs=["returns_the_result"],
    misconception="A conflict may show at any statement and at COMMIT too, as a serialization failure (40001) or a "
    "deadlock (40P01): the commit belongs inside what is tried again.",
)
def conflicts_tried_again(history: History) -> Ruling:
    """After a serialization failure or a deadlock, wherever it shows, the work is tried again and succeeds."""
    for name in CONFLICTS:
        outcome = history.outcomes.get(name)
        if outcome is None:
            return unknown("An earlier call did not come back.")
        wanted = len(SCENARIOS[name])
        if outcome.error or outcome.broken or outcome.value != f"result of attempt {wanted}":
            return fail(f"{name}: the result of attempt {wanted}", described(outcome))
    return True


@run_transaction.property(
    needs=["conflicts_tried_again"],
    misconception="After a conflict the server has taken back everything since BEGIN: each attempt needs a transaction "
    "of its own around the whole work.",
)
def no_partial_effects(history: History) -> Ruling:
    """Only the attempt that succeeded leaves anything behind; a call that raises leaves nothing."""
    for name, outcome in history.outcomes.items():
        met = SCENARIOS[name][min(outcome.tries, len(SCENARIOS[name])) - 1]
        wanted = [outcome.tries] if met == "ok" and not outcome.error else []
        if outcome.rows != wanted:
            return fail(
                f"{name}: rows of {'attempt ' + str(wanted[0]) if wanted else 'no attempt'}",
                f"rows of attempts {', '.join(map(str, outcome.rows)) or '(none)'} are in the table",
            )
    return True


@run_transaction.property(
    needs=["returns_the_result"],
    misconception="A constraint that is violated, a bug or a cancelled statement will be there again next time; only "
    "40001 and 40P01 mean that trying again helps. OperationalError covers much more than those.",
)
def the_rest_raised(history: History) -> Ruling:
    """Every other error goes to the caller as it is, after one attempt."""
    for name in FOR_GOOD:
        outcome = history.outcomes.get(name)
        if outcome is None:
            return unknown("An earlier call did not come back.")
        first = SCENARIOS[name][0]
        same = outcome.error == "LookupError" if first == "bug" else outcome.sqlstate == first
        if outcome.tries != 1 or not same:
            kind = "LookupError" if first == "bug" else f"an error with SQLSTATE {first}"
            return fail(f"{name}: {kind} after one attempt", described(outcome))
    return True


@run_transaction.property(
    needs=["conflicts_tried_again"],
    misconception="A loop without a limit keeps a server busy that has too much to do already.",
)
def bounded(history: History) -> Ruling:
    """Conflicts without end end after the agreed number of attempts, with the last conflict raised."""
    outcome = history.outcomes.get("conflicts without end")
    if outcome is None:
        return unknown("An earlier call did not come back.")
    if outcome.sqlstate != "40001" or not 2 <= outcome.tries <= outcome.limit:
        return fail(
            f"the serialization failure (40001) after attempts={ATTEMPTS} attempts", described(outcome)
        )
    return True


@run_transaction.property(
    needs=["bounded"],
    misconception="Those who collided and come back at once, or all after the same time, collide again: the wait has to "
    "be random, and nothing may be held while it lasts.",
)
def waits_with_jitter(history: History) -> Ruling:
    """Between two attempts it waits a random time, through `sleep`, with no transaction open."""
    runs = history.repeated
    if not runs:
        return unknown("Conflicts without end were not reached.")
    for run in runs:
        if len(run.waits) != run.tries - 1:
            return fail(
                "one call of the given sleep between two attempts, none after the last",
                f"{len(run.waits)} waits in {run.tries} attempts",
            )
        if any(not 0 <= seconds <= LONGEST for seconds in run.waits):
            return fail(f"waits between 0 and {LONGEST:g} seconds", f"waits of {run.waits} seconds")
        if run.open_while_waiting:
            return fail("no transaction open while it waits", "a transaction was open during the wait")
    if len({tuple(run.waits) for run in runs}) < 3 or not any(
        seconds > 0 for run in runs for seconds in run.waits
    ):
        shown = ", ".join(f"{run.waits[0]:g}" for run in runs)
        return fail(
            "waits that differ from call to call", f"the first waits of {len(runs)} calls: {shown} seconds"
        )
    return True
