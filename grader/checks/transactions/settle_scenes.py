"""The scenes of `settle`: one batch after the other, several at once, and one that is cut short."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal
from grader.checks.transactions.balances import Balances, overdrawn, same, words
from grader.checks.transactions.settle_bank import Alone, Bank, Batch, settled
from grader.instruments.explore import Run


def pay(*moves: tuple[int, int, int]) -> Batch:
    return [(source, target, Decimal(amount)) for source, target, amount in moves]


def one_by_one(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> bool:
    """Returns whether there is any use in going on."""
    history = bank.history
    a, b, c, d = bank.accounts
    for what, valid, batch in (
        ("a batch of three", True, pay((a, b, 10), (b, c, 20), (c, a, 5))),
        (
            "a batch that uses one account over and over",
            True,
            pay((d, a, 30), (d, b, 40), (a, d, 5), (d, a, 1)),
        ),
        ("an empty batch", True, pay()),
        ("a batch whose second transfer is more than there is", False, pay((a, b, 10), (c, d, 5000))),
        ("a batch with an account that does not exist", False, pay((a, b, 10), (b, 1_000_000, 20))),
    ):
        run = rehearsal.alone(Part("settle", CONN, batch), **once)
        history.alone.append(Alone(what, batch, valid, run.replies[0], run.state))
        if not run.finished:
            return False
    return True


def at_once(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> None:
    history = bank.history
    a, b, c, d = bank.accounts

    def play(title: str, *batches: Batch, **more: Any) -> None:
        scene = rehearsal.play(
            title,
            [Part("settle", CONN, batch) for batch in batches],
            wrong=lambda run: deadlocked(run) or miscounted(history.before, list(batches), run),
            **once,
            **more,
        )
        history.together.append((scene, list(batches)))

    play("the same two accounts in opposite directions", pay((a, b, 10)), pay((b, a, 20)))
    play(
        "two batches over the same four accounts",
        pay((a, d, 10), (b, c, 20)),
        pay((c, b, 5), (d, a, 15)),
        max_runs=100,
    )
    play("three batches in a ring", pay((a, b, 1)), pay((b, c, 2)), pay((c, a, 3)), max_runs=40)
    play(
        "three batches that meet in one account",
        pay((b, d, 1)),
        pay((a, b, 2), (b, c, 2)),
        pay((c, b, 3), (b, a, 3)),
        max_runs=40,
    )
    poor = [pay((a, b, 300)), pay((a, c, 300))]
    history.scarce = rehearsal.play(
        "two batches out of one account that pays for one",
        [Part("settle", CONN, batch) for batch in poor],
        wrong=overdrawn,
        **once,
    )
    history.unrelated = rehearsal.play(
        "batches without a common account",
        [Part("settle", CONN, pay((a, b, 10))), Part("settle", CONN, pay((d, c, 20)))],
        max_switches=1,
        **once,
    )


def cut_short(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> None:
    a, b, c, d = bank.accounts
    batch = pay((a, b, 10), (c, d, 20))
    bank.history.crash = rehearsal.crash("a batch cut short", Part("settle", CONN, batch), **once), batch


def deadlocked(run: Run) -> str:
    victims = [s.session for s in run.deadlocks]
    return f"a deadlock: the server had to end what {victims[0]} was doing" if victims else ""


def miscounted(before: Balances, batches: list[Batch], run: Run) -> str:
    done = [b for b, reply in zip(batches, run.replies, strict=True) if reply is not None and reply.ok]
    if same(run.state, settled(before, done)):
        return ""
    return f"{len(done)} batches returned, but the balances do not show it: {words(before)} became {words(run.state)}"
