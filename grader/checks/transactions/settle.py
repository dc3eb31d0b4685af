"""`settle`: batches that share accounts queue up, in whatever order their transfers are listed."""

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

Batch = list[tuple[int, int, Decimal]]
FUNDS = Decimal(500)


@dataclass
class Alone:
    """One batch by itself. valid: whether it must be carried out."""

    what: str
    batch: Batch
    valid: bool
    reply: Reply | None
    after: Mapping[str, str]


@dataclass
class History:
    before: Mapping[str, str]
    alone: list[Alone] = field(default_factory=list)
    together: list[tuple[Scene, list[Batch]]] = field(default_factory=list)
    crash: tuple[Scene, Batch] | None = None
    scarce: Scene = field(default_factory=lambda: Scene("two batches out of one account that pays for one"))
    unrelated: Scene = field(default_factory=lambda: Scene("batches without a common account"))

    @property
    def scenes(self) -> list[Scene]:
        crash = [self.crash[0]] if self.crash else []
        return [*(s for s, _ in self.together), self.scarce, *crash, self.unrelated]


@lab.exercise(
    "settle",
    points=4,
    read="04-transactions: Deadlocks",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Batch one pays from 1 to 2, batch two from 2 to 1. At which moment does each hold what the other needs?",
        "A deadlock needs two who take the same locks in different orders. The order of the list is the customer's; "
        "the order of the locks is yours.",
        "Collect all accounts of the batch first, lock them once, sorted; then work through the list in any order you "
        "like and commit once.",
    ),
)
def settle(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    random = bench.random("accounts")
    # Of one class modulo 8: so small a set of ints has them in the order in which they were put in, which is no order
    # to lock them in, and looks like one with most other numbers.
    a, b, c, d = sorted(random.sample(range(random.randrange(1, 9), 101, 8), 4))
    where = f"id IN ({a}, {b}, {c}, {d})"
    # more accounts than fit on a page or two, so that rows are found one by one, in the order they are asked for
    database.execute(
        "INSERT INTO public.accounts (id, owner, balance) SELECT n, 'Others', 0 FROM pg_catalog.generate_series(1001, 6000) n",
        role="admin",
    )
    database.execute("ANALYZE public.accounts", role="admin")
    database.execute(f"UPDATE public.accounts SET balance = %s WHERE {where}", FUNDS, role="admin")

    def observe() -> dict[str, str]:
        rows = database.query(f"SELECT id, balance FROM public.accounts WHERE {where} ORDER BY id")
        return {str(id): str(balance) for id, balance in rows}

    def pay(*moves: tuple[int, int, int]) -> Batch:
        return [(source, target, Decimal(amount)) for source, target, amount in moves]

    history = History(observe())
    with Rehearsal(answer, bench, database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"accounts": where}), "observe": observe}

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
                return history

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
        batch = pay((a, b, 10), (c, d, 20))
        history.crash = rehearsal.crash("a batch cut short", Part("settle", CONN, batch), **once), batch
    return history


def settled(before: Mapping[str, str], batches: list[Batch]) -> dict[str, Decimal]:
    """The balances after exactly these batches."""
    state = {id: Decimal(balance) for id, balance in before.items()}
    for source, target, amount in (move for batch in batches for move in batch):
        for id, change in ((source, -amount), (target, amount)):
            if str(id) in state:
                state[str(id)] += change
    return state


def same(state: Mapping[str, str], wanted: Mapping[str, Decimal]) -> bool:
    return {id: Decimal(balance) for id, balance in state.items()} == dict(wanted)


def words(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{id}: {balance}" for id, balance in state.items())


def deadlocked(run: Run) -> str:
    victims = [s.session for s in run.deadlocks]
    return f"a deadlock: the server had to end what {victims[0]} was doing" if victims else ""


def overdrawn(run: Run) -> str:
    below = [f"account {id} went below zero: {b}" for id, b in run.state.items() if Decimal(b) < 0]
    return below[0] if below else ""


def miscounted(before: Mapping[str, str], batches: list[Batch], run: Run) -> str:
    done = [b for b, reply in zip(batches, run.replies, strict=True) if reply is not None and reply.ok]
    if same(run.state, settled(before, done)):
        return ""
    return f"{len(done)} batches returned, but the balances do not show it: {words(before)} became {words(run.state)}"


@settle.property(
    misconception="Every line counts: an account may occur many times, and there may be no line at all. What is not committed when the call returns is rolled back.",
)
def settles(history: History) -> Ruling:
    """Alone, a batch carries out every one of its transfers, committed."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"{case.what} is settled", f"the call {blame(case.reply)}")
        wanted = settled(history.before, [case.batch])
        if not same(case.after, wanted):
            return fail(
                f"{case.what}: balances {words(wanted)}",
                "the call returned with its transaction still open, so it was rolled back"
                if left_open(case.reply)
                else f"balances {words(case.after)}",
            )
    return True


@settle.property(
    needs=["settles"],
    misconception="One transfer that cannot be done takes back the whole batch: no half of it may stand.",
)
def refused_as_a_whole(history: History) -> Ruling:
    """A batch with a transfer that cannot be done is refused with a typed error, and none of it is carried out."""
    for case in history.alone:
        if case.valid:
            continue
        if not same(case.after, settled(history.before, [])):
            return fail(
                f"{case.what} changes nothing", f"balances {words(history.before)} became {words(case.after)}"
            )
        if not refused(case.reply):
            return fail(
                f"{case.what} is refused with a typed error (InsufficientFunds, UnknownAccount, or your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@settle.property(
    needs=["settles"],
    misconception="Locks taken in the order of the list, or of the sources, or as the plan of an UPDATE happens to find "
    "the rows, are taken in opposite orders by some other batch. To try again after a deadlock hides it and does the work twice.",
)
def never_deadlocks(history: History) -> Ruling:
    """Under every interleaving the server never has to break a deadlock."""
    return holds(
        [s for s, _ in history.together], deadlocked, expected="batches that queue up behind each other"
    )


@settle.property(
    needs=["settles"],
    misconception="Balances computed from what was read before the lock was held overwrite the other batch.",
)
def no_lost_update(history: History) -> Ruling:
    """Under every interleaving the balances show exactly the batches that returned."""
    for scene, batches in history.together:
        ruling = holds(
            [scene],
            lambda run, b=batches: miscounted(history.before, b, run),  # type: ignore[misc]
            expected="every transfer of every batch that returned, and no other",
        )
        if ruling is not True:
            return ruling
    return True


@settle.property(
    needs=["settles"],
    misconception="Whether there is enough was decided by what was read before the accounts were locked; by then another "
    "batch had been paid.",
)
def no_overdraft(history: History) -> Ruling:
    """Of two batches out of one account that pays for one, at most one is settled, under every interleaving."""
    return holds([history.scarce], overdrawn, expected="no balance below zero")


@settle.property(
    needs=["never_deadlocks"],
    misconception="An error of the server is no answer to a customer whose batch could be settled.",
)
def every_batch_settled(history: History) -> Ruling:
    """Each of the concurrent batches, all of which can be paid, is settled."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return holds(
        [s for s, _ in history.together],
        lambda run: next(
            (
                f"T{n} {blame(reply)}"
                for n, reply in enumerate(run.replies, 1)
                if reply is None or not reply.ok
            ),
            "",
        ),
        expected="every call returns",
    )


@settle.property(
    needs=["settles"],
    misconception="A commit between two transfers is a place where a crash leaves half a batch.",
)
def all_or_nothing(history: History) -> Ruling:
    """A batch that is cut short anywhere is carried out whole or not at all."""
    assert history.crash
    scene, batch = history.crash
    before, after = settled(history.before, []), settled(history.before, [batch])

    def wrong(run: Run) -> str:
        if not same(run.state, before) and not same(run.state, after):
            return f"half a batch: {words(history.before)} became {words(run.state)}"
        reply = run.replies[0]
        if reply is not None and reply.ok and not same(run.state, after):
            return "the call returned as if all were well, but nothing was settled"
        return ""

    return holds([scene], wrong, expected="all of the batch, or nothing of it")


@settle.property(
    needs=["every_batch_settled", "no_lost_update"],
    misconception="One lock for everybody rules deadlocks out, and concurrency with them.",
)
def others_go_on(history: History) -> Ruling:
    """Batches without a common account never wait for each other."""
    return holds(
        [history.unrelated],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="batches over different accounts that do not wait for each other",
    )
