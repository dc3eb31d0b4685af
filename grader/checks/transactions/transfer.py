"""`transfer`: money moves whole or not at all, whoever else moves money at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from grader.checks.concurrency import (
    CONN,
    Part,
    Rehearsal,
    Scene,
    all_end,
    blame,
    covered,
    holds,
    left_open,
    refused,
)
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Reply
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run

Balances = Mapping[str, str]  # account id -> balance as text, JSON-safe
THREE = 60  # schedules of three calls


@dataclass(frozen=True)
class Move:
    """One transfer that a scene asks for."""

    source: int
    target: int
    amount: Decimal


@dataclass
class Alone:
    """One call by itself. valid: whether it must move money."""

    what: str
    move: Move
    valid: bool
    reply: Reply | None
    before: Balances
    after: Balances


@dataclass
class Staged:
    """Some transfers at once."""

    scene: Scene
    moves: list[Move]


@dataclass
class History:
    before: Balances
    alone: list[Alone] = field(default_factory=list)
    together: list[Staged] = field(default_factory=list)
    crash: Staged | None = None
    unrelated: Staged | None = None

    @property
    def scenes(self) -> list[Scene]:
        last = [s.scene for s in (self.crash, self.unrelated) if s]
        return [*(s.scene for s in self.together), *last]


@lab.exercise(
    "transfer",
    points=6,
    read="04-transactions: Lost updates",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Between the moment you look at the balance and the moment you write it, who else may have written it? "
        "And if two transfers touch the same two accounts, in which order does each take them?",
        "A row that is read to be changed can be locked while it is read, or the condition can stand in the UPDATE "
        "itself, so that looking and changing are one step. Locks are held until the transaction ends.",
        "Open one transaction; take both rows in an order that does not depend on the direction of the transfer; "
        "decide with what you then see; change both; commit once. Raise before anything was changed, or roll back.",
    ),
)
def transfer(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    random = bench.random("accounts")
    a, b, c, d = random.sample(range(1, 101), 4)
    while list({a, b}) == list({b, a}):  # else a set, which has no order to lock in, would seem to have one
        a, b, c, d = random.sample(range(1, 101), 4)
    funds = Decimal(random.randrange(100, 400))
    database.execute(
        "UPDATE public.accounts SET balance = %s WHERE id = ANY (%s)", funds, [a, b, c, d], role="admin"
    )
    where = f"id IN ({a}, {b}, {c}, {d})"

    def observe() -> dict[str, str]:
        rows = database.query(f"SELECT id, balance FROM public.accounts WHERE {where} ORDER BY id")
        return {str(id): str(balance) for id, balance in rows}

    history = History(observe())
    with Rehearsal(answer, bench, database, callers=3) as rehearsal:
        reset = rehearsal.keep({"accounts": where})
        once: dict[str, Any] = {"reset": reset, "observe": observe}

        def part(move: Move) -> Part:
            return Part("transfer", CONN, move.source, move.target, move.amount)

        def alone(what: str, valid: bool, move: Move) -> None:
            run = rehearsal.alone(part(move), **once)
            history.alone.append(Alone(what, move, valid, run.replies[0], history.before, run.state))

        alone("an ordinary transfer", True, Move(a, b, funds / 4))
        if not history.alone[0].reply or history.alone[0].reply.ended:
            return history
        alone("a transfer of all there is", True, Move(b, a, funds))
        alone("a transfer of one cent more than there is", False, Move(a, b, funds + Decimal("0.01")))
        alone("a transfer to an account that does not exist", False, Move(a, 1_000_000, funds / 4))
        alone("a transfer from an account that does not exist", False, Move(1_000_000, b, funds / 4))
        alone("a transfer of nothing", False, Move(a, b, Decimal(0)))
        alone("a transfer of a negative amount", False, Move(a, b, -funds / 4))

        def play(title: str, moves: list[Move], **more: Any) -> Staged:
            staged = Staged(Scene(title), moves)

            def wrong(run: Run) -> str:
                return (
                    unbalanced(history.before, run)
                    or overdrawn(run)
                    or unanswered(history.before, moves, run)
                )

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
        crash = [Move(a, b, funds / 4)]
        history.crash = Staged(rehearsal.crash("a transfer cut short", part(crash[0]), **once), crash)
    return history


def total(state: Balances) -> Decimal:
    return sum(map(Decimal, state.values()), Decimal(0))


def moved(before: Balances, moves: list[Move]) -> dict[str, Decimal]:
    """What the balances must be after exactly these transfers."""
    state = {id: Decimal(balance) for id, balance in before.items()}
    for move in moves:
        for id, change in ((move.source, -move.amount), (move.target, move.amount)):
            if str(id) in state:
                state[str(id)] += change
    return state


def same(state: Balances, wanted: Mapping[str, Decimal]) -> bool:
    return {id: Decimal(b) for id, b in state.items()} == dict(wanted)


def unbalanced(before: Balances, run: Run) -> str:
    if total(run.state) == total(before):
        return ""
    return f"the accounts hold {total(run.state)} together, it was {total(before)}"


def overdrawn(run: Run) -> str:
    for id, balance in run.state.items():
        if Decimal(balance) < 0:
            return f"account {id} went below zero: {balance}"
    return ""


@transfer.property(
    misconception="A transaction counts from the moment it is committed: what is left open when the call returns is "
    "rolled back by whoever gets the connection next.",
)
def moves_money(history: History) -> Ruling:
    """Alone, a transfer takes exactly the amount from one account and gives it to the other, committed."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"{case.what} is carried out", f"the call {blame(case.reply)}")
        if not same(case.after, moved(case.before, [case.move])):
            if left_open(case.reply):
                return fail(
                    f"{case.what} is committed when the call returns",
                    "the call returned with its transaction still open, so it was rolled back and nothing moved",
                )
            return fail(
                f"{case.what}: {case.move.amount} leaves one account and arrives in the other, nothing else changes",
                f"balances {words(case.before)} became {words(case.after)}",
                "Only what belongs to this transfer may change."
                if dict(case.before) != dict(case.after)
                else "",
            )
    return True


@transfer.property(
    needs=["moves_money"],
    misconception="An UPDATE that finds no row is no error for the server: whether it found one must be asked.",
)
def typed_refusal(history: History) -> Ruling:
    """What cannot be done is refused with an exception of the shop, and nothing is changed."""
    for case in history.alone:
        if case.valid:
            continue
        if not same(case.after, moved(case.before, [])):
            return fail(
                f"{case.what} changes nothing", f"balances {words(case.before)} became {words(case.after)}"
            )
        if not refused(case.reply):
            return fail(
                f"{case.what} is refused with a typed error (InsufficientFunds, UnknownAccount, InvalidAmount, "
                "or your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@transfer.property(
    needs=["moves_money", "typed_refusal"],
    misconception="What was read before somebody else committed is old; writing a balance computed from it overwrites "
    "the other transfer.",
)
def no_lost_update(history: History) -> Ruling:
    """Under every interleaving money is conserved, and every call that returned has had its effect."""
    for staged in history.together:

        def wrong(run: Run, staged: Staged = staged) -> str:
            return unbalanced(history.before, run) or without_effect(history.before, staged.moves, run)

        ruling = holds(
            [staged.scene],
            wrong,
            expected=f"{total(history.before)} in the accounts together, as before, and each transfer that returned in "
            "the balances",
            misconception=lambda run: (
                "The server refused a statement, which takes back the whole transaction; whoever "
                "swallows that error tells the customer that money has moved."
                if run.deadlocks or run.serialization_failures
                else ""
            ),
        )
        if ruling is not True:
            return ruling
    return True


@transfer.property(
    needs=["moves_money", "typed_refusal"],
    misconception="The balance was looked at before the other transfer took its money; between the look and the "
    "change nothing was locked.",
)
def no_overdraft(history: History) -> Ruling:
    """No account goes below zero under any interleaving."""
    return holds([s.scene for s in history.together], overdrawn, expected="balances of zero or more")


@transfer.property(
    needs=["moves_money"],
    misconception="Two transfers that take the same rows in different orders, or first share them and then both want to "
    "change them, wait for each other: the server ends one of them. Taking what will be changed in a fixed order rules "
    "that out; otherwise the loser has to be tried again.",
)
def every_transfer_answered(history: History) -> Ruling:
    """Each concurrent call does its transfer, or refuses it because the money is not there: none fails otherwise."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    for staged in history.together:

        def wrong(run: Run, staged: Staged = staged) -> str:
            return unanswered(history.before, staged.moves, run)

        ruling = holds(
            [staged.scene],
            wrong,
            expected="every call returns with its transfer done, or refuses it with reason",
            misconception=why_unanswered,
        )
        if ruling is not True:
            return ruling
    return True


def why_unanswered(run: Run) -> str:
    """The likely wrong idea, by what the server had to do; deadlocks are what the property's own words are about."""
    if run.deadlocks:
        return ""
    if run.serialization_failures:
        return (
            "At REPEATABLE READ and SERIALIZABLE the server refuses whoever comes too late. That is no answer to a "
            "customer who has the money: the whole transfer has to be tried again, from its first read."
        )
    return "That a row is busy, or was skipped because it is locked, says nothing about the money in it."


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


@transfer.property(
    needs=["moves_money"],
    misconception="Two transactions are two chances to stop in between: both changes belong into one.",
)
def all_or_nothing(history: History) -> Ruling:
    """A transfer that is cut short anywhere has moved all of its money or none."""
    assert history.crash
    moves = history.crash.moves
    before, after = moved(history.before, []), moved(history.before, moves)

    def wrong(run: Run) -> str:
        reply = run.replies[0]
        if not same(run.state, before) and not same(run.state, after):
            return f"the money left one account and did not arrive: {words(run.state)}"
        if reply is not None and reply.ok and not same(run.state, after):
            return "the call returned as if all were well, but nothing has moved"
        return ""

    return holds([history.crash.scene], wrong, expected="all of the transfer, or nothing of it")


@transfer.property(
    needs=["every_transfer_answered", "no_lost_update"],
    misconception="A lock on more than the two rows makes everybody stand in one queue, also those who have nothing "
    "to do with each other.",
)
def others_go_on(history: History) -> Ruling:
    """A transfer between two other accounts never has to wait."""
    assert history.unrelated
    return holds(
        [history.unrelated.scene],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="transfers between different accounts do not wait for each other",
    )


def words(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{id}: {balance}" for id, balance in state.items())
