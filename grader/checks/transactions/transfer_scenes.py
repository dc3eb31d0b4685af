"""The scenes of `transfer`: one call after the other, several at once, and one that is cut short."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, blame, refused
from grader.checks.transactions.balances import Balances, overdrawn, same, total, words
from grader.checks.transactions.transfer_bank import Alone, Bank, Move, Staged, moved
from grader.instruments.explore import Run

THREE = 60  # schedules of three calls


def part(move: Move) -> Part:
    return Part("transfer", CONN, move.source, move.target, move.amount)


def one_by_one(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> bool:
    """Returns whether there is any use in going on."""
    history, funds = bank.history, bank.funds
    a, b, *_ = bank.accounts

    def alone(what: str, valid: bool, move: Move) -> None:
        run = rehearsal.alone(part(move), **once)
        history.alone.append(Alone(what, move, valid, run.replies[0], history.before, run.state))

    alone("an ordinary transfer", True, Move(a, b, funds / 4))
    if not history.alone[0].reply or history.alone[0].reply.ended:
        return False
    alone("a transfer of all there is", True, Move(b, a, funds))
    alone("a transfer of one cent more than there is", False, Move(a, b, funds + Decimal("0.01")))
    alone("a transfer to an account that does not exist", False, Move(a, 1_000_000, funds / 4))
    alone("a transfer from an account that does not exist", False, Move(1_000_000, b, funds / 4))
    alone("a transfer of nothing", False, Move(a, b, Decimal(0)))
    alone("a transfer of a negative amount", False, Move(a, b, -funds / 4))
    return True


def at_once(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> None:
    history, funds = bank.history, bank.funds
    a, b, c, d = bank.accounts

    def play(title: str, moves: list[Move], **more: Any) -> Staged:
        staged = Staged(Scene(title), moves)

        def wrong(run: Run) -> str:
            return unbalanced(history.before, run) or overdrawn(run) or unanswered(history.before, moves, run)

        def always(state: Balances) -> str:
            return "" if total(state) == total(history.before) else "money appeared or vanished"

        staged.scene = rehearsal.play(
            title, [part(m) for m in moves], wrong=wrong, always=always, **once, **more
        )
        return staged

    most = funds * 6 / 10
    history.together.append(
        play("two transfers in opposite directions", [Move(a, b, funds / 4), Move(b, a, funds / 5)])
    )
    history.together.append(
        play("two transfers out of one account that pays for one", [Move(a, b, most), Move(a, c, most)])
    )
    ring = [Move(a, b, funds / 4), Move(b, c, funds / 4), Move(c, a, funds / 5)]
    history.together.append(play("three transfers in a ring", ring, max_runs=THREE))
    history.unrelated = play(
        "transfers between other accounts", [Move(a, b, funds / 4), Move(c, d, funds / 4)], max_switches=1
    )


def cut_short(bank: Bank, rehearsal: Rehearsal, once: dict[str, Any]) -> None:
    a, b, *_ = bank.accounts
    move = Move(a, b, bank.funds / 4)
    bank.history.crash = Staged(rehearsal.crash("a transfer cut short", part(move), **once), [move])


def unbalanced(before: Balances, run: Run) -> str:
    if total(run.state) == total(before):
        return ""
    return f"the accounts hold {total(run.state)} together, it was {total(before)}"


def unanswered(before: Balances, moves: list[Move], run: Run) -> str:
    """What is wrong with how the calls of a run ended."""
    for number, reply in enumerate(run.replies, 1):
        if not (reply is not None and reply.ok) and not refused(reply):
            return f"T{number} {blame(reply)}"
    done = returned(moves, run)
    sources = {m.source for m in moves}
    for source in sources:
        wanted = [m for m in moves if m.source == source]
        if not any(m in wanted for m in done):
            return "every transfer was refused, although there was money for one"
        if len([m for m in done if m in wanted]) < len(wanted) and sum(
            (m.amount for m in wanted), Decimal(0)
        ) <= Decimal(before[str(source)]):
            return "a transfer was refused although there was money for it"
    return ""


def without_effect(before: Balances, moves: list[Move], run: Run) -> str:
    done = returned(moves, run)
    if same(run.state, moved(before, done)):
        return ""
    calls = "1 call" if len(done) == 1 else f"{len(done)} calls"
    return f"{calls} returned, but the balances do not show it: {words(before)} became {words(run.state)}"


def returned(moves: list[Move], run: Run) -> list[Move]:
    return [m for m, reply in zip(moves, run.replies, strict=True) if reply is not None and reply.ok]
