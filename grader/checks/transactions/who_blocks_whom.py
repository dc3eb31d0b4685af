"""`who_blocks_whom`: end the one session everybody waits for in the end, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.checks.concurrency import blame
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Opaque
from grader.checks.transactions.unit import lab
from grader.checks.transactions.who_blocks_whom_scenes import WORDS, History, drive, quiet_server


@lab.exercise(
    "who_blocks_whom",
    points=3,
    read="04-transactions: Locks and the queue behind them",
    coverage=lambda h: f"{len(h.piles)} pile-ups three deep, and one calm server" if h.calm else "",
    hints=(
        "Four sessions wait. Which of those they wait for waits itself, and which does not?",
        "pg_blocking_pids(pid) names those a session waits for; pg_stat_activity lists the sessions. Age and the number "
        "of followers say nothing about who is at the root.",
        "Look for a session that occurs among the blockers of another and has no blocker of its own. Then use the "
        "function that ends a session, or cancels what it runs, on that one.",
    ),
)
def who_blocks_whom(answer: Answer, bench: Bench) -> History:
    history = History()
    worker = answer.spawn()
    with quiet_server(bench) as ground:
        drive(worker, ground, history)
    return history


def named(value: Any) -> int | None:
    """The process id an answer names: a number, alone in a row or under a telling key; None if it names none."""
    if isinstance(value, bool) or value is None or isinstance(value, Opaque):
        return None
    if isinstance(value, Mapping):
        keys = ("pid", "root", "root_pid", "blocker", "blocking_pid", "root_blocker")
        return next((named(value[key]) for key in keys if key in value), None)
    if isinstance(value, (list, tuple, set)):
        return named(next(iter(value))) if len(value) == 1 else None
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


@who_blocks_whom.property(
    misconception="Who has the most followers, or is oldest, is not therefore at the root: the root is waited for and "
    "waits for nobody.",
)
def names_the_root(history: History) -> Ruling:
    """In a pile-up three deep the call returns the process id of the session everybody waits for in the end."""
    for pile in history.piles:
        if not pile.reply.ok:
            return fail("a process id", f"the call {blame(pile.reply)}", evidence=pile.evidence)
        pid = named(pile.reply.value)
        if pid != pile.pids["root"]:
            who = next((WORDS[name] for name, p in pile.pids.items() if p == pid), "")
            happened = f"it returned {pid}: {who}" if who else f"it returned {str(pile.reply.value)[:80]}"
            return fail(
                f"{pile.pids['root']}, {WORDS['root']} ({pile.what})", happened, evidence=pile.evidence
            )
    return True


@who_blocks_whom.property(
    misconception="To know the root frees nobody: its statement has to be cancelled, or its session ended.",
)
def ends_the_root(history: History) -> Ruling:
    """The root is cancelled or ended, and all who waited go on."""
    for pile in history.piles:
        if not pile.reply.ok:
            return fail("a call that returns", f"the call {blame(pile.reply)}", evidence=pile.evidence)
        if "root" not in pile.ended:
            others = [WORDS[name] for name in pile.ended]
            return fail(
                f"{WORDS['root']} is cancelled or ended ({pile.what})",
                f"it goes on holding its lock; hit was {', '.join(others)}"
                if others
                else "it goes on holding its lock",
                evidence=pile.evidence,
            )
        if not pile.freed and len(pile.ended) == 1:
            return fail(
                "all who waited go on", "the root was hit, but somebody still waits", evidence=pile.evidence
            )
    return True


@who_blocks_whom.property(
    needs=["ends_the_root"],
    misconception="Whoever only waits, or only works, has done no harm: ending them loses their work and frees nobody.",
)
def nobody_else(history: History) -> Ruling:
    """No other session is cancelled or ended, and on a calm server none at all."""
    for pile in [*history.piles, *([history.calm] if history.calm else [])]:
        innocent = [WORDS[name] for name in pile.ended if name != "root"]
        if innocent:
            return fail(
                "no other session is touched", f"hit was also {', '.join(innocent)}", evidence=pile.evidence
            )
    return True


@who_blocks_whom.property(
    needs=["names_the_root"],
    misconception="No pile-up, no root: an empty result has to be expected.",
)
def calm_is_no_error(history: History) -> Ruling:
    """When nobody waits, the call returns None."""
    if history.calm is None:
        return unknown("The pile-up could not be cleared, so the calm server was not tried.")
    reply = history.calm.reply
    if not reply.ok:
        return fail("None when nobody waits", f"the call {blame(reply)}")
    if named(reply.value) is not None:
        return fail(
            "None when nobody waits", f"it returned {named(reply.value)}", evidence=history.calm.evidence
        )
    return True
